"""When an answer of InfoSeek is right: equal texts, or numbers within a range (relaxed accuracy).

The rules are those of `edchengg/infoseek_eval`, `infoseek_eval.py` (Chen et al. 2023, Can Pre-trained Vision and
Language Models Answer Visual Information-Seeking Questions?, section 3.3), quirks included.
"""

import re
import string
from collections.abc import Sequence

Range = tuple[float, float]

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
_NUMBER = re.compile(r"[-+]?\.?\d+(?:,\d\d\d)*\.?\d*(?:[eE][-+]?\d+)?")
_ALMOST_NOTHING = 1e-12  # added to lengths and to the threshold


def normalised(text: str) -> str:
    """In lower case, without punctuation, articles and superfluous spaces.

    >>> normalised("The  Eiffel-Tower!")
    'eiffeltower'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_WITHOUT_PUNCTUATION)).split())


def text_is_right(prediction: str, answers: Sequence[str]) -> bool:
    """Whether the prediction is one of the answers; for questions of the types String and Time."""
    return normalised(prediction) in {normalised(answer) for answer in answers}


def parse_quantity(text: str) -> float | Range:
    """The number or the range that a prediction states.

    The first two numbers are a range; if the second is smaller, the first stands alone. No number at all is the range
    from 0 to 0. A hyphen behind a digit is none of a negative number. Points at either end of a number are dropped, so
    `.5` is 5; of what has two points still, the part before the first one is read, and nothing where there is none.

    >>> parse_quantity("9-10 km"), parse_quantity("about 1,200.5"), parse_quantity("-3"), parse_quantity("unknown")
    ((9.0, 10.0), 1200.5, -3.0, (0.0, 0.0))
    """
    spaced = "".join(" - " if c == "-" and i and text[i - 1].isdigit() else c for i, c in enumerate(text))
    numbers = [value for found in _NUMBER.findall(spaced) if (value := _value(found)) is not None]
    if not numbers:
        return (0.0, 0.0)
    first, second = numbers[0], numbers[1] if len(numbers) > 1 else None
    return first if second is None or first > second else (first, second)


def quantity_is_right(prediction: float | Range, answer: Range) -> bool:
    """Whether a number lies in the answer's range, or a range in it, or overlaps it by half of what both cover.

    >>> quantity_is_right(9.5, (9, 11)), quantity_is_right((8, 10.5), (9, 11)), quantity_is_right((1, 10), (9, 11))
    (True, True, False)
    """
    low, high = answer
    if not isinstance(prediction, tuple):
        return low <= prediction <= high
    if all(low <= end <= high for end in prediction):
        return True
    return overlap(prediction, answer) >= 0.5 - _ALMOST_NOTHING


def overlap(a: Range, b: Range) -> float:
    """The intersection of two ranges over their union, in [0, 1]; the lengths are those of the official code."""
    shared = max(0.0, min(max(a), max(b)) - max(min(a), min(b)))
    length_a, length_b = (max(r) - min(r) + _ALMOST_NOTHING for r in (a, b))
    union = length_a + length_b - shared
    return shared / union if union else 0.0


def _value(found: str) -> float | None:
    plain = found.replace(",", "").strip(".")
    if plain.count(".") > 1:
        plain = plain.split(".")[0]
    try:
        return float(plain)
    except ValueError:
        return None  # "-.5.5": the official code stops here with an error
