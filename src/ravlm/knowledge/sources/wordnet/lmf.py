"""Wordnets in WN-LMF, the Global WordNet Association's XML: Open English WordNet and those of other languages.

The format (versions 1.0 to 1.4) is told at https://globalwordnet.github.io/schemas/. A file is read twice: first all
words and senses, which stand before the synsets or in other lexicons, then the synsets one after another.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ravlm.knowledge.rows import LONGEST_ID
from ravlm.knowledge.sources.part import Part, Place
from ravlm.knowledge.sources.wordnet.frames import with_verb
from ravlm.knowledge.sources.wordnet.lmf_words import (
    LEXICONS,
    Lexicon,
    Sense,
    Tables,
    gather,
    lmf_events,
    normal_language,
)
from ravlm.knowledge.sources.wordnet.prose import Link, Origin, Synset, clean, entry_of
from ravlm.knowledge.sources.wordnet.relations import lmf_name
from ravlm.records import Entry
from ravlm.safe.xml import Event

_IN_PART = 1000  # synsets


def read_lmf(path: Path, name: str, language: str | None, after: Place | None = None) -> Iterator[Part]:
    """The synsets of all lexicons of a file, or of those in one language.

    A synset's words come in the order its `members` state, else in that of the file; words that another lexicon gives
    the synset come last. A relation to what is not in the file stays in the entry's `meta` and is said nowhere else.
    Of a LexiconExtension, its own synsets are read; what it adds to another lexicon's is left out. `place` is
    {"synsets"}: how many are behind.

    Raises:
        PathError: the file can't be read.
        FormatError: it is damaged, not WN-LMF, or its XML declares entities.
        UnknownChoice: no lexicon has this language.
    """
    tables = gather(path, language)
    behind = int(after["synsets"]) if after else 0
    count = 0
    entries: list[Entry] = []
    skipped: Counter[str] = Counter()
    with lmf_events(path) as (raw, events):
        for found in _synsets(events, tables, behind, name):
            count += 1
            if isinstance(found, Entry):
                entries.append(found)
            else:
                skipped[found] += 1
            if count % _IN_PART == 0:
                yield Part(entries, _IN_PART, raw.tell(), {"synsets": behind + count}, dict(skipped))
                entries, skipped = [], Counter()
        if count % _IN_PART:
            yield Part(entries, count % _IN_PART, raw.tell(), {"synsets": behind + count}, dict(skipped))


def _synsets(events: Iterator[Event], tables: Tables, behind: int, name: str) -> Iterator[Entry | str]:
    """The second reading: each synset's entry, or why there is none; the first `behind` are passed over."""
    lexicons = enumerate(tables.lexicons)
    number, lexicon, origin = -1, tables.lexicons[0], Origin(name, "", "")
    synset: Synset | None = None
    given: dict[str, str] = {}
    for _, tag, value in events:
        if isinstance(value, dict):
            given = value
            if tag in LEXICONS:
                number, lexicon = next(lexicons)
                origin = Origin(name, lexicon.language, lexicon.licence, lexicon.url)
            elif tag in {"Synset", "ExternalSynset"} and number >= 0 and lexicon.wanted:
                behind -= 1
                if behind < 0 and tag == "Synset":
                    synset = Synset(value.get("id", ""), value.get("partOfSpeech", ""), (), meta=_meta(value, lexicon))
                elif behind < 0:
                    yield "adds to another lexicon's synset"
            elif tag == "SynsetRelation" and synset is not None:
                _add_relation(synset, value, tables)
        elif synset is None:
            continue
        elif tag == "Synset":
            yield _finished(synset, number, origin, tables)
            synset = None
        elif text := clean(value):
            if tag == "Definition":
                spoken = given.get("language")
                synset.definitions.append((text, normal_language(spoken) if spoken else None))
            elif tag == "ILIDefinition" and not synset.definitions:
                synset.definitions.append((text, "en"))
            elif tag == "Example":
                synset.examples.append(text)


def _meta(given: dict[str, str], lexicon: Lexicon) -> dict[str, Any]:
    """What a <Synset> states of itself; before WN-LMF 1.1, Open English WordNet put the file's name in `dc:subject`."""
    lexname = given.get("lexfile") or given.get("dc:subject", "")
    stated = {"lexicon": lexicon.name, "lexname": lexname, "ili": given.get("ili", "")}
    return {key: clean(value) for key, value in stated.items() if value}


def _add_relation(synset: Synset, given: dict[str, str], tables: Tables) -> None:
    relation, target = lmf_name(given["relType"], clean(given.get("dc:type", ""))), given["target"]
    words = tuple(dict.fromkeys(sense.word for sense in tables.words.get(target, ())))
    synset.links.append(Link(relation, target, words))


def _finished(synset: Synset, number: int, origin: Origin, tables: Tables) -> Entry | str:
    """The entry of a synset whose element is read, or the reason why it has none."""
    if len(synset.id) > LONGEST_ID:
        return f"an id of more than {LONGEST_ID} characters"
    senses = tables.words.get(synset.id, [])
    if not senses:
        return "no words"
    senses = sorted(senses, key=lambda sense: sense.lexicon != number)  # its own lexicon's first
    synset.words = [sense.word for sense in senses]
    synset.pos = synset.pos or senses[0].pos
    synset.examples = [_bare(example) for example in synset.examples + tables.examples.get(synset.id, [])]
    synset.meta["senses"] = [sense.id for sense in senses]
    if keys := [sense.key for sense in senses if sense.key]:
        synset.meta["sense_keys"] = keys
    if markers := {sense.word: sense.marker for sense in senses if sense.marker}:
        synset.meta["markers"] = markers
    if frames := list(dict.fromkeys(_frames(senses, tables))):
        synset.meta["frames"] = frames
    for sense in senses:
        synset.links.extend(_word_link(sense, relation, target, tables) for relation, target in sense.relations)
    return entry_of(synset, origin)


def _frames(senses: Sequence[Sense], tables: Tables) -> Iterator[str]:
    for sense in senses:
        for frame in sense.frames:
            if frame in tables.frames:
                yield with_verb(tables.frames[frame], sense.word)


def _word_link(sense: Sense, relation: str, target: str, tables: Tables) -> Link:
    other = tables.senses.get(target)
    if other is not None:
        return Link(relation, other.synset, (other.word,), sense.word)
    words = tuple(dict.fromkeys(found.word for found in tables.words.get(target, ())))
    return Link(relation, target, words, sense.word)


def _bare(example: str) -> str:
    """An example without the quotation marks around it."""
    inside = example[1:-1]
    return inside.strip() or example if example[:1] == example[-1:] == '"' and '"' not in inside else example
