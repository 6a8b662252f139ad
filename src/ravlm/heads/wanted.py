"""Which texts can be the answer that a question wants, and which of them say the same."""

import re
from functools import lru_cache

from ravlm.grading import normalise, parse_number
from ravlm.records import Wanted

Key = str | tuple[float, str]
ANYTHING = Wanted()
_TAIL = re.compile(r"\d\s*((?:[^\W\d_]|[%‰°])\S*)\s*$")


def key_of(wanted: Wanted, text: str) -> Key | None:
    """What all texts that say the same answer share; None where the text can't be the answer.

    Numbers are the same when they are equal, with or without their unit; the key of a choice is that choice.

    >>> key_of(Wanted(number=True), "29,743 km²"), key_of(Wanted(number=True), "Rome")
    ((29743.0, ''), None)
    >>> key_of(Wanted(choices=("Oslo", "Rome")), "rome!"), key_of(ANYTHING, "The Hague")
    ('Rome', 'hague')
    """
    if wanted.choices:
        said = _identity(text)
        return next((choice for choice in wanted.choices if _identity(choice) == said), None)
    if wanted.number:
        found = quantity(text) if wanted.unit is None else _in(text, wanted.unit)
        return None if found is None else (found[0], "")
    return normalise(text) or None


@lru_cache(maxsize=50_000)
def quantity(text: str) -> tuple[float, str] | None:
    """The number that the text is and its unit, one word; None where it is more than that, or something else.

    >>> quantity("29,743 km²"), quantity("1962年"), quantity("Boeing 747"), quantity("3 or so")
    ((29743.0, 'km²'), (1962.0, '年'), None, None)
    """
    if not any(map(str.isdecimal, text)):
        return None
    tail = _TAIL.search(text)
    unit = tail[1] if tail else ""
    return _in(text, unit)


def _in(text: str, unit: str) -> tuple[float, str] | None:
    value = parse_number(text, unit)
    return None if value is None else (value, unit)


@lru_cache(maxsize=50_000)
def _identity(text: str) -> Key:
    """A number and its unit where the text is these, so that 2.5 and 25 differ; else the normalised text."""
    found = quantity(text)
    return normalise(text) if found is None else (found[0], normalise(found[1]))
