"""Writes the Grocery Store Dataset in the dataset format: knowledge, questions, pictures."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ravlm.data.grocery.classes import class_examples
from ravlm.data.grocery.fields import Statement, question_of
from ravlm.data.grocery.glosses import gloss_entries
from ravlm.data.grocery.source import DESCRIPTION, INGREDIENTS, NUTRITION, PRODUCT, Product, Source, read_source
from ravlm.data.grocery.texts import text_example
from ravlm.data.writing import Progress, append_lines, link, new_folder, write_card
from ravlm.lines import SPLITS, DatasetCard, EntryLine, ExampleLine, SectionLine

Base = Literal["iconic", "photos"]
Ask = Literal["facts", "classes", "texts"]

_CREDIT = "Grocery Store Dataset (Klasson, Zhang and Kjellström, WACV 2019)"
_DESCRIPTIONS: dict[Ask, str] = {
    "facts": "Questions about photos of groceries, answered by the articles of 81 products.",
    "classes": "Photos of groceries: which of 81 products each shows, and what kind of product.",
    "texts": "Short texts about photos of groceries: sentences of the articles of 81 products.",
}
_LEAST_TRAINING_VALUES = 3  # a number that nearly never varies in training is no question


def write_grocery(
    source: Path,
    out: Path,
    seed: int = 0,
    base: Base = "iconic",
    distractors: Path | None = None,
    progress: Progress | None = None,
    *,
    ask: Ask = "facts",
) -> None:
    """Turn the Grocery Store Dataset's folder into a dataset: a photo shows a product, its article has the answer.

    Facts: every photo is asked about every field that its product's article states, once; a number is asked only where
    training sees at least 3 different values of it, and a field that an article states with two values is not asked.
    Groups: `seen` or `unseen`, `field:<name>`, `numbers`, `country` or `other`, and `nutrients`, numbers per 100 gram.

    Classes: every photo is asked which product it shows (`fine`) and what kind of product (`coarse`), which the article
    may or may not say. Groups: `seen` or `unseen`, `fine` or `coarse`, both together (`fine:unseen`), and of the
    coarse questions about unseen products, whether training has their kind: `coarse:known` or `coarse:new`.

    Texts: every photo is asked about once, for a sentence of its product's article: of the description, of what the
    label says, or of the nutrition, in turn; not where the article has no sentence. Groups: `seen` or `unseen`,
    `about:<description, label or nutrition>`.

    Products whose fine id leaves 2 when divided by 3 are `unseen`: no photo or question of theirs is in train or val.

    Args:
        source: the folder with classes.csv, train.txt, val.txt and test.txt.
        out: the folder to write; it must not hold anything yet. It appears when it is whole.
        seed: chooses each question's wording.
        base: `iconic`: an entry has the article's own picture; `photos`: also the product's photos from train.txt,
            unseen products' too.
        distractors: WordNet's `data.noun`, whose glosses become entries about other things.
        progress: told what goes on.
        ask: for facts of the articles, for the products' classes, or for short texts.

    Raises:
        PathError: the source lacks a list, or something is in the way at `out`.
        DatasetError: every fault of the source.
        FormatError: the distractors are not WordNet's.
    """
    read = read_source(source)
    with new_folder(out) as part:
        _write(read, part, seed, base, distractors, ask, progress or (lambda what, done, total: None))


def _write(
    read: Source, out: Path, seed: int, base: Base, distractors: Path | None, ask: Ask, progress: Progress
) -> None:
    card = DatasetCard(
        format=1,
        name=f"grocery-{base}" if ask == "facts" else f"grocery-{base}-{ask}",
        licence="MIT",
        languages=["en"],
        sources=[_CREDIT, *(["WordNet noun glosses"] if distractors else [])],
        description=_DESCRIPTIONS[ask],
    )
    write_card(out, card)
    entries = [_entry(product, _pictures(read, product, base)) for product in read.products.values()]
    append_lines(out / "knowledge.jsonl", entries)
    if distractors is not None:
        append_lines(out / "knowledge.jsonl", gloss_entries(distractors))
    examples = {"facts": _facts, "classes": _classes, "texts": _texts}[ask]
    for split in SPLITS:
        append_lines(out / f"{split}.jsonl", examples(read, split, seed))
    _link(read, out, base, progress)


def _pictures(read: Source, product: Product, base: Base) -> list[str]:
    photos = [path for path, label in read.photos["train"] if label == product.id] if base == "photos" else []
    return [product.icon, *photos]


def _entry(product: Product, pictures: list[str]) -> EntryLine:
    def sentences(section: str) -> str:
        return "\n".join(s.sentence for s in product.statements if s.section == section)

    sections = {
        DESCRIPTION: product.description,
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


def _classes(read: Source, split: str, seed: int) -> Iterator[ExampleLine]:
    kinds = {product.coarse for _, product in _trained(read, "train")}
    for path, product in _trained(read, split):
        yield from class_examples(path, product, split, image=_target(path), kinds=kinds, seed=seed)


def _texts(read: Source, split: str, seed: int) -> Iterator[ExampleLine]:
    shown = Counter[str]()
    for path, product in _trained(read, split):
        example = text_example(path, shown[product.slug], product, split, image=_target(path), seed=seed)
        if example is not None:
            yield example
        shown[product.slug] += 1


def _facts(read: Source, split: str, seed: int) -> Iterator[ExampleLine]:
    asked = _asked(read)
    for path, product in _trained(read, split):
        for statement in _once(product):
            if statement.field in asked:
                yield _example(path, product, statement, split, seed)


def _example(path: str, product: Product, statement: Statement, split: str, seed: int) -> ExampleLine:
    name = f"{Path(path).with_suffix('')}/{statement.field.replace(' ', '-')}"
    number = statement.value is not None
    return ExampleLine(
        id=name,
        images=[_target(path)],
        question=question_of(statement.field, split, name, seed),
        kind="number" if number else "answers",
        answers=None if number else list(statement.answers),
        value=statement.value,
        unit=statement.unit,
        entries=[product.slug],
        evidence=[(product.slug, statement.section)],
        groups=[
            "unseen" if product.unseen else "seen",
            f"field:{statement.field}",
            statement.group,
            *(["nutrients"] if number and statement.section == NUTRITION else []),
        ],
    )


def _link(read: Source, out: Path, base: Base, progress: Progress) -> None:
    """Link every picture that is used."""
    used = {path for product in read.products.values() for path in _pictures(read, product, base)}
    used |= {path for split in SPLITS for path, _ in _trained(read, split)}
    link(((read.root / path, out / _target(path)) for path in used), progress)
