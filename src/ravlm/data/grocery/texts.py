"""Photos that ask for a short text about their product: a sentence of its article."""

from collections.abc import Iterator
from pathlib import Path

from sentencex import segment

from ravlm.data.grocery.fields import question_of
from ravlm.data.grocery.source import DESCRIPTION, NUTRITION, PRODUCT, Product
from ravlm.lines import ExampleLine

ABOUT = {DESCRIPTION: "description", PRODUCT: "label", NUTRITION: "nutrition"}
"""The sections of an article that have sentences, and what a question calls them."""


def text_example(path: str, number: int, product: Product, split: str, *, image: str, seed: int) -> ExampleLine | None:
    """A text about a photo's product. Every sentence of one section of its article is right; sections take turns.

    None where the article has no sentence.

    Args:
        path: the photo's, relative to the source.
        number: of the photo among those of its product in this split, from 0.
        product: that it shows.
        split: whose wordings may be used.
        image: where the photo stands in the dataset.
        seed: chooses the wording.
    """
    texts = dict(_texts(product))
    if not texts:
        return None
    section = list(texts)[number % len(texts)]
    name = f"{Path(path).with_suffix('')}/text"
    return ExampleLine(
        id=name,
        images=[image],
        question=question_of(f"text: {ABOUT[section]}", split, name, seed),
        kind="answers",
        answers=texts[section],
        entries=[product.slug],
        evidence=[(product.slug, section)],
        groups=["unseen" if product.unseen else "seen", f"about:{ABOUT[section]}"],
    )


def _texts(product: Product) -> Iterator[tuple[str, list[str]]]:
    """The sections with sentences, and these."""
    described = [text for sentence in segment("en", product.description) if (text := sentence.strip())]
    for section in ABOUT:
        stated = [s.sentence for s in product.statements if s.section == section]
        found = described if section == DESCRIPTION else stated
        if found:
            yield section, found
