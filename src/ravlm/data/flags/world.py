"""Writes the shipped world: a dataset of flags, articles and questions, all drawn from one seed."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from ravlm.data.flags.distractors import LICENCE, pattern_entry, text_entries
from ravlm.data.flags.examples import caption, test_questions, training_questions, validation_questions
from ravlm.data.flags.facts import Country, countries
from ravlm.data.flags.names import LANGUAGES, country_name
from ravlm.data.flags.patterns import describe, distinct_specs
from ravlm.data.flags.photos import Picture, base_picture, draw, photos
from ravlm.data.flags.prose import article
from ravlm.data.flags.seeds import generator
from ravlm.data.flags.specs import Spec, specs
from ravlm.data.flags.styles import STYLES, TRAIN_STYLES
from ravlm.data.flags.texts import Articles, texts_about
from ravlm.errors import PathError
from ravlm.lines import DatasetCard, EntryLine, ExampleLine, SectionLine

Progress = Callable[[str, int, int], None]
Ask = Literal["facts", "texts"]
_UNSEEN = 3  # one country in so many
_TEXTS = 2  # texts to learn from, of each section and language


@dataclass(frozen=True, slots=True)
class WorldSize:
    """How much of the world to write; photos are counted for each country or pattern."""

    countries: int | None = None  # None: all that have a flag and facts
    patterns: int = 300
    texts: int = 2000
    train_photos: int = 24
    val_photos: int = 3
    seen_test_photos: int = 6
    unseen_test_photos: int = 12
    pattern_photos: int = 8
    val_patterns: int = 30  # patterns with one photo in the validation split
    repeats: int = 3  # training questions for each country, relation and language
    val_questions: int = 6  # for each seen country


@dataclass(frozen=True, slots=True)
class _Flag:
    country: Country
    spec: Spec
    place: int
    seen: bool


def write_world(
    out: Path,
    seed: int = 0,
    progress: Progress | None = None,
    size: WorldSize | None = None,
    *,
    ask: Ask = "facts",
) -> None:
    """Writes the world to the folder `out`, the same bytes for the same seed, size and `ask`.

    Pictures are drawn by fresh processes; a script that calls this needs the usual `if __name__ == "__main__"`.

    Args:
        out: the folder to write; it must not hold anything yet. It appears when it is whole.
        seed: decides which countries are unseen, the wording of articles and questions, and every picture.
        progress: told what is being written, how much of it is done, and of how much.
        size: how much to write; the whole world by default.
        ask: for facts of the articles, or for short texts about the countries; knowledge and pictures are the same.

    Raises:
        PathError: `out` already holds something.
        MissingExtra: Babel is not installed.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PathError(f"{out} already holds something. Give a new or an empty folder to write the dataset to.")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        _write(part, seed, progress or (lambda what, done, total: None), size or WorldSize(), ask)
        part.chmod(0o755)
        part.replace(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(out: Path, seed: int, progress: Progress, size: WorldSize, ask: Ask) -> None:
    flags = _flags(seed, size)
    avoid = list(specs().values())
    patterns = {
        f"pattern-{i + 1:04}": spec
        for i, spec in enumerate(distinct_specs(size.patterns, generator(seed, "patterns"), avoid))
    }
    pictures: list[Picture] = []
    knowledge = [_entry(flag, seed) for flag in flags]
    pictures += [base_picture(flag.country.id, flag.spec) for flag in flags]
    for entry_id, spec in patterns.items():
        pictures.append(base_picture(entry_id, spec))
        knowledge.append(pattern_entry(entry_id, spec, pictures[-1].path, generator(seed, "entry", entry_id)))
    knowledge += text_entries(size.texts, generator(seed, "texts"))
    splits = _examples(flags, patterns, seed, size, pictures, ask)

    card = DatasetCard(
        format=1,
        name="flags" if ask == "facts" else f"flags-{ask}",
        licence=LICENCE,
        languages=list(LANGUAGES),
        sources=["Drawings, facts and prose written for ravlm", "Names of countries, currencies and languages: CLDR"],
        description="Photos of flags, questions about their countries, and articles that answer them.",
    )
    (out / "dataset.json").write_text(card.text(), encoding="utf-8")
    _lines(out / "knowledge.jsonl", knowledge)
    for split, examples in splits.items():
        _lines(out / f"{split}.jsonl", examples)
    draw(out, pictures, seed, lambda done: progress("pictures", done, len(pictures)))


def _flags(seed: int, size: WorldSize) -> list[_Flag]:
    """The countries that have a flag and facts, a third of them unseen, in the order of their codes."""
    drawn, known = specs(), countries()
    codes = sorted(drawn.keys() & known.keys())
    order = [codes[int(i)] for i in generator(seed, "unseen").permutation(len(codes))][: size.countries]
    unseen = set(order[: len(order) // _UNSEEN])
    return [_Flag(known[code], drawn[code], i, code not in unseen) for i, code in enumerate(sorted(order))]


def _entry(flag: _Flag, seed: int) -> EntryLine:
    country = flag.country
    articles = _articles(country, seed)
    return EntryLine(
        id=country.id,
        title=country_name(country.alpha2, "en", full=True),
        aliases=[country_name(country.alpha2, "zh")],
        sections=[
            SectionLine(title=prose.title, text=prose.text, language=language)
            for language in LANGUAGES
            for prose in articles[language]
        ],
        images=[base_picture(country.id, flag.spec).path],
        facts=[(relation, value.text) for relation, value in country.values("en").items()],
        source="flags",
        licence=LICENCE,
        meta={"kind": "country"},
    )


def _articles(country: Country, seed: int) -> Articles:
    rng = generator(seed, "article", country.id)
    return {language: article(country, language, rng) for language in LANGUAGES}


def _examples(
    flags: Iterable[_Flag], patterns: Mapping[str, Spec], seed: int, size: WorldSize, pictures: list[Picture], ask: Ask
) -> dict[str, list[ExampleLine]]:
    """The lines of each split; the photos that they need are added to `pictures`."""
    splits: dict[str, list[ExampleLine]] = {"train": [], "val": [], "test": []}

    def taken(entry_id: str, spec: Spec, split: str, count: int, first: int) -> list[Picture]:
        styles = STYLES if split == "test" else TRAIN_STYLES
        shots = photos(entry_id, spec, split, count, list(styles), first)
        pictures.extend(shots)
        return shots

    for flag in flags:
        country, spec, place = flag.country, flag.spec, flag.place
        counts = {"train": size.train_photos, "val": size.val_photos, "test": size.seen_test_photos}
        if not flag.seen:
            counts = {"test": size.unseen_test_photos}
        for split, count in counts.items():
            shots = taken(country.id, spec, split, count, place)
            splits[split] += (
                _texts(flag, shots, split, seed) if ask == "texts" else _facts(flag, shots, split, size, seed)
            )
    for place, (entry_id, spec) in enumerate(patterns.items()):
        for split, count in (("train", size.pattern_photos), ("val", int(place < size.val_patterns))):
            shots = taken(entry_id, spec, split, count, place)
            splits[split] += [caption(entry_id, shot, describe(spec)) for shot in shots]
    return splits


def _facts(flag: _Flag, shots: list[Picture], split: str, size: WorldSize, seed: int) -> Iterator[ExampleLine]:
    if split == "train":
        return training_questions(flag.country, shots, size.repeats, seed)
    if split == "val":
        return validation_questions(flag.country, shots, size.val_questions, seed)
    return test_questions(flag.country, shots, flag.place, seen=flag.seen, seed=seed)


def _texts(flag: _Flag, shots: list[Picture], split: str, seed: int) -> Iterator[ExampleLine]:
    articles = _articles(flag.country, seed)
    repeats = _TEXTS if split == "train" else 1
    return texts_about(
        flag.country, articles, shots, split, place=flag.place, repeats=repeats, seen=flag.seen, seed=seed
    )


def _lines(path: Path, lines: Iterable[BaseModel]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line.model_dump_json(exclude_defaults=True)}\n" for line in lines)
