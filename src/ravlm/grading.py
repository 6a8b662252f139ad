"""When an answer is right. The one rule that training, evaluation and answering share.

Texts are equal after `normalise`; numbers are equal exactly; a set is right when all of its members and nothing else is
named.
"""

import re
import unicodedata
from functools import lru_cache

from ravlm.records import Example

ARTICLES = ("a", "an", "the")
_ARTICLES = re.compile(rf"\b(?:{'|'.join(ARTICLES)})\b")
_SEPARATORS = re.compile(r"[,;、，；/\n]|\band\b|和|与|及|以及")
_NUMBER = re.compile(r"[-−]?(?:\d{1,3}(?:[,\s]\d{3})+|\d+)(?:\.\d+)?")

_LEAST_GROUPED = 10_000  # among numbers without a unit


@lru_cache(maxsize=200_000)
def normalise(text: str) -> str:
    """NFKC, case folding, then punctuation, articles and spaces stripped.

    >>> normalise("The  Hague!")
    'hague'
    >>> normalise("Ｎ'Djamena。")
    'ndjamena'
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(c if not unicodedata.category(c).startswith("P") else "" for c in folded)
    without_articles = _ARTICLES.sub(" ", kept)
    return "".join((without_articles if without_articles.strip() else kept).split())


def parse_number(text: str, unit: str | None = None) -> float | None:
    """The number that the text is, or None when it is more than one number and its unit.

    Commas and spaces group thousands, a point separates decimals. The unit may follow or be left out.

    >>> parse_number("29,743 km²", unit="km²")
    29743.0
    >>> parse_number("29,743 or so", unit="km²") is None
    True
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    found = _NUMBER.search(plain)
    if found is None:
        return None
    rest = normalise(plain[: found.start()] + " " + plain[found.end() :])
    if rest not in {"", normalise(unit or "")}:
        return None
    return float(re.sub(r"[,\s]", "", found.group()).replace("−", "-"))


def parse_set(text: str) -> frozenset[str]:
    """The normalised members of a list in words: commas, `and`, their Chinese counterparts.

    >>> sorted(parse_set("Iran, Georgia and the Gambia"))
    ['gambia', 'georgia', 'iran']
    """
    return frozenset(filter(None, (normalise(part) for part in _SEPARATORS.split(text))))


def is_right(example: Example, answer: str) -> bool:
    """Whether `answer` answers the example.

    A caption is right where it is one of the references, word by word: a floor, for many a good one is none of them.
    """
    if example.kind == "number":
        return example.value is not None and parse_number(answer, example.unit) == example.value
    if example.kind == "all_of":
        # A member may itself hold a separator: 埃及, Trinidad and Tobago.
        return parse_set(answer) == parse_set("、".join(example.answers))
    return normalise(answer) in {normalise(right) for right in example.answers}


def reference_answer(example: Example) -> str:
    """The example's right answer in words, the first where several are right."""
    if example.kind == "number":
        return f"{_written(example.value or 0.0, example.unit)} {example.unit or ''}".strip()
    return ", ".join(example.answers) if example.kind == "all_of" else next(iter(example.answers), "")


def _written(value: float, unit: str | None) -> str:
    """A number in full, thousands grouped; without a unit only from 10,000 on, for what is smaller may be a year."""
    grouping = "," if unit or abs(value) >= _LEAST_GROUPED else ""
    return f"{int(value):{grouping}}" if float(value).is_integer() else f"{value:{grouping}.10g}"
