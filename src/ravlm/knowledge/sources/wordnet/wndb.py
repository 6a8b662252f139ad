"""WordNet's database files, WNDB: data.noun, data.verb, data.adj, data.adv and, where it is there, index.sense.

The format is told by wndb(5WN). The files are exact: every line begins with its own position in bytes, and pointers are
such positions. So a malformed line, a line at another place than it says, or a pointer to no line is an error and not a
line to leave out.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ravlm.errors import FormatError, PathError
from ravlm.knowledge.sources.part import Part, Place
from ravlm.knowledge.sources.wordnet.frames import frame_text, with_verb
from ravlm.knowledge.sources.wordnet.prose import Link, Origin, Synset, clean, entry_of
from ravlm.knowledge.sources.wordnet.relations import POINTERS
from ravlm.knowledge.sources.wordnet.senses import lexname, sense_key, split_gloss, stated_key
from ravlm.records import Entry
from ravlm.safe.streams import bounded_lines, open_stream

FILES = {"n": "data.noun", "v": "data.verb", "a": "data.adj", "r": "data.adv"}
LONGEST_LINE = 1_000_000  # bytes; the longest of WordNet 3.0 has 12,973
_TYPES = {"n": "n", "v": "v", "a": "as", "r": "r"}  # the ss_types of a file
_FILE_OF = {"n": "n", "v": "v", "a": "a", "s": "a", "r": "r"}
_IN_PART = 1000  # entries
_MARKER = re.compile(r"\((a|p|ip)\)$")
_VERSION = re.compile(r"(?<!Open English )WordNet (\d+(?:\.\d+)*) Copyright")


class _Head(NamedTuple):
    """What other lines need to know of a line: its type, file number, and words with their lex_ids.

    `spelled` is the first word with its marker.
    """

    type: str
    file: int
    spelled: str
    words: tuple[str, ...]
    markers: tuple[str, ...]
    ids: tuple[int, ...]


_Heads = dict[str, dict[int, _Head]]


def sizes(folder: Path) -> dict[str, int]:
    """The sizes in bytes of the four data files, and of index.sense where it is.

    Raises:
        PathError: one of the four is missing.
    """
    missing = [name for name in FILES.values() if not (folder / name).is_file()]
    if missing:
        raise PathError(
            f"{folder} has no {', '.join(missing)}. A WordNet folder holds {', '.join(FILES.values())} (Debian's "
            "package wordnet-base: /usr/share/wordnet; Princeton's archive: its folder `dict`). Give that folder, or "
            "a WordNet in XML as one file."
        )
    names = [*FILES.values(), *(["index.sense"] if (folder / "index.sense").is_file() else [])]
    return {name: (folder / name).stat().st_size for name in names}


def read_wndb(folder: Path, name: str, after: Place | None = None) -> Iterator[Part]:
    """The synsets of a folder, in the order of the files noun, verb, adj, adv and of their lines.

    All lines are looked through once for the words that pointers lead to: about 45 MB for WordNet 3.0. `place` is
    {"file", "at"}: a file and the byte in it where reading goes on.

    Raises:
        PathError: a file is missing or can't be read.
        FormatError: a line is not in the format, not where it says, or points to no line.
    """
    volume = sizes(folder)
    heads: _Heads = {kind: dict(_heads(folder / file, kind)) for kind, file in FILES.items()}
    keys = _index_sense(folder / "index.sense") if "index.sense" in volume else {}
    origin = Origin(name, "en", _licence(folder / FILES["n"]))
    done = 0
    order = list(FILES.values())
    begun, at = (order.index(after["file"]), int(after["at"])) if after else (0, 0)
    for place, (kind, file) in enumerate(FILES.items()):
        if place >= begun:
            start = at if place == begun else 0
            for entries, position in _entries(folder / file, kind, start, heads, keys, origin):
                yield Part(entries, len(entries), done + position, {"file": file, "at": position})
        done += volume[file]


def _entries(
    path: Path, kind: str, at: int, heads: _Heads, keys: Mapping[tuple[str, int], list[str]], origin: Origin
) -> Iterator[tuple[list[Entry], int]]:
    """Entries by the thousand, from a position on, each with the position after them."""
    entries: list[Entry] = []
    position = at
    for start, line in _lines(path, at):
        position = start + len(line.encode())
        try:
            entries.append(entry_of(_synset(line, start, kind, heads, keys), origin))
        except (ValueError, IndexError, KeyError) as error:
            raise _malformed(path, start, line, str(error)) from None
        if len(entries) == _IN_PART:
            yield entries, position
            entries = []
    if entries:
        yield entries, position


def _lines(path: Path, at: int = 0) -> Iterator[tuple[int, str]]:
    """(position, line with its end) for every synset, from a position on; the licence on top is passed over."""
    on_top = at == 0
    with open_stream(path) as (_, content):
        content.seek(at)
        for line in bounded_lines(content, LONGEST_LINE):
            if line is None:
                raise _malformed(path, at, "", f"a line of more than {LONGEST_LINE:,} bytes")
            try:
                text = line.decode()
            except UnicodeDecodeError:
                raise _malformed(path, at, "", "bytes that are not UTF-8") from None
            if not text.endswith("\n"):
                raise _malformed(path, at, text, "a line without its end: the file is cut off")
            on_top = on_top and text.startswith("  ")
            if not on_top:
                yield at, text
            at += len(line)


def _heads(path: Path, kind: str) -> Iterator[tuple[int, _Head]]:
    for at, line in _lines(path):
        try:
            offset, file, ss_type, count, rest = line.split(" ", 4)
            words = rest.split(" ", 2 * int(count, 16))
            if len(offset) != 8 or ss_type not in _TYPES[kind] or len(words) != 2 * int(count, 16) + 1:
                raise ValueError("")
            spelled, markers = words[:-1:2], [""]
            if kind == "a":
                found = [_MARKER.search(word) for word in spelled]
                markers = [match[1] if match else "" for match in found]
                spelled = [_MARKER.sub("", word) for word in spelled]
            ids = tuple(int(number, 16) for number in words[1:-1:2])
            names = tuple(clean(word.replace("_", " ")) for word in spelled)
            place = int(offset)
            if not all(names):
                raise ValueError("a word without letters")
            head = _Head(ss_type, int(file), words[0], names, tuple(markers) if any(markers) else (), ids)
        except ValueError as error:
            raise _malformed(path, at, line, str(error)) from None
        if place != at:
            raise FormatError(
                f"{path}, line {_line_number(path, at)}: the line says that it begins at byte {place}, and begins at "
                f"byte {at}. The file was edited or its line ends were converted. Get WordNet's own files again."
            )
        yield at, head
    if path.stat().st_size == 0:
        raise FormatError(f"{path} is empty. Get WordNet's own files again.")


def _synset(line: str, at: int, kind: str, heads: _Heads, keys: Mapping[tuple[str, int], list[str]]) -> Synset:
    """The synset of a line. ValueError and the like tell that it is not in the format."""
    head = heads[kind][at]
    body, bar, gloss = line.rstrip().partition(" |")
    fields = body.split(" ")
    count = len(head.words)
    if not bar:
        raise ValueError("no gloss after `|`")
    position = 4 + 2 * count
    pointers = [fields[start : start + 4] for start in range(position + 1, len(fields), 4)][: int(fields[position])]
    if len(pointers) != int(fields[position]):
        raise ValueError(f"{len(pointers)} pointers where {int(fields[position])} are announced")
    position += 1 + 4 * len(pointers)
    links: list[Link] = []
    cluster: tuple[str, int] | None = None  # the head of a satellite's cluster, which its sense keys name
    for symbol, offset, pos, ends in pointers:
        target = heads[_FILE_OF[pos]].get(int(offset))
        if target is None:
            raise ValueError(f"a pointer to {offset} {pos}, where no synset begins")
        links.append(_link(symbol, offset, ends, head, target))
        if symbol == "&" and head.type == "s" and cluster is None:
            cluster = target.spelled, target.ids[0]
    meta: dict[str, Any] = {
        "lexname": lexname(head.file),
        "offset": f"{at:08d}",
        "sense_keys": [
            stated_key(sense_key(word, head.type, head.file, number, cluster), keys.get((kind, at), ()))
            for word, number in zip(head.words, head.ids, strict=True)
        ],
    }
    if head.markers:
        marked = zip(head.words, head.markers, strict=True)
        meta["markers"] = {word: marker for word, marker in marked if marker}
    if kind == "v" and position < len(fields):
        meta["frames"] = _frames(fields[position:], head.words)
    elif position != len(fields):
        raise ValueError(f"more fields than announced: {' '.join(fields[position:])[:40]}")
    definition, examples = split_gloss(clean(gloss))
    return Synset(
        f"wordnet:{at:08d}-{head.type}",
        head.type,
        head.words,
        definitions=[(definition, None)] if definition else [],
        examples=examples,
        links=links,
        meta=meta,
    )


def _link(symbol: str, offset: str, ends: str, head: _Head, target: _Head) -> Link:
    if len(ends) != 4 or len(offset) != 8:
        raise ValueError(f"the pointer {symbol} {offset} {ends}")
    relation = POINTERS.get(symbol, f"pointer {symbol}")
    identity = f"wordnet:{int(offset):08d}-{target.type}"
    if ends == "0000":
        return Link(relation, identity, target.words)
    source, word = int(ends[:2], 16), int(ends[2:], 16)
    if not (0 < source <= len(head.words) and 0 < word <= len(target.words)):
        raise ValueError(f"the pointer {symbol} {offset} {ends} between words that are not there")
    return Link(relation, identity, (target.words[word - 1],), head.words[source - 1])


def _frames(fields: list[str], words: tuple[str, ...]) -> list[str]:
    """The sentence frames of a verb with its words in them: all of its words share a frame by its first one."""
    announced = int(fields[0])
    if len(fields) != 1 + 3 * announced or any(plus != "+" for plus in fields[1::3]):
        raise ValueError(f"{announced} sentence frames announced, found {' '.join(fields[1:])[:40]!r}")
    said: dict[str, None] = {}
    for number, word in zip(fields[2::3], fields[3::3], strict=True):
        place = int(word, 16)
        if not 0 <= place <= len(words):
            raise ValueError(f"a sentence frame of word {word}, which is not there")
        said[with_verb(frame_text(int(number)), words[max(place - 1, 0)])] = None
    return list(said)


def _index_sense(path: Path) -> dict[tuple[str, int], list[str]]:
    """The sense keys by (file, position); each line is `sense_key synset_offset sense_number tag_cnt`."""
    keys: dict[tuple[str, int], list[str]] = {}
    for at, line in _lines(path):
        try:
            key, offset, _, _ = line.split()
            number = int(key.rpartition("%")[2].partition(":")[0])
            keys.setdefault(("nvara"[number - 1], int(offset)), []).append(key)
        except (ValueError, IndexError):
            raise _malformed(path, at, line, "") from None
    return keys


def _licence(path: Path) -> str:
    """The licence that the lines on top of a data file name."""
    with path.open("rb") as content:
        top = content.read(4000).decode(errors="replace")
    if "Creative Commons Attribution 4.0" in " ".join(re.sub(r"(?m)^ {2}\d+ ", "", top).split()):
        return "CC BY 4.0 (see the top of data.noun)"
    version = _VERSION.search(top)
    return f"WordNet {version[1]} License" if version else "see the top of data.noun"


def _malformed(path: Path, at: int, line: str, found: str) -> FormatError:
    shown = f"found {found or repr(line[:60])}"
    wanted = "`sense_key offset number count`" if path.name == "index.sense" else "`offset file type words ... | gloss`"
    return FormatError(
        f"{path}, line {_line_number(path, at)}: {shown}, expected {wanted} of the WNDB format (wndb(5WN)). "
        "Get WordNet's own files again and compare their checksums."
    )


def _line_number(path: Path, at: int) -> int:
    """The number of the line that begins at a position; read from the file, as only an error asks."""
    number = 1
    with path.open("rb") as content:
        while at > 0 and (chunk := content.read(min(at, 1 << 20))):
            number += chunk.count(b"\n")
            at -= len(chunk)
    return number
