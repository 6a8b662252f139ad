"""Writes the Grocery Store Dataset in the dataset format: knowledge, questions, pictures."""

import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from ravlm.data.grocery.fields import Statement, wordings
from ravlm.data.grocery.glosses import gloss_entries
from ravlm.data.grocery.source import INGREDIENTS, NUTRITION, PRODUCT, Product, Source, read_source
from ravlm.errors import PathError
from ravlm.lines import SPLITS, DatasetCard, EntryLine, ExampleLine, Line, SectionLine

Base = Literal["iconic", "photos"]
Progress = Callable[[str, int, int], None]
"""Called with (what goes on, files done, files in all)."""

_CREDIT = "Grocery Store Dataset (Klasson, Zhang and Kjellström, WACV 2019)"
_LEAST_TRAINING_VALUES = 3  # a number that nearly never varies in training is no question


def write_grocery(
    source: Path,
    out: Path,
    seed: int = 0,
    base: Base = "iconic",
    distractors: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Turn the Grocery Store Dataset's folder into a dataset: a photo shows a product, its article has the answer.

    Every photo is asked about every field that its product's article states, once; a number is asked only where
    training sees at least 3 different values of it, and a field that an article states with two values is not asked.
    Products whose fine id leaves 2 when divided by 3 are `unseen`: no photo or question of theirs is in train or val.
    Groups: `seen` or `unseen`, `field:<name>`, and `numbers`, `country` or `other`.

    Args:
        source: the folder with classes.csv, train.txt, val.txt and test.txt.
        out: the folder to write; it must not hold anything yet. It appears when it is whole.
        seed: chooses each question's wording.
        base: `iconic`: an entry has the article's own picture; `photos`: also the product's photos from train.txt,
            unseen products' too.
        distractors: WordNet's `data.noun`, whose glosses become entries about other things.
        progress: told what goes on.

    Raises:
        PathError: the source lacks a list, or something is in the way at `out`.
        DatasetError: every fault of the source.
        FormatError: the distractors are not WordNet's.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PathError(f"{out} already holds something. Give a new or an empty folder to write the dataset to.")
    read = read_source(source)
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        _write(read, part, seed, base, distractors, progress or (lambda what, done, total: None))
        if out.exists():
            out.rmdir()
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(read: Source, out: Path, seed: int, base: Base, distractors: Path | None, progress: Progress) -> None:
    card = DatasetCard(
        format=1,
        name=f"grocery-{base}",
        licence="MIT",
        languages=["en"],
        sources=[_CREDIT, *(["WordNet noun glosses"] if distractors else [])],
        description="Questions about photos of groceries, answered by the articles of 81 products.",
    )
    (out / "dataset.json").write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    entries = [_entry(product, _pictures(read, product, base)) for product in read.products.values()]
    _lines(out / "knowledge.jsonl", entries)
    if distractors is not None:
        _lines(out / "knowledge.jsonl", gloss_entries(distractors))
    asked = _asked(read)
    for split in SPLITS:
        _lines(out / f"{split}.jsonl", _examples(read, split, asked, seed))
    _link(read, out, base, progress)


def _lines(path: Path, lines: Iterable[Line]) -> None:
    """Append the lines to the file."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line.model_dump_json(exclude_defaults=True)}\n" for line in lines)


def _pictures(read: Source, product: Product, base: Base) -> list[str]:
    photos = [path for path, label in read.photos["train"] if label == product.id] if base == "photos" else []
    return [product.icon, *photos]


def _entry(product: Product, pictures: list[str]) -> EntryLine:
    def sentences(section: str) -> str:
        return "\n".join(s.sentence for s in product.statements if s.section == section)

    sections = {
        "Description": product.description,
        PRODUCT: sentences(PRODUCT),
        INGREDIENTS: product.ingredients,
        NUTRITION: sentences(NUTRITION),
    }
    return EntryLine(
        id=product.slug,
        title=product.name.replace("-", " "),
        sections=[SectionLine(title=title, text=text) for title, text in sections.items() if text],
        images=[_target(picture) for picture in pictures],
        facts=[(s.field, s.text) for s in product.statements],
        aliases=[product.title],
        source=_CREDIT,
        licence="MIT",
        url=product.url,
        meta={"fine": product.id, "coarse": product.coarse},
    )


def _target(path: str) -> str:
    """Where a file of the source stands in the dataset."""
    return f"images/{path}"


def _once(product: Product) -> Iterator[Statement]:
    """The statements of fields that the article states with one value only."""
    fields = [s.field for s in product.statements]
    return (s for s in product.statements if fields.count(s.field) == 1)


def _trained(read: Source, split: str) -> list[tuple[str, Product]]:
    """The split's photos with their products, without the unseen ones in train and val."""
    photos = [(path, read.products[label]) for path, label in read.photos[split]]
    return [(path, product) for path, product in photos if split == "test" or not product.unseen]


def _asked(read: Source) -> set[str]:
    """The fields to ask for: names all, numbers where training has enough different values."""
    values: dict[str, set[float | None]] = {}
    for product in {product.id: product for _, product in _trained(read, "train")}.values():
        for statement in _once(product):
            values.setdefault(statement.field, set()).add(statement.value)
    return {f for f, found in values.items() if None in found or len(found) >= _LEAST_TRAINING_VALUES}


def _examples(read: Source, split: str, asked: set[str], seed: int) -> Iterator[ExampleLine]:
    for path, product in _trained(read, split):
        for statement in _once(product):
            if statement.field in asked:
                yield _example(path, product, statement, split, seed)


def _example(path: str, product: Product, statement: Statement, split: str, seed: int) -> ExampleLine:
    name = f"{Path(path).with_suffix('')}/{statement.field.replace(' ', '-')}"
    questions = wordings(statement.field, split)
    chosen = np.random.default_rng([seed, zlib.crc32(name.encode())]).integers(len(questions))
    number = statement.value is not None
    return ExampleLine(
        id=name,
        images=[_target(path)],
        question=questions[chosen],
        kind="number" if number else "answers",
        answers=None if number else list(statement.answers),
        value=statement.value,
        unit=statement.unit,
        entries=[product.slug],
        evidence=[(product.slug, statement.section)],
        groups=["unseen" if product.unseen else "seen", f"field:{statement.field}", statement.group],
    )


def _link(read: Source, out: Path, base: Base, progress: Progress) -> None:
    """Hard-link every picture that is used, or copy it where a link can't be made."""
    used = {path for product in read.products.values() for path in _pictures(read, product, base)}
    used |= {path for split in SPLITS for path, _ in _trained(read, split)}
    for done, path in enumerate(sorted(used), 1):
        target = out / _target(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(read.root / path, target)
        except OSError:  # another file system, or links are not allowed
            shutil.copyfile(read.root / path, target)
        progress("pictures", done, len(used))
