"""Writes a benchmark in the dataset format: whole, or as a subset that says so wherever it goes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Literal

from ravlm.data.published.benchmarks import BENCHMARKS, splits_of, variants_of
from ravlm.data.published.content import Content, Wanted
from ravlm.data.published.facts import PUBLISHED, Facts
from ravlm.data.published.pictures import FoundPictures, Pictures
from ravlm.data.published.source import SourceFolder, lines_of, refuse_source
from ravlm.data.writing import Progress, append_lines, link, new_folder, write_card
from ravlm.errors import DatasetError
from ravlm.lines import AuthorsFile, BenchmarkLine, DatasetCard, EntryLine, ExampleLine
from ravlm.safe.jsonl import Fault
from ravlm.safe.paths import inside

Articles = Literal["all", "asked", "none"]
"""Which articles of the benchmark's own knowledge base are kept: all, those that questions name, or none."""

ARTICLES: tuple[Articles, ...] = ("all", "asked", "none")
_AT_ONCE = 10_000  # lines


@dataclass(frozen=True)
class Kept:
    """What is kept of a benchmark; anything but the defaults makes a declared subset.

    `splits` are the only ones to be read, `ids` a file with the ids of the only questions, one a line.
    """

    splits: tuple[str, ...] = ()
    ids: Path | None = None
    pictures: Pictures = "all"
    articles: Articles = "all"


def write_published(
    name: str,
    source: Path,
    out: Path,
    *,
    variant: str = "",
    ask: str = "",
    kept: Kept = Kept(),
    images: Sequence[Path] = (),
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> BenchmarkLine:
    """Turn a benchmark's files, as its authors publish them, into a dataset.

    Splits whose answers the authors keep to themselves are left out: an example has its answer. What is not the whole
    benchmark says so in the card's `benchmark.subset` and in its name, and with it in every run and score.

    Args:
        name: of the benchmark; see `BENCHMARKS`.
        source: the folder with its files, anywhere below it.
        out: the folder to write; it must not hold anything yet. It appears when it is whole.
        variant: which split of the same pictures, where there are several; the usual one where it is empty.
        ask: which of its tasks, where it has several.
        kept: which questions and articles.
        images: more folders with pictures.
        seed: decides what is drawn by lot.
        progress: told what goes on.

    Returns:
        What the card says of the benchmark.

    Raises:
        PathError: a file or folder is missing, or something is in the way at `out`.
        DatasetError: the files have faults, pictures are missing, or nothing would be kept.
        FormatError: a file is damaged.
    """
    benchmark = BENCHMARKS[name]
    variant = variant or "".join(variants_of(name)[:1])
    facts = PUBLISHED.get(name, {}).get(variant)
    splits = kept.splits or splits_of(name, variant)
    folder = SourceFolder(source, images)
    wanted = Wanted(variant, splits, ask, benchmark.articles and kept.articles != "none", seed)
    content = benchmark.read(folder, wanted)
    refuse_source(source, content.faults)
    with new_folder(out) as part:
        writer = _Writer(part, source, content, FoundPictures(folder, content.other_names, kept.pictures), kept)
        known = writer.articles(progress)
        for done, split in enumerate(content.splits):
            progress("splits", done, len(content.splits))
            writer.split(split, known)
        progress("splits", len(content.splits), len(content.splits))
        about = writer.about(name, variant, folder.used)
        write_card(part, _card(about, ask if ask not in benchmark.asks[:1] else "", facts))
        link(((file.resolve(), inside(part, place)) for place, file in writer.pictures.links.items()), progress)
    return about


class _Writer:
    """Writes lines, and keeps count of them."""

    def __init__(self, out: Path, source: Path, content: Content, pictures: FoundPictures, kept: Kept) -> None:
        self.pictures = pictures
        self._out = out
        self._source = source
        self._content = content
        self._kept = kept
        self._ids = None if kept.ids is None else dict.fromkeys(lines_of(kept.ids), False)
        self._seen: set[str] = set()
        self._questions: dict[str, int] = {}
        self._of: dict[str, int] = {}
        self._lost = 0

    def articles(self, progress: Progress) -> frozenset[str]:
        """Write the articles, of several with one id the first; the ids of those that are asked about and there."""
        path = self._out / "knowledge.jsonl"
        path.touch()
        known: set[str] = set()
        entries = iter(self._content.entries or ())
        lines: list[EntryLine] = []
        only = self._content.asked if self._kept.articles == "asked" else None
        seen: set[int] = set()  # hashes: the ids of millions of articles would take a gigabyte
        while some := list(islice(entries, _AT_ONCE)):
            for entry in some:
                if hash(entry.id) not in seen and (only is None or entry.id in only):
                    lines.append(self._pictured(entry))
                seen.add(hash(entry.id))
            append_lines(path, lines)
            lines.clear()
            known.update(entry.id for entry in some if entry.id in self._content.asked)
            progress("articles", len(seen), len(seen))
        refuse_source(self._source, self._content.faults)
        return frozenset(known)

    def split(self, name: str, known: frozenset[str]) -> None:
        """Write a split's examples; an article that the knowledge base lacks is no gold entry."""
        self._questions[name] = self._of[name] = 0
        path = self._out / f"{name}.jsonl"
        path.touch()
        lines = self._kept_lines(name, known)
        while some := list(islice(lines, _AT_ONCE)):
            append_lines(path, some)
        refuse_source(self._source, self._content.faults)

    def about(self, name: str, variant: str, used: Sequence[Path]) -> BenchmarkLine:
        """What the card says; a picture or an id that is missing is refused.

        Raises:
            DatasetError: there is such a one, or no question is left.
        """
        if self._ids is not None and (unknown := [name for name, found in self._ids.items() if not found]):
            few = ", ".join(unknown[:3])
            raise DatasetError(
                f"{self._kept.ids} names {len(unknown):,} questions that are not in what was read of {self._source} "
                f"({few}). Give the ids of the benchmark's own questions, one a line."
            )
        if self._kept.pictures == "all":
            of = sum(self._questions.values()) + self._lost
            self.pictures.refuse(self._source, self._lost, of, self._content.hint)
        if not any(self._questions.values()):
            raise DatasetError(
                f"None of the {sum(self._of.values()):,} questions in {self._source} would be kept: "
                f"{len(self.pictures.missing):,} pictures are missing. Give the folder of the pictures with --images, "
                "or keep the text alone (--pictures none)."
            )
        return BenchmarkLine(
            name=name,
            variant=variant,
            files=[_hashed(path) for path in dict.fromkeys(used)],
            questions=self._questions,
            of=self._of,
            subset=list(self._reasons(name, variant)),
            pictures=self._kept.pictures,
            articles=self._kept.articles,
        )

    def _reasons(self, name: str, variant: str) -> Iterator[str]:
        left = [split for split in splits_of(name, variant) if split not in self._questions]
        if self._kept.splits and left:
            yield f"splits: {', '.join(self._questions)}, without {', '.join(left)}"
        if self._kept.ids is not None:
            yield f"{len(self._ids or ()):,} ids named in {self._kept.ids.name}"
        unanswered = [name for some in self._content.unanswered.values() for name in some]
        if unanswered:
            few = ", ".join(unanswered[:3]) + (", ..." if len(unanswered) > 3 else "")
            yield f"questions with an answer: {len(unanswered):,} have blanks alone ({few})"
        if self.pictures.missing:
            yield f"pictures that are there: {len(self.pictures.missing):,} are missing"
        if self._kept.pictures == "none":
            yield "text alone: no picture was looked for"
        if self._kept.articles != "all":
            yield f"articles: {self._kept.articles}"

    def _kept_lines(self, split: str, known: frozenset[str]) -> Iterator[ExampleLine]:
        for line in self._content.splits[split]:
            self._of[split] += 1
            if line.id in self._seen:
                wish = "an id of its own"
                self._content.faults.append(Fault(f"{split}", 0, "id", f"{line.id!r} more than once", wish))
            self._seen.add(line.id)
            if self._ids is not None:
                if line.id not in self._ids:
                    continue
                self._ids[line.id] = True
            images = self.pictures.question(line.images)
            if images is None:
                self._lost += 1
                continue
            self._questions[split] += 1
            entries = [entry for entry in line.entries if entry in known]
            yield line.model_copy(update={"images": images, "entries": entries})
        for name in self._content.unanswered.get(split, ()):
            self._of[split] += 1
            if self._ids is not None and name in self._ids:
                self._ids[name] = True

    def _pictured(self, entry: EntryLine) -> EntryLine:
        return entry.model_copy(update={"images": self.pictures.of(entry.images)})


def _hashed(path: Path) -> AuthorsFile:
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return AuthorsFile(name=path.name, bytes=path.stat().st_size, sha256=digest.hexdigest())


def _card(about: BenchmarkLine, ask: str, facts: Facts | None) -> DatasetCard:
    name = "-".join(filter(None, (about.name, about.variant, ask)))
    title = facts.title if facts else "Pictures in folders, one a class"
    description = f"{title}, from its authors' files." if facts else f"{title}."
    if about.subset:
        name = f"{name} (subset: {', '.join(_in_short(about))})"
        description = f"{description} A subset: {'; '.join(about.subset)}."
    return DatasetCard(
        format=1,
        name=name,
        licence=facts.licence if facts else "as the pictures' owner states",
        languages=["en"],
        sources=[facts.home, facts.source] if facts else [],
        description=description,
        benchmark=about,
    )


def _in_short(about: BenchmarkLine) -> Iterator[str]:
    """In which way a dataset is a part of its benchmark, for its name: runs and scores bear that."""
    kept, of = sum(about.questions.values()), sum(about.of.values())
    if kept < of:
        yield f"{kept:,} of {of:,} questions"
    if set(about.questions) != set(splits_of(about.name, about.variant)):
        yield f"{' and '.join(about.questions)} alone"
    if about.pictures == "none":
        yield "text alone"
    if about.articles != "all":
        yield f"articles: {about.articles}"
