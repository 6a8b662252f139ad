"""Sorted records become entries: one for each concept, a sentence for each edge.

Entry: id `conceptnet:/c/en/dog`; title the label; `text` in Chinese for Chinese concepts, in English for English ones;
for concepts of other languages one section whose language is English. Sentences of one relation stand together, the
strongest first; a paragraph ends where the next relation would no longer fit into the same passage. A label of another
language is followed by that language's name. Edges that say the same (with other senses) share a sentence and a fact.
Where English edges were made from an English sentence, it is taken instead of the template: concepts have lost articles
and small words ("matter lot"), the sentence has not ("context can matter a lot"). Chinese labels have lost nothing.

Concepts are joined over their senses, since most datasets give none: split, WordNet's "dog is a kind of canine" and
"dog can bark" would be two entries. The sense is kept with each edge.

meta, lists in parallel, one item an edge, links (`ExternalURL`) at the end, which have no sentence and no fact:
`relations`; `ends`, URIs; `weights`; `from`, indexes into `sources`, a list of [dataset, licence]; and, only where an
edge has one, `senses` of this concept. `licence` of an entry joins the licences of all its edges.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain, compress, count, groupby, repeat
from operator import itemgetter, ne, sub

from ravlm.knowledge.passages import LONGEST, LONGEST_ELSE
from ravlm.knowledge.sources.conceptnet.buckets import beyond, strongest
from ravlm.knowledge.sources.conceptnet.edges import LINK_CODE, LINK_MARK, PART, UNKNOWN, is_text
from ravlm.knowledge.sources.conceptnet.relations import LINK, Tongue, in_language, known_relations, relation_of
from ravlm.records import Entry, Section

PREFIX = "conceptnet:"
SITE = "https://conceptnet.io"

_FIELDS = 5  # of a record
_LINK_MARK = len(LINK_MARK)
_FIRST, _SECOND = itemgetter(0), itemgetter(1)
_C1 = re.compile(rb"\xc2[\x80-\x9f]")

_Said = tuple[float, tuple[str, str], str]
"""What a digest says: weight, (dataset, licence), sentence."""


def entries_of(records: list[bytes], source: str, most: int, dropped: Counter[str]) -> Iterator[Entry]:
    """The entries of sorted records; `dropped` counts the edges that came into none.

    Of a concept with more than `most` edges the strongest are taken.
    """
    joined = _clean(records, dropped)
    columns = joined.replace(b"\n", b"\t").split(b"\t") if joined else []
    concepts = columns[::_FIELDS]
    stops = [*compress(count(1), map(ne, concepts, concepts[1:])), len(concepts)] if concepts else []
    sizes = list(map(sub, stops, [0, *stops]))
    if max(sizes, default=0) > most:
        yield from entries_of(_trimmed(joined.split(b"\n"), sizes, most, dropped), source, most, dropped)
        return
    at = 0
    for language, group in groupby(zip([concepts[stop - 1] for stop in stops], sizes, strict=True), key=_language):
        keys, counts = zip(*group, strict=True)
        rows = slice(at * _FIELDS, (at + sum(counts)) * _FIELDS)
        at += sum(counts)
        yield from _segment(language, _texts(keys), counts, columns[rows], source, dropped)


def _segment(
    spoken: bytes, concepts: list[str], counts: Sequence[int], columns: list[bytes], source: str, dropped: Counter[str]
) -> Iterator[Entry]:
    """The entries of concepts of one language: `counts` edges each, all of them in `columns`, row after row."""
    language = spoken.decode()
    tongue: Tongue = "zh" if language == "zh" else "en"
    longest, space = LONGEST.get(tongue, LONGEST_ELSE), "" if tongue == "zh" else " "
    codes, ends, senses = columns[1::_FIELDS], _texts(columns[3::_FIELDS]), _texts(columns[4::_FIELDS])
    relations = list(map(_Relations(tongue).__getitem__, codes))
    said = list(map(_Digests().__getitem__, columns[2::_FIELDS]))
    names = list(map(_FIRST, relations))
    weights, origins = list(map(_FIRST, said)), list(map(_SECOND, said))
    labels = _labels(columns[3::_FIELDS], spoken, tongue)
    titles = [concept.split("/", 3)[3].replace("_", " ") for concept in concepts]
    begins = titles if tongue == "zh" else [title[:1].title() + title[1:] for title in titles]
    sentences = [
        plain or f"{begin}{middle}{label}{after}"
        for begin, (_, middle, after), label, (_, _, plain) in zip(
            chain.from_iterable(map(repeat, begins, counts)), relations, labels, said, strict=True
        )
    ]
    stop = 0
    for concept, title, size in zip(concepts, titles, counts, strict=True):
        start, stop = stop, stop + size
        links = stop
        while links > start and codes[links - 1] == LINK_CODE:
            links -= 1
        if links == start or not title.strip():
            dropped["no text"] += size
            continue
        facts = list(zip(names[start:links], labels[start:links], strict=True))
        own = sentences[start:links]
        if len(own) > 1 and len(set(facts)) < len(own):
            said_first = dict(zip(reversed(facts), reversed(own), strict=True))
            facts = list(dict.fromkeys(facts))
            own = [said_first[fact] for fact in facts]
        text = space.join(own)
        if len(text) > longest:
            text = _paragraphs(facts, own, space, longest)
        here = origins[start:stop]
        sources = list(dict.fromkeys(here))
        meta: dict[str, object] = {
            "relations": names[start:stop],
            "ends": ends[start:stop] if links == stop else _unmarked(ends[start:stop], links - start),
            "weights": weights[start:stop],
            "from": [0] * size if len(sources) == 1 else list(map(sources.index, here)),
            "sources": list(map(list, sources)),
        }
        if any(senses[start:stop]):
            meta["senses"] = senses[start:stop]
        yield Entry(
            id=PREFIX + concept,
            title=title,
            text=text if language == tongue else "",
            sections=() if language == tongue else (Section("", text, tongue),),
            facts=tuple(facts),
            source=source,
            licence=sources[0][1]
            if len(sources) == 1
            else ", ".join(sorted({licence for _, licence in sources} - {""})),
            url=SITE + concept,
            language=language,
            meta=meta,
        )


def _texts(texts: Sequence[bytes]) -> list[str]:
    return b"\n".join(texts).decode().split("\n")


def _labels(ends: list[bytes], language: bytes, tongue: Tongue) -> list[str]:
    """What the ends are called, those of another language with its name behind."""
    marks = _Marks(tongue)
    parts = [end.split(b"/", 4) for end in ends]
    labels = [part[3] if part[2] == language else part[3] + marks[part[2]] for part in parts]
    return b"\n".join(labels).replace(b"_", b" ").decode().split("\n")


def _paragraphs(facts: list[tuple[str, str]], sentences: list[str], space: str, longest: int) -> str:
    """The sentences as text: those of a relation together, a new paragraph where they would not fit the passage."""
    text, length = "", 0
    at = 0
    for _, group in groupby(facts, key=_FIRST):
        size = sum(1 for _ in group)
        said = space.join(sentences[at : at + size])
        at += size
        if not text:
            text, length = said, len(said)
        elif length + len(space) + len(said) <= longest:
            text, length = f"{text}{space}{said}", length + len(space) + len(said)
        else:
            text, length = f"{text}\n\n{said}", len(said)
    return text


def _clean(records: list[bytes], dropped: Counter[str]) -> bytes:
    """The records as lines, all of them UTF-8 without control characters."""
    joined = b"\n".join(records)
    if b"\xc2" in joined and _C1.search(joined):  # control characters that only Unicode has
        joined = b"\n".join(sorted(_C1.sub(b"", joined).split(b"\n")))
    if not joined.isascii() and not is_text(joined):
        whole = [record for record in joined.split(b"\n") if is_text(record)]
        dropped["not UTF-8"] += len(records) - len(whole)
        joined = b"\n".join(whole)
    return joined


def _trimmed(records: list[bytes], sizes: list[int], most: int, dropped: Counter[str]) -> list[bytes]:
    """The records with only the strongest of each concept."""
    kept: list[bytes] = []
    at = 0
    for size in sizes:
        own = records[at : at + size]
        at += size
        if size > most:
            own = sorted(strongest(own, most))
            dropped[beyond(most)] += size - most
        kept += own
    return kept


def _unmarked(ends: list[str], links: int) -> list[str]:
    return ends[:links] + [end[_LINK_MARK:] for end in ends[links:]]


def _language(group: tuple[bytes, int]) -> bytes:
    return group[0].split(b"/", 3)[2]


@cache
def _known(tongue: Tongue) -> dict[bytes, tuple[str, str, str]]:
    relations = enumerate(known_relations().values())
    return {b"%02d" % rank: (said.name, *(said.zh if tongue == "zh" else said.en)) for rank, said in relations}


class _Relations(dict[bytes, tuple[str, str, str]]):
    """By code: the relation's name, what stands between start and end, what stands after the end."""

    def __init__(self, tongue: Tongue) -> None:
        super().__init__(_known(tongue))
        self._tongue = tongue

    def __missing__(self, code: bytes) -> tuple[str, str, str]:
        found = relation_of(LINK if code == LINK_CODE else code.removeprefix(UNKNOWN).decode())
        self[code] = (found.name, *(found.zh if self._tongue == "zh" else found.en))
        return self[code]


class _Marks(dict[bytes, bytes]):
    """By language: the mark behind a label of it."""

    def __init__(self, tongue: Tongue) -> None:
        self._tongue = tongue

    def __missing__(self, language: bytes) -> bytes:
        self[language] = in_language(language.decode(), self._tongue).encode()
        return self[language]


class _Digests(dict[bytes, _Said]):
    """What digests say."""

    def __missing__(self, digest: bytes) -> _Said:
        _, weight, dataset, licence, plain = digest.decode().split(PART)
        self[digest] = (float(weight), (dataset, licence), plain)
        return self[digest]
