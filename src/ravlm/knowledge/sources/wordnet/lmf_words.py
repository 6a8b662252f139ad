"""The words of a WN-LMF file: the first reading, which gathers lexicons, senses and sentence frames."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ravlm.errors import FormatError, UnknownChoice
from ravlm.knowledge.sources.wordnet.prose import clean
from ravlm.knowledge.sources.wordnet.relations import lmf_name
from ravlm.safe.streams import chunks, open_stream
from ravlm.safe.xml import Event, xml_events

_CHUNK = 1 << 18
LEXICONS = ("Lexicon", "LexiconExtension")
_KEY_IN_ID = re.compile(r"__(\d)\.(\d\d)\.(\d\d)\.(.*)\.(\d*)$")  # of Open English WordNet
_LETTERS = (
    "afr:af als:sq arb:ar bul:bg cat:ca ces:cs cmn:zh cym:cy dan:da deu:de ell:el eng:en est:et eus:eu fas:fa fin:fi "
    "fra:fr gla:gd gle:ga glg:gl heb:he hin:hi hrv:hr hun:hu ind:id isl:is ita:it jpn:ja kor:ko lat:la lav:lv lit:lt "
    "mon:mn nld:nl nno:nn nob:nb pes:fa pol:pl por:pt ron:ro rus:ru san:sa slk:sk slv:sl spa:es sqi:sq srp:sr swe:sv "
    "tam:ta tha:th tur:tr ukr:uk vie:vi zho:zh zsm:ms"
)
_TWO_LETTERS = dict(pair.split(":") for pair in _LETTERS.split())


@dataclass(slots=True)
class Lexicon:
    """A lexicon of the file: `name` is its id and version, `wanted` whether it has the language asked for."""

    name: str
    language: str
    licence: str
    url: str
    wanted: bool


@dataclass(slots=True)
class Sense:
    """A word in one of its meanings."""

    id: str
    entry: str
    word: str
    pos: str
    synset: str
    lexicon: int
    key: str
    marker: str
    frames: list[str] = field(default_factory=list)
    relations: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Tables:
    """What the first reading gathers."""

    lexicons: list[Lexicon] = field(default_factory=list)
    senses: dict[str, Sense] = field(default_factory=dict)
    words: dict[str, list[Sense]] = field(default_factory=dict)  # by synset
    members: dict[str, str] = field(default_factory=dict)  # by synset, as stated
    frames: dict[str, str] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)  # of senses, by synset


def normal_language(tag: str) -> str:
    """A language tag as BCP 47 has it: two letters where there are two, small; subtags stay.

    >>> normal_language("cmn"), normal_language("ENG"), normal_language("zh_Hant"), normal_language("bcp")
    ('zh', 'en', 'zh-Hant', 'bcp')
    """
    first, dash, rest = clean(tag).replace("_", "-").partition("-")
    return _TWO_LETTERS.get(first.lower(), first.lower()) + dash + rest


@contextmanager
def lmf_events(path: Path) -> Iterator[tuple[BinaryIO, Iterator[Event]]]:
    """(the file, its elements); a document type is let through, as the format demands one, and never fetched."""
    with open_stream(path) as (raw, content):
        yield raw, xml_events(chunks(content, _CHUNK), str(path), doctype=True)


def gather(path: Path, language: str | None) -> Tables:
    """The first reading of a file: all that its synsets need to know of other lines.

    About 1 KB a sense: 220 MB for WordNet 3.0's 207,000.

    Raises:
        PathError: the file can't be read.
        FormatError: it is damaged, not WN-LMF, or its XML declares entities.
        UnknownChoice: no lexicon has this language.
    """
    tables = Tables()
    with lmf_events(path) as (_, events):
        first = next(events)
        if first[1] != "LexicalResource":
            raise FormatError(
                f"{path} is not WN-LMF: found <{clean(first[1])[:60]}> at its top, expected <LexicalResource>. Give a "
                "wordnet in the Global WordNet Association's XML, such as Open English WordNet's `english-wordnet.xml`."
            )
        reader = _WordReader(path, language, tables)
        for kind, tag, value in events:
            if isinstance(value, dict):
                reader.start(tag, value)
            elif kind == "end":
                reader.end(tag, value)
    if not tables.lexicons:
        raise FormatError(f"{path} holds no lexicon. Get the file again and compare its checksum.")
    if not any(lexicon.wanted for lexicon in tables.lexicons):
        raise UnknownChoice("lexicon in", str(language), sorted({lexicon.language for lexicon in tables.lexicons}))
    for synset, members in tables.members.items():
        if len(senses := tables.words.get(synset, ())) > 1:
            rank = {member: place for place, member in enumerate(members.split())}
            last = len(rank)
            tables.words[synset] = sorted(senses, key=lambda s: rank.get(s.id, rank.get(s.entry, last)))
    tables.members.clear()
    return tables


class _WordReader:
    """The first reading: lexicons, words, senses, sentence frames."""

    def __init__(self, path: Path, language: str | None, tables: Tables) -> None:
        self._path = path
        self._language = language
        self._tables = tables
        self._entry: str | None = None
        self._word = self._pos = ""
        self._senses: list[Sense] = []
        self._sense: Sense | None = None

    def start(self, tag: str, given: dict[str, str]) -> None:
        tables = self._tables
        if tag in LEXICONS:
            language = normal_language(self._need(given, tag, "language"))
            named = f"{self._need(given, tag, 'id')}:{given.get('version', '')}"
            wanted = self._language in {None, language, language.partition("-")[0]}
            tables.lexicons.append(
                Lexicon(named, language, clean(given.get("license", "")), clean(given.get("url", "")), wanted)
            )
        elif not tables.lexicons or not tables.lexicons[-1].wanted:
            return
        elif tag == "LexicalEntry":
            self._entry, self._word, self._senses = self._need(given, tag, "id"), "", []
        elif tag == "Lemma":
            self._word = clean(self._need(given, tag, "writtenForm"))
            self._pos = given.get("partOfSpeech", "")
        elif tag == "Sense" and self._entry is not None:
            self._add_sense(given)
        elif tag == "SenseRelation" and self._sense is not None:
            relation = lmf_name(self._need(given, tag, "relType"), clean(given.get("dc:type", "")))
            self._sense.relations.append((relation, self._need(given, tag, "target")))
        elif tag == "SyntacticBehaviour":
            self._add_frame(given)
        elif tag == "Synset":
            identity = self._need(given, tag, "id")
            if "members" in given:
                tables.members[identity] = given["members"]
        elif tag == "SynsetRelation":
            self._need(given, tag, "relType")
            self._need(given, tag, "target")

    def end(self, tag: str, text: str) -> None:
        if tag == "Example" and self._sense is not None and (said := clean(text)):
            self._tables.examples.setdefault(self._sense.synset, []).append(said)
        elif tag == "Sense":
            self._sense = None
        elif tag == "LexicalEntry":
            self._entry = None

    def _add_sense(self, given: dict[str, str]) -> None:
        identity, synset = self._need(given, "Sense", "id"), self._need(given, "Sense", "synset")
        if not self._word:
            raise self._refused(f"a <Sense> {identity!r} of an entry without a word")
        self._sense = Sense(
            identity,
            self._entry or "",
            self._word,
            self._pos,
            synset,
            len(self._tables.lexicons) - 1,
            _sense_key(given, identity, self._word),
            given.get("adjposition", ""),
            given.get("subcat", "").split(),
        )
        self._senses.append(self._sense)
        self._tables.senses[identity] = self._sense
        self._tables.words.setdefault(synset, []).append(self._sense)

    def _add_frame(self, given: dict[str, str]) -> None:
        """A frame in an entry is of the senses it names, else of all; one in the lexicon of those that name it."""
        text = clean(self._need(given, "SyntacticBehaviour", "subcategorizationFrame"))
        identity = given.get("id") or f"\0{text}"
        self._tables.frames[identity] = text
        if named := given.get("senses", "").split():
            senses = [self._tables.senses[sense] for sense in named if sense in self._tables.senses]
        else:
            senses = self._senses if self._entry is not None else []
        for sense in senses:
            sense.frames.append(identity)

    def _need(self, given: dict[str, str], tag: str, name: str) -> str:
        if not given.get(name):
            where = f" in the entry {self._entry!r}" if self._entry is not None else ""
            raise self._refused(f"a <{tag}> without `{name}`{where}")
        return given[name]

    def _refused(self, found: str) -> FormatError:
        return FormatError(
            f"{self._path}: found {found}, which WN-LMF demands "
            "(https://globalwordnet.github.io/schemas/). Get the file from its publisher."
        )


def _sense_key(given: dict[str, str], identity: str, word: str) -> str:
    """Princeton's sense key, where `dc:identifier` says it or Open English WordNet's kind of id holds it."""
    stated = given.get("dc:identifier", "")
    if "%" in stated:
        return clean(stated)
    found = _KEY_IN_ID.search(identity)
    if found is None:
        return ""
    kind, file, number, head, head_number = found.groups()
    return f"{word.replace(' ', '_').lower()}%{kind}:{file}:{number}:{head.replace('-sp-', '_')}:{head_number}"
