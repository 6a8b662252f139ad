"""Lines of the assertions file become records: what of an edge an entry needs, in bytes that sort as entries want them.

The file (github.com/commonsense/conceptnet5/wiki/Downloads): one edge a line, five columns parted by tabs: the edge's
URI, relation, start, end, and JSON with `dataset`, `license`, `sources`, `weight` and sometimes `surfaceText`.

A record is one line of five fields parted by tabs: concept (`/c/en/dog`), relation's code, digest, end, sense (`n`,
`n/wn/animal` or nothing). Sorted as bytes, records of one concept stand together, by relation in the order of
`relations.toml`, the strongest first. The first column is not looked at: it repeats the next three.
"""

import json
import math
import re
import struct
from collections import Counter
from collections.abc import Collection, Iterator
from typing import IO
from zlib import crc32

from ravlm.knowledge.sources.conceptnet.relations import LINK, known_relations
from ravlm.safe.streams import LONGEST_LINE, chunks

LONGEST_URI = 500  # bytes of a concept or a relation; an entry's id has at most 512 characters
LINK_CODE = b"\x7e\x7e"
UNKNOWN = b"\x7e"  # before the name of a relation without sentences of its own: after those that have some
LINK_MARK = b"/l//"  # before an end that is no concept
TOO_LONG = "line over 16 MB"
UNWANTED = "language not wanted"
PART = "\x1f"  # between the parts of a digest: sort key, weight, dataset, licence, sentence

_CONTROLS = bytes([*range(9), *range(11, 32), 127])
_IN_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_MARKED = re.compile(r"\[\[[^\[\]]+\]\]")
_KEYS = ("dataset", "license", "surfaceText")
_ALL_BITS = (1 << 64) - 1
_STRING = rb'"[^"\\\x00-\x1f]*"'
_SAID = rb'"([^"\\\x00-\x1f]*)"'
_SOURCE = rb"\{" + _STRING + rb": " + _STRING + rb"(?:, " + _STRING + rb": " + _STRING + rb")*\}"
_INFO = re.compile(
    rb'\{"dataset": '
    + _SAID
    + rb', "license": '
    + _SAID
    + rb', "sources": \['
    + _SOURCE
    + rb"(?:, "
    + _SOURCE
    + rb")*\]"
    rb'(?:, "surfaceEnd": ' + _STRING + rb', "surfaceStart": ' + _STRING + rb', "surfaceText": ' + _SAID + rb")?"
    rb', "weight": (\d{1,15}\.\d{1,20})\}'
)
_LONGEST_PLAIN = 1000  # bytes of a line that needs no closer look
_LONGEST_MEMO = 1000  # bytes
_MOST_MEMOS = 4096
_LONGEST_NAME = 200  # characters of a dataset or a licence
_LONGEST_SURFACE = 300  # characters

Info = tuple[float, str, str, str]
"""What is read of the JSON: weight, dataset, licence, surface text (empty where there is none)."""


def line_lists(stream: IO[bytes], skipped: Counter[str]) -> Iterator[list[bytes]]:
    """The lines of a stream without their ends and without control characters, about a megabyte at a time.

    A line of more than 16 MB is not held; `skipped` counts it.
    """
    rest, passing = b"", False  # passing: within a line that is too long
    for chunk in chunks(stream):
        lines = chunk.translate(None, _CONTROLS).split(b"\n")
        lines[0] = rest + lines[0]
        if passing and len(lines) > 1:
            del lines[0]
            passing = False
        elif len(lines) > 1 and len(lines[0]) > LONGEST_LINE:
            del lines[0]
            skipped[TOO_LONG] += 1
        rest = lines.pop()
        if passing:
            rest = b""
        elif len(rest) > LONGEST_LINE:
            rest, passing = b"", True
            skipped[TOO_LONG] += 1
        yield lines
    if rest:
        yield [rest]


class LeftOut(ValueError):
    """Why a line is left out."""


class EdgeReader:
    """Makes records of lines, and counts in `skipped` why others were left out.

    `languages`: a concept's edges are kept where it is in one of them and the other end is too; a synonym may be in any
    language, since that is a translation. `minimum_weight`: edges below it are left out.
    """

    def __init__(self, languages: Collection[str] | None = None, minimum_weight: float = 0.0) -> None:
        self.skipped: Counter[str] = Counter()
        self._wanted = None if languages is None else frozenset(code.encode() for code in languages)
        self._minimum = minimum_weight
        self._too_light = f"weight below {minimum_weight:g}"
        self._memo: dict[bytes, bytes] = {}
        self._codes = {b"/r/" + name.encode(): b"%02d" % rank for rank, name in enumerate(known_relations())}

    def spread(self, lines: list[bytes], buckets: list[list[bytes]]) -> None:
        """Put each line's record into the bucket that its concept's checksum says."""
        memo, codes, wanted, count = self._memo, self._codes, self._wanted, len(buckets)
        for line in lines:
            try:
                _, relation, start, end, info = line.split(b"\t")
                first = start.split(b"/", 4)
                if wanted is not None and first[2] not in wanted and first[1] == b"c" and first[3]:
                    self.skipped[UNWANTED] += 1
                    continue
                last = end.split(b"/", 4)
                digest, code = memo[info], codes[relation]
                plain = bool(first[1] == last[1] == b"c" and first[2] and first[3] and last[2] and last[3])
                plain = plain and (wanted is None or last[2] in wanted) and len(line) < _LONGEST_PLAIN
            except (ValueError, IndexError, KeyError):
                plain = False
            if not plain:
                found = self.record(line)
                if found is not None:
                    buckets[crc32(found[0]) % count].append(found[1])
            elif len(first) == 5:
                sense = first[4]
                concept = start[: -1 - len(sense)]
                buckets[crc32(concept) % count].append(b"\t".join((concept, code, digest, end, sense)))
            else:
                buckets[crc32(start) % count].append(b"\t".join((start, code, digest, end, b"")))

    def record(self, line: bytes) -> tuple[bytes, bytes] | None:
        """(concept, record) of any line; None where it is left out."""
        try:
            return self._record(line)
        except LeftOut as reason:
            self.skipped[str(reason)] += 1
            return None

    def _record(self, line: bytes) -> tuple[bytes, bytes]:
        columns = line.split(b"\t")
        if len(columns) != 5:
            raise LeftOut("not five columns")
        _, relation, start, end, info = columns
        concept, language, sense = _concept(start)
        if language and self._wanted is not None and language not in self._wanted:
            raise LeftOut(UNWANTED)
        if not is_text(line):
            raise LeftOut("not UTF-8")
        if not relation.startswith(b"/r/") or len(relation) == 3:
            raise LeftOut("not a relation")
        _, end_language, _ = _concept(end)
        link = relation == b"/r/" + LINK.encode() or b"://" in end
        if not language or not (end_language or link):
            raise LeftOut("not a concept")
        if max(map(len, (relation, start, end))) > LONGEST_URI:
            raise LeftOut(f"name over {LONGEST_URI} bytes")
        translation = link or relation == b"/r/Synonym"
        if self._wanted is not None and end_language not in self._wanted and not translation:
            raise LeftOut(UNWANTED)
        digest = self._memo.get(info) or self._digest(info, not link and language == end_language == b"en")
        code = LINK_CODE if link else self._codes.get(relation) or UNKNOWN + relation[3:]
        return concept, b"\t".join((concept, code, digest, LINK_MARK + end if link else end, sense))

    def _digest(self, info: bytes, english: bool) -> bytes:
        weight, dataset, licence, surface = read_info(info)
        if weight < self._minimum:
            raise LeftOut(self._too_light)
        sentence = surface_sentence(surface) if english else ""
        digest = PART.join([_descending(weight), repr(weight), dataset, licence, sentence]).encode()
        if not surface and len(info) < _LONGEST_MEMO:  # most lines of the release share a few of these
            if len(self._memo) >= _MOST_MEMOS:
                self._memo.clear()
            self._memo[info] = digest
        return digest


def read_info(info: bytes) -> Info:
    """Weight, dataset, licence and surface text (empty where there is none) of the fifth column.

    The release's own order of keys is read by one pattern, everything else by a JSON parser; both say the same.

    Raises:
        LeftOut: it is not UTF-8 or no JSON object, or has no finite weight.
    """
    if not is_text(info):
        raise LeftOut("not UTF-8")
    found = _INFO.fullmatch(info)
    if found is not None:
        dataset, licence, surface, number = found.groups(b"")
        said = [text.decode() for text in (dataset, licence, surface)]
        return float(number), _tidy(said[0]), _tidy(said[1]), _tidy(said[2], None)
    try:
        values = json.loads(info)
    except (ValueError, RecursionError):
        raise LeftOut("info is not JSON") from None
    if not isinstance(values, dict):
        raise LeftOut("info is not JSON")
    try:
        weight = float(values["weight"]) if type(values.get("weight")) in (int, float) else math.nan
    except OverflowError:
        weight = math.nan
    if not math.isfinite(weight):
        raise LeftOut("no weight")
    texts = [text if isinstance(text := values.get(key), str) else "" for key in _KEYS]
    return weight, _tidy(texts[0]), _tidy(texts[1]), _tidy(texts[2], None)


def surface_sentence(surface: str) -> str:
    """The sentence that an edge was made from, without its marks; empty where it can't be one.

    >>> surface_sentence("*Something you find at [[the zoo]] is [[a lion]]")
    'Something you find at the zoo is a lion.'
    """
    if len(surface) > _LONGEST_SURFACE or len(_MARKED.findall(surface)) != 2:
        return ""
    plain = " ".join(surface.removeprefix("*").replace("[[", "").replace("]]", "").split())
    if not plain:
        return ""
    return plain[:1].title() + plain[1:] + ("" if plain[-1] in ".!?" else ".")


def _concept(uri: bytes) -> tuple[bytes, bytes, bytes]:
    """(concept without its sense, language, sense); empty where the URI names no concept."""
    root, kind, *parts = uri.split(b"/", 4) if uri.count(b"/") >= 3 else (b"-", b"")
    if root or kind != b"c" or not parts[0] or not parts[1]:
        return b"", b"", b""
    return b"/c/%b/%b" % (parts[0], parts[1]), parts[0], parts[2] if len(parts) > 2 else b""


def _descending(weight: float) -> str:
    """16 hex digits that sort the other way round than the weights."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", -weight or 0.0))
    return f"{bits ^ (_ALL_BITS if bits >> 63 else 1 << 63):016x}"


def _tidy(text: str, longest: int | None = _LONGEST_NAME) -> str:
    return _IN_TEXT.sub(" ", text[:longest])


def is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
