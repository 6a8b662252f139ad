"""What `ravlm dataset` says of published benchmarks: made of their authors' files, compared with what they publish."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ravlm.cli.console import counted, progress, say, table, warn

if TYPE_CHECKING:
    from ravlm.data.published.check import PublishedReport
    from ravlm.lines import BenchmarkLine
    from ravlm.safe.jsonl import Fault

NAMES = (
    "vqa2",
    "okvqa",
    "aokvqa",
    "infoseek",
    "evqa",
    "fvqa",
    "viquae",
    "coco-captions",
    "flickr30k",
    "image-folder",
)
PICTURES = ("all", "there", "none")
ARTICLES = ("all", "asked", "none")
_NAMED = 5  # questions whose answer no article holds that are named


def make_published(
    name: str,
    source: Path,
    out: Path,
    *,
    variant: str | None,
    ask: str | None,
    splits: Sequence[str],
    subset: Path | None,
    pictures: str,
    articles: str,
    images: Sequence[Path],
    seed: int,
) -> "BenchmarkLine":
    """Write a benchmark's dataset.

    Raises:
        UnknownChoice: it has no such variant, split or task.
        RavlmError: see `write_published`.
    """
    from ravlm.data.published.benchmarks import BENCHMARKS, splits_of, variants_of
    from ravlm.data.published.write import Kept, write_published
    from ravlm.errors import UnknownChoice

    benchmark, variants = BENCHMARKS[name], variants_of(name)
    if variant is not None and variant not in variants:
        raise UnknownChoice(f"variant of {name}", variant, variants or ("(it has one form only: leave it out)",))
    chosen = variant or "".join(variants[:1])
    for split in splits:
        if split not in splits_of(name, chosen):
            raise UnknownChoice(f"split of {name} with published answers", split, splits_of(name, chosen))
    if ask is not None and ask not in benchmark.asks:
        raise UnknownChoice(f"thing to ask of {name}", ask, benchmark.asks or ("(one only: leave it out)",))
    if pictures not in PICTURES:
        raise UnknownChoice("way with missing pictures", pictures, PICTURES)
    if articles not in ARTICLES:
        raise UnknownChoice("choice of articles", articles, ARTICLES)
    kept = Kept(tuple(dict.fromkeys(splits)), subset, pictures, articles)  # type: ignore[arg-type]
    with progress() as report:
        return write_published(
            name,
            source,
            out,
            variant=chosen,
            ask=ask or "",
            kept=kept,
            images=images,
            seed=seed,
            progress=report,
        )


def holds(name: str) -> str:
    """What a benchmark's SOURCE holds."""
    from ravlm.data.published.benchmarks import BENCHMARKS

    return f"the folder with {BENCHMARKS[name].holds}"


def tell_subset(about: "BenchmarkLine | None") -> None:
    """Warn where a dataset is a part of its benchmark."""
    if about is not None and about.subset:
        kept, of = sum(about.questions.values()), sum(about.of.values())
        warn(f"A declared subset: {kept:,} of {of:,} questions; {'; '.join(about.subset)}.")


def compare(folder: Path, name: str, faults: "list[Fault]") -> "tuple[PublishedReport, list[Fault]]":
    """The comparison of a dataset with a benchmark, and all faults: those given, but for declared ones, and its own.

    Raises:
        UnknownChoice: nothing is published under this name.
    """
    from ravlm.data.check import TEXT_ALONE
    from ravlm.data.published.check import check_published
    from ravlm.data.published.facts import PUBLISHED
    from ravlm.errors import UnknownChoice

    if name not in PUBLISHED:
        raise UnknownChoice("benchmark with published counts", name, tuple(PUBLISHED))
    report = check_published(folder, name)
    return report, [*(fault for fault in faults if fault.field != TEXT_ALONE), *report.faults]


def tell(report: "PublishedReport") -> None:
    """Print a comparison."""
    if not report.source:
        return
    say(f"{report.name}, published: {report.source}")
    rows = [
        [f"{c.split} {c.what}".strip(), f"{c.found:,}", f"{c.published:,}", _difference(c.found, c.published)]
        for c in report.counts
    ]
    table(["count", "here", "published", "difference"], rows)
    if report.subset:
        say(f"A declared subset: {'; '.join(report.subset)}.")
    pictures, questions = report.missing
    if pictures:
        what = f"{counted(pictures, 'picture is', 'pictures are')} not there"
        say(f"{what}; {counted(questions, 'question shows', 'questions show')} them.")
    for split, ids in report.unheld.items():
        few = ", ".join(ids[:_NAMED]) + (", ..." if len(ids) > _NAMED else "")
        named = f" ({few})" if ids else ""
        say(f"{split}: no article holds an answer of {len(ids):,} of {report.asked[split]:,} questions{named}.")


def _difference(found: int, published: int) -> str:
    return "0" if found == published else f"{found - published:+,}"
