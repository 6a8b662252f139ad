"""What is taken away from a question and its picture, one thing at a time. No torch."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from PIL import Image

from ravlm.knowledge.passages import word_spans
from ravlm.retrieval.queries.terms import Span, term_spans
from ravlm.retrieval.regions import Box, grid_boxes, middle_box

GREY = (127, 127, 127)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a picture's grid, counted from the top left, and what is covered in its stead, cut to what is seen."""

    row: int
    column: int
    box: Box
    covered: Box


def cells(size: tuple[int, int], side: int) -> list[Cell]:
    """A grid of `side` x `side` cells over the part of a picture of (width, height) that is looked at, row by row.

    What is covered is twice as wide and high as the cell, with the same middle: a square slides by half of itself. A
    picture with fewer pixels than `side` has fewer cells.

    >>> [(cell.box, cell.covered) for cell in cells((80, 80), 2)][:2]
    [((5, 5, 40, 40), (5, 5, 57, 57)), ((40, 5, 75, 40), (23, 5, 75, 57))]
    """
    left, top, right, bottom = middle_box(size)
    inside = (right - left, bottom - top)
    n = min(side, *inside)
    found = []
    for i, (a, b, c, d) in enumerate(grid_boxes(inside, n, 0.0)):
        box = a + left, b + top, c + left, d + top
        x, y = (c - a) // 2, (d - b) // 2
        wide = max(box[0] - x, left), max(box[1] - y, top), min(box[2] + x, right), min(box[3] + y, bottom)
        found.append(Cell(i // n, i % n, box, wide))
    return found


def covered(image: Image.Image, boxes: Iterable[Box]) -> Iterator[Image.Image]:
    """What is looked at of the picture, one box after the other covered by mid grey.

    (Zeiler and Fergus 2014, sec. 4.2.) One copy at a time is made.
    """
    left, top, right, bottom = middle_box(image.size)
    view = image.crop((left, top, right, bottom))
    for a, b, c, d in boxes:
        hidden = view.copy()
        hidden.paste(GREY, (a - left, b - top, c - left, d - top))
        yield hidden


def question_words(question: str) -> list[Span]:
    """The spans of a question's words, in order, its marks left out.

    Chinese is written without spaces: its words are the content terms of `retrieval.queries.terms`, and what stands
    between them.

    >>> text = "Which city is it? 这个国家的首都是哪里？"
    >>> [text[a:b] for a, b in question_words(text)]
    ['Which', 'city', 'is', 'it', '这个', '国家', '的', '首都', '是哪里']
    """
    terms = term_spans(question)
    inside = {place for start, end in terms for place in range(start, end)}
    found = dict(terms)
    between: Span | None = None
    for start, end in word_spans(question):
        if start in inside or not any(map(str.isalnum, question[start:end])):
            between = None
            continue
        joined = between is not None and between[1] == start
        between = (between[0] if between is not None and joined else start, end)
        found[between[0]] = end
    return sorted(found.items())


def without(question: str, span: Span) -> str:
    """A question without some of its characters, and without the space that they leave.

    >>> without("What is the capital of this country?", (12, 19))
    'What is the of this country?'
    """
    return " ".join(f"{question[: span[0]]}{question[span[1] :]}".split())
