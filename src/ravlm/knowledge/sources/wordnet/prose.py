"""A synset, from whatever file, as an entry: what a person and a reader model read of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ravlm.knowledge.sources.wordnet.relations import is_chinese, listed, listed_chinese, order, sentence
from ravlm.records import Entry, Section

POS = {
    "n": ("noun", "名词"),
    "v": ("verb", "动词"),
    "a": ("adjective", "形容词"),
    "s": ("adjective", "形容词"),
    "r": ("adverb", "副词"),
    "t": ("phrase", "短语"),
    "c": ("conjunction", "连词"),
    "p": ("adposition", "介词"),
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Link(NamedTuple):
    """A relation to another synset, or between two words where `source` is set.

    `words` are the target's, or the one target word; empty where the target is not in the file.
    """

    relation: str
    target: str
    words: tuple[str, ...]
    source: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """What all entries of a lexicon share."""

    source: str
    language: str
    licence: str
    url: str = ""


@dataclass(slots=True)
class Synset:
    """A synset as it stands in a file. Definitions are (text, language or None: the lexicon's)."""

    id: str
    pos: str
    words: Sequence[str]
    definitions: list[tuple[str, str | None]] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)


def clean(text: str) -> str:
    """Text on one line: runs of space and control characters become one space each."""
    return " ".join((text if text.isprintable() else _CONTROL.sub(" ", text)).split())


def entry_of(synset: Synset, origin: Origin) -> Entry:
    """The entry of a synset: its first word is the title, the others are aliases.

    Sections: the definition after all words and the part of speech; examples; relations as sentences. Facts are all
    relations with the targets' words. `meta` holds the relations' target ids: `relations` {name: ids}, and for
    relations between words `word_relations` [name, word, target word, target id].
    """
    words = list(dict.fromkeys(synset.words))
    meta = {"pos": synset.pos, **synset.meta, **_relations(synset.links)}
    return Entry(
        id=synset.id,
        title=words[0],
        sections=tuple(_sections(synset, words, origin.language)),
        facts=tuple(dict.fromkeys((link.relation, ", ".join(link.words)) for link in synset.links if link.words)),
        aliases=tuple(words[1:]),
        source=origin.source,
        licence=origin.licence,
        url=origin.url,
        language=origin.language,
        meta=meta,
    )


def _sections(synset: Synset, words: list[str], language: str) -> list[Section]:
    chinese = is_chinese(language)
    names = ("定义", "例句", "关系") if chinese else ("Definition", "Examples", "Relations")
    sections = [
        Section(names[0], text, None if spoken == language else spoken)
        for text, spoken in _definitions(synset, words, language)
    ]
    if synset.examples:
        said = [_example(example, chinese) for example in dict.fromkeys(synset.examples)]
        sections.append(Section(names[1], ("" if chinese else " ").join(said)))
    if sentences := _sentences(synset, words[0], language):
        # The sentences are English where there are none in the entry's own language.
        spoken = None if chinese or language.partition("-")[0] == "en" else "en"
        sections.append(Section(names[2], ("" if chinese else " ").join(sentences), spoken))
    return sections


def _definitions(synset: Synset, words: list[str], language: str) -> list[tuple[str, str]]:
    """(text, language): the definitions in one language are paragraphs of one text, with the words on top."""
    paragraphs: dict[str, list[str]] = {}
    for text, stated in synset.definitions:
        spoken = stated or language
        before = (
            "" if spoken in paragraphs else _intro(words, synset.pos, spoken) + ("：" if is_chinese(spoken) else ": ")
        )
        paragraphs.setdefault(spoken, []).append(_ended(before + text, is_chinese(spoken)))
    if not paragraphs:
        paragraphs[language] = [_ended(_intro(words, synset.pos, language), is_chinese(language))]
    return [("\n\n".join(texts), spoken) for spoken, texts in paragraphs.items()]


def _intro(words: list[str], pos: str, language: str) -> str:
    english, chinese = POS.get(pos, ("", ""))
    if is_chinese(language):
        return listed_chinese(words) + (f"（{chinese}）" if chinese else "")
    return listed(words, ", ") + (f" ({english})" if english else "")


def _ended(text: str, chinese: bool) -> str:
    if text.endswith((".", "!", "?", "。", "！", "？", '."', '!"', '?"', "。”", "！”", "？”")):
        return text
    return text + ("。" if chinese else ".")


def _example(text: str, chinese: bool) -> str:
    if not any(mark in text for mark in '"“”「」'):
        text = f"“{text}”" if chinese else f'"{text}"'
    return _ended(text, chinese)


def _sentences(synset: Synset, title: str, language: str) -> list[str]:
    """One sentence for each relation, and for each word of a relation between words.

    What would relate a word to itself ("rain", verb and noun) is not said.
    """
    said: dict[tuple[str, str], dict[str, None]] = {}
    for link in synset.links:
        subject = link.source or title
        if link.words and (word := link.words[0]) != subject:
            said.setdefault((link.relation, subject), {})[word] = None
    ordered = sorted(said.items(), key=lambda item: (order(item[0][0]), item[0][1] != title))
    return [
        sentence(relation, subject, list(targets), synset.pos, language) for (relation, subject), targets in ordered
    ]


def _relations(links: Sequence[Link]) -> Mapping[str, Any]:
    relations: dict[str, dict[str, None]] = {}
    between_words = []
    for link in links:
        relations.setdefault(link.relation, {})[link.target] = None
        if link.source:
            between_words.append([link.relation, link.source, link.words[0] if link.words else "", link.target])
    found: dict[str, Any] = {}
    if relations:
        found["relations"] = {name: list(targets) for name, targets in relations.items()}
    if between_words:
        found["word_relations"] = between_words
    return found
