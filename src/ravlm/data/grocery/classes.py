"""Photos that ask for the class of their product: which product it is (fine), and what kind of product (coarse)."""

from collections.abc import Iterator, Set
from pathlib import Path

from ravlm.data.grocery.fields import question_of
from ravlm.data.grocery.source import Product
from ravlm.lines import ExampleLine


def class_examples(
    path: str, product: Product, split: str, *, image: str, kinds: Set[str], seed: int
) -> Iterator[ExampleLine]:
    """The two questions about a photo: the fine class first.

    Args:
        path: the photo's, relative to the source.
        product: that it shows.
        split: whose wordings may be used.
        image: where the photo stands in the dataset.
        kinds: the coarse classes that training has.
        seed: chooses the wording.
    """
    seen = "unseen" if product.unseen else "seen"
    known = [f"coarse:{'known' if product.coarse in kinds else 'new'}"] if product.unseen else []
    for level, answer, more in (("fine", product.name, []), ("coarse", product.coarse, known)):
        name = f"{Path(path).with_suffix('')}/{level}-class"
        yield ExampleLine(
            id=name,
            images=[image],
            question=question_of(f"{level} class", split, name, seed),
            kind="answers",
            answers=[answer.replace("-", " ")],
            entries=[product.slug],
            groups=[seen, level, f"{level}:{seen}", *more],
        )
