"""Whether articles hold the answers: words that stand in an article one after the other."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from ravlm.lines import EntryLine, ExampleLine

_WORD = re.compile(r"\w+")
_LONGEST = 8  # words of an answer that is looked for

Words = tuple[str, ...]


def words_of(text: str) -> Words:
    """The words of a text, folded.

    >>> words_of("The Levi's 501")
    ('the', 'levi', 's', '501')
    """
    return tuple(_WORD.findall(text.casefold()))


class Holding:
    """Which questions' answers the articles hold. Questions are asked first, then every article is looked through once.

    A question that names articles needs one of its answers in one of these; another one, in any. Answers of more than
    eight words are not looked for, nor are questions without any other.
    """

    def __init__(self) -> None:
        self.asked: dict[str, int] = defaultdict(int)
        self._questions: list[tuple[str, str, frozenset[Words], tuple[str, ...]]] = []
        self._lengths: set[int] = set()
        self._wanted: set[Words] = set()
        self._named: set[str] = set()
        self._anyones = False  # whether a question names no article, so that any may hold its answer
        self._anywhere: set[Words] = set()
        self._in: dict[str, set[Words]] = {}

    def ask(self, split: str, line: ExampleLine) -> None:
        """Take a question; captions and lists of all answers are none."""
        texts = line.answers or ([line.choices[line.correct or 0]] if line.choices else [])
        answers = frozenset(w for w in map(words_of, texts) if 0 < len(w) <= _LONGEST)
        if not answers:
            return
        self.asked[split] += 1
        self._questions.append((split, line.id, answers, tuple(line.entries)))
        self._wanted.update(answers)
        self._lengths.update(map(len, answers))
        self._named.update(line.entries)
        self._anyones = self._anyones or not line.entries

    def look(self, entry: EntryLine) -> None:
        """Look through an article: its title, its text, the names of its sections."""
        if entry.id not in self._named and not self._anyones:
            return
        texts = [entry.title, entry.text or "", *(f"{s.title}\n{s.text}" for s in entry.sections or ())]
        found = {w for text in texts for w in self._held(words_of(text))}
        self._anywhere |= found
        if entry.id in self._named:
            self._in.setdefault(entry.id, set()).update(found)

    def unheld(self) -> Mapping[str, Sequence[str]]:
        """By split, the ids of the questions none of whose answers is held."""
        lost: dict[str, list[str]] = {split: [] for split in self.asked}
        for split, name, answers, entries in self._questions:
            held = set().union(*(self._in.get(e, set()) for e in entries)) if entries else self._anywhere
            if not answers & held:
                lost[split].append(name)
        return lost

    def _held(self, words: Words) -> Iterator[Words]:
        for length in self._lengths:
            for start in range(len(words) - length + 1):
                if (some := words[start : start + length]) in self._wanted:
                    yield some
