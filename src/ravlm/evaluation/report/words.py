"""The words of the page, a file for each language. What was read from data is never in them."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any, Literal, cast

from ravlm.evaluation.report.tables import DASH

Language = Literal["en", "zh"]


class Words:
    """The words of one language, or a part of them: `words.page.title`, or by a name from data, `words.of(name)`."""

    def __init__(self, found: dict[str, Any]) -> None:
        self._found = found

    def __getattr__(self, name: str) -> Any:
        try:
            value = self._found[name]
        except KeyError:
            raise AttributeError(f"There are no words named {name!r}; there are: {', '.join(self._found)}.") from None
        return Words(value) if isinstance(value, dict) else value

    def of(self, name: str) -> str:
        """What something that data or a model names is called here: the name itself where there is no word for it."""
        return cast(str, self._found.get(name, name))

    def count(self, n: int, **parts: str) -> str:
        """A sentence about so many, in the singular or the plural.

        >>> Words({"one": "One question", "many": "{n} questions"}).count(1200)
        '1,200 questions'
        """
        return cast(str, self._found["one" if n == 1 else "many"]).format(n=f"{n:,}", **parts)


@cache
def words_in(language: Language) -> Words:
    """The words in a language."""
    file = resources.files("ravlm.evaluation.report").joinpath(f"words_{language}.toml")
    return Words(tomllib.loads(file.read_text(encoding="utf-8")))


def percent(share: float | None) -> str:
    """A share in percent, which never parts from its sign.

    >>> percent(0.5) == "50.0\N{NO-BREAK SPACE}%", percent(None)
    (True, '–')
    """
    return DASH if share is None else f"{100 * share:.1f}\N{NO-BREAK SPACE}%"
