"""Whether a text states a right answer, and which passages of the right entries do."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from ravlm.evaluation.attribution.quantities import folded, other_unit_follows
from ravlm.grading import normalise
from ravlm.knowledge.passages import is_written_as, word_spans
from ravlm.records import Example, Passage
from ravlm.tasks.spans import find_spans

LEAST_LETTERS = 4  # of an answer that hardly stands somewhere by accident; a Chinese character counts twice
_MARKS = tuple(".#@")  # belong to the name that they begin: .no, #1
_GROUPING = re.compile(r"(?<=\d)[,\s](?=\d{3}(?!\d))")


def states(example: Example, text: str, *, whole_words: bool) -> bool:
    """Whether the text states a right answer; all of them where all are needed.

    As a substring this is the pseudo relevance that the literature counts with (see `ranking.pseudo_relevance_recall`):
    texts are compared after `grading.normalise`, numbers in full, plain or grouped. A 5 stands in 15 then, and .no in
    "not".

    In whole words the substring must also begin and end where words do (`word_spans`; a Chinese character is a word,
    a number is whole), be right by the measure, keep the mark that its name begins with (.no is not "no"), and a
    number must not go on to count something else (2,022 m is not stated by "2,022 feet").
    """
    if example.kind == "all_of":
        members = [replace(example, kind="answers", answers=(member,)) for member in example.answers]
        return bool(members) and all(states(member, text, whole_words=whole_words) for member in members)
    return _has_substring(example, text) and (not whole_words or _has_words(example, text))


def _has_substring(example: Example, text: str) -> bool:
    if example.kind == "number":
        if example.value is None:
            return False
        plain = f"{example.value:.0f}" if float(example.value).is_integer() else f"{example.value:.15g}"
        return plain in _ungrouped(text)
    wanted = filter(None, map(normalise, example.answers))
    return any(answer in normalise(text) for answer in wanted)


def _has_words(example: Example, text: str) -> bool:
    if example.kind == "number":
        text = text.replace("−", "-")
    words = _words(text)
    for first, further in find_spans(example, text, words, len(words)):
        start, end = words[first][0], words[first + further][1]
        if example.kind == "number":
            if not (example.unit and other_unit_follows(text[end:], example.unit)):
                return True
        elif _keeps_its_mark(example.answers, text[:start], text[start:end]):
            return True
    return False


def _keeps_its_mark(answers: Sequence[str], before: str, found: str) -> bool:
    written = [answer for answer in answers if normalise(answer) == normalise(found)]
    return any(not answer.startswith(_MARKS) or before.endswith(answer[0]) for answer in written)


@lru_cache(maxsize=50_000)
def _words(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(word_spans(text))


@lru_cache(maxsize=50_000)
def _ungrouped(text: str) -> str:
    return _GROUPING.sub("", folded(text)).replace("−", "-")


def support(example: Example, passages: Iterable[Passage]) -> tuple[str, ...]:
    """The ids of the passages of the right entries that support the answer, by entry, in the order of the passages.

    Such a passage states a right answer in whole words. A name supports wherever it stands, but a number or a code like
    TOP or +27 may be something else: where such an answer stands in evidence that the example names (a section's title,
    or words of its text), passages of the same language elsewhere in the entry do not count. Those of other languages
    do: a dataset names evidence in the question's language, and the same thing is said in the others. Where no entry is
    named as right, every passage that states an answer supports it.

    Whether a passage supports depends on no passage that does not.
    """
    if not example.entries:
        return tuple(p.id for p in passages if states(example, p.text, whole_words=True))
    by_entry: dict[str, list[Passage]] = {entry: [] for entry in example.entries}
    for passage in passages:
        if passage.entry_id in by_entry and states(example, passage.text, whole_words=True):
            by_entry[passage.entry_id].append(passage)
    return tuple(p.id for entry, stating in by_entry.items() for p in _supporting(example, entry, stating))


def _supporting(example: Example, entry: str, stating: Sequence[Passage]) -> list[Passage]:
    evidence = [p for named, where in example.evidence if named == entry for p in _there(where, stating)]
    if _is_telling(example):
        return list(stating)
    languages = {p.language for p in evidence}
    return [p for p in stating if p in evidence or p.language not in languages]


def _there(where: str, passages: Sequence[Passage]) -> list[Passage]:
    """The passages of the section of this title; where none has it, those that have these words, or are among them."""
    titled = [p for p in passages if p.section == where]
    return titled or [p for p in passages if where in p.text or p.text in where]


def _is_telling(example: Example) -> bool:
    """Whether right answers are words that hardly stand somewhere by accident."""
    if example.kind == "number":
        return False
    letters = [[c for c in normalise(answer) if c.isalpha()] for answer in example.answers]
    lengths = [sum(2 if is_written_as(c, "zh") else 1 for c in found) for found in letters]
    return (example.kind == "all_of" and len(lengths) > 1) or min(lengths, default=0) >= LEAST_LETTERS
