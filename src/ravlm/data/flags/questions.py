"""Questions about the country of a picture, in many wordings; some are kept for the test split.

No question names a country, so none can be answered without the picture.
"""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np

from ravlm.data.flags.names import Language

Kind = Literal["train", "heldout"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the wording that it was made from."""

    text: str
    wording: str


def question(
    relation: str,
    language: Language,
    kind: Kind,
    rng: np.random.Generator,
    avoid: Collection[str] = (),
) -> Asked:
    """A question for the relation's value, e.g. "What is the capital of the country with this flag?".

    Wordings in `avoid` are taken only when there is no other.
    """
    every = wordings(relation, language, kind)
    choices = [wording for wording in every if wording not in avoid] or every
    subjects: list[str] = _table()[language]["subjects"]
    chosen = choices[int(rng.integers(len(choices)))]
    text = chosen.replace("{c}", subjects[int(rng.integers(len(subjects)))])
    return Asked(text[0].upper() + text[1:], chosen)


def subject(language: Language, rng: np.random.Generator) -> str:
    """A phrase for the country of the picture, e.g. "the country with this flag"."""
    subjects: list[str] = _table()[language]["subjects"]
    return subjects[int(rng.integers(len(subjects)))]


def wordings(relation: str, language: Language, kind: Kind) -> list[str]:
    """The relation's wordings, with `{c}` where the country is spoken of."""
    found: list[str] = _table()[language][relation]["test" if kind == "heldout" else "train"]
    return found


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("questions.toml").read_text(encoding="utf-8"))
