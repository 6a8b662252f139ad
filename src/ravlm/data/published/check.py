"""Compares a dataset with what its benchmark's authors publish: counts, checksums, leaks, and what articles hold."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ravlm.data.dataset import CARD, KNOWLEDGE, read_card
from ravlm.data.published.content import BLANK
from ravlm.data.published.facts import PUBLISHED, Facts
from ravlm.data.published.held import Holding
from ravlm.errors import PathError
from ravlm.grading import normalise
from ravlm.lines import SPLITS, BenchmarkLine, EntryLine, ExampleLine
from ravlm.safe.jsonl import Fault, read_models
from ravlm.safe.paths import inside

_LISTED = 20  # of each kind of finding that are named


@dataclass(frozen=True)
class Compared:
    """A count of the dataset beside the published one."""

    split: str
    what: str
    found: int
    published: int


@dataclass(frozen=True)
class PublishedReport:
    """What a comparison found.

    `subset` says in which way the dataset is declared to be a part of the benchmark; for such a one, lower counts are
    no faults. `missing` are pictures that are not there and the questions that show them. `unheld` are, by split, the
    questions none of whose answers an article holds: none of the question's own articles, where it names some; `asked`
    those that were looked at.
    """

    name: str
    source: str
    subset: Sequence[str] = ()
    counts: Sequence[Compared] = ()
    faults: Sequence[Fault] = ()
    missing: tuple[int, int] = (0, 0)
    unheld: Mapping[str, Sequence[str]] = field(default_factory=dict)
    asked: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "name": self.name,
            "source": self.source,
            "subset": list(self.subset),
            "counts": [
                {"split": c.split, "what": c.what, "found": c.found, "published": c.published} for c in self.counts
            ],
            "missing": {"pictures": self.missing[0], "questions": self.missing[1]},
            "unheld": {split: {"of": self.asked[split], "questions": list(ids)} for split, ids in self.unheld.items()},
        }


def check_published(folder: Path, name: str) -> PublishedReport:
    """A dataset of one of the benchmarks beside what is published of it. Pixels are not decoded: `check` does that.

    Faults are: a count that differs, unless the dataset is a declared subset; a declaration that is not so; authors'
    files whose counts or checksums are not the published ones; one question about one picture in two splits; an entity
    that is promised to be unseen and is not.
    """
    card = read_card(folder)
    about = None if isinstance(card, list) else card.benchmark
    variants = PUBLISHED[name]
    if about is None or about.name != name or about.variant not in variants:
        found = "no benchmark" if about is None else f"{about.name!r} {about.variant}".strip()
        wish = f"{name!r}: `ravlm dataset make {name}` writes one"
        return PublishedReport(name, "", faults=[Fault(CARD, 0, "benchmark", found, wish)])
    facts = variants[about.variant]
    seen = _Seen(folder)
    holding = Holding()
    for split in SPLITS:
        if (folder / f"{split}.jsonl").is_file():
            for line in _lines(folder / f"{split}.jsonl"):
                seen.take(split, line)
                holding.ask(split, line)
    articles = 0
    for _, entry in read_models(folder / KNOWLEDGE, EntryLine, []):
        articles += 1
        holding.look(entry)
    seen.whole["articles"] = articles
    counts = list(_counts(facts, seen, about))
    unheld = holding.unheld() if articles else {}
    return PublishedReport(
        name,
        facts.source,
        about.subset,
        counts,
        [*_differences(counts, about), *_declared(facts, about, seen), *_checksums(facts, about), *seen.leaks(facts)],
        seen.missing(),
        unheld,
        holding.asked,
    )


def _lines(path: Path) -> Iterator[ExampleLine]:
    """The lines without faults: those are told by `check`."""
    return (line for _, line in read_models(path, ExampleLine, []))


class _Seen:
    """What is counted as the lines go by."""

    def __init__(self, folder: Path) -> None:
        self.splits: dict[str, Counter[str]] = {}
        self.whole: Counter[str] = Counter()
        self._folder = folder
        self._pictures: dict[str, set[str]] = defaultdict(set)
        self._rows: dict[str, set[int]] = defaultdict(set)
        self._shown: Counter[str] = Counter()
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        self._twice: list[tuple[str, str, str, str]] = []
        self._entities: dict[str, set[str]] = defaultdict(set)
        self._promised: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def take(self, split: str, line: ExampleLine) -> None:
        """Count a line."""
        counts = self.splits.setdefault(split, Counter())
        counts["questions"] += 1
        if line.annotators is not None:
            counts["answers"] += sum(line.annotators) + line.meta.get(BLANK, 0)
        counts["captions"] += len(line.captions or ())
        for group in line.groups:
            counts[f"group:{group}"] += 1
        if (row := line.meta.get("row")) is not None and row not in self._rows[split]:
            self._rows[split].add(row)
            counts["rows"] += 1
            counts[f"rows:{line.meta.get('question_type')}"] += 1
        self._pictures[split].update(line.images)
        counts["pictures"] = len(self._pictures[split])
        self._shown.update(line.images)
        pair = line.images[0], normalise(line.question or "")
        before = self._pairs.setdefault(pair, (split, line.id))
        if before[0] != split and line.question is not None:
            self._twice.append((split, line.id, *before))
        entity = str(line.meta.get("entity", ""))
        if entity:
            self._entities[split].update(entity.split("|"))
            for group in line.groups:
                self._promised[group].append((line.id, entity))

    def missing(self) -> tuple[int, int]:
        """Pictures that are not there, and how many times a question shows one."""
        lost = [path for path in self._shown if not self._is_there(path)]
        return len(lost), sum(self._shown[path] for path in lost)

    def _is_there(self, path: str) -> bool:
        try:
            return inside(self._folder, path).is_file()
        except PathError:  # `check` tells that it leads out
            return False

    def total(self, what: str) -> int:
        """A count over all splits."""
        if what == "pictures":
            return len(self._shown)
        return self.whole[what] + sum(counts[what] for counts in self.splits.values())

    def leaks(self, facts: Facts) -> Iterator[Fault]:
        """Questions that are asked of one picture in two splits; entities that were promised to be unseen."""
        for split, name, other, before in self._twice[:_LISTED]:
            found = f"{name!r}: {before!r} of {other} asks the same about the same picture"
            yield Fault(f"{split}.jsonl", 0, "question", found, "a question that no other split asks of this picture")
        if len(self._twice) > _LISTED:
            more = f"{len(self._twice) - _LISTED:,} more such questions"
            yield Fault("", 0, "question", more, "none")
        trained = self._entities["train"]
        known = [(i, e) for i, e in self._promised[facts.unseen] if trained.intersection(e.split("|"))]
        if facts.unseen and known:
            few = ", ".join(f"{i} ({e})" for i, e in known[:3])
            found = f"{len(known):,} questions of the group {facts.unseen!r} about entities of train: {few}"
            yield Fault("train.jsonl", 0, "meta.entity", found, "other entities than those that are promised unseen")


def _counts(facts: Facts, seen: _Seen, about: BenchmarkLine) -> Iterator[Compared]:
    for split, published in facts.splits.items():
        for what, number in published.items():
            found = seen.splits.get(split, Counter())[what]
            if what != "answers" or found:  # files of soft scores don't tell how many annotators there were
                yield Compared(split, what, found, number)
    for what, number in facts.whole.items():
        if what != "articles" or about.articles == "all":
            yield Compared("", what, seen.total(what), number)


def _differences(counts: Sequence[Compared], about: BenchmarkLine) -> Iterator[Fault]:
    """Counts that are not the published ones. A part of a benchmark can't have more than the whole."""
    for one in counts:
        file = f"{one.split}.jsonl" if one.split else KNOWLEDGE if one.what == "articles" else CARD
        if one.found > one.published or (one.found < one.published and not about.subset):
            yield Fault(file, 0, "", f"{one.found:,} {one.what}", f"{one.published:,}, as published")


def _declared(facts: Facts, about: BenchmarkLine, seen: _Seen) -> Iterator[Fault]:
    """Whether what the card says of the questions is so, and the authors' files held what is published."""
    for split in dict.fromkeys((*about.questions, *seen.splits)):
        found, told = seen.splits.get(split, Counter())["questions"], about.questions.get(split, 0)
        if found != told:
            yield Fault(f"{split}.jsonl", 0, "", f"{found:,} questions", f"{told:,}, as {CARD} says")
    for split, held in about.of.items():
        published = facts.splits.get(split, {})
        number = published.get("questions", published.get("pictures"))
        if number is not None and held != number:
            what = "questions" if "questions" in published else "pictures"
            yield Fault(CARD, 0, f"benchmark.of.{split}", f"{held:,} {what} in the authors' files", f"{number:,}")


def _checksums(facts: Facts, about: BenchmarkLine) -> Iterator[Fault]:
    for file in about.files:
        published = facts.checksums.get(file.name)
        if published is not None and published != file.sha256:
            yield Fault(file.name, 0, "sha256", file.sha256, f"{published}, as its authors publish; get it again")
