"""What a product's article states, field by field, and how this, classes and texts are asked for.

Swedish names are merged into English ones. Every field has wordings for all splits, and wordings that only the test
split uses.
"""

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

Group = Literal["numbers", "country", "other"]

NUTRIENTS = {
    "energi": "energy",
    "fett": "fat",
    "varav mättat fett": "saturated fat",
    "of which saturated fat": "saturated fat",
    "kolhydrat": "carbohydrate",
    "varav sockerarter": "sugar",
    "of which sugars": "sugar",
    "fiber": "fibre",
    "folsyra": "folic acid",
    "pantotensyra": "pantothenic acid",
    "kalium": "potassium",
    "klor": "chlorine",
    "kalcium": "calcium",
    "fosfor": "phosphorus",
    "molybden": "molybdenum",
    "jod": "iodine",
    "natrium": "sodium",
    "vitamin b12": "vitamin B12",
    "vitamin c": "vitamin C",
    "vitamin d": "vitamin D",
}
UNITS = {
    "kilokalori": "kilocalorie",
    "kilokalorier": "kilocalorie",
    "kilojoules": "kilojoule",
    "kilocalories": "kilocalorie",
    "mikrogram": "microgram",
}
COUNTRIES = {"Sverige": "Sweden", "Danmark": "Denmark", "Finland": "Finland", "Norge": "Norway"}


@dataclass(frozen=True, slots=True)
class Statement:
    """One field with its value, as the article states it.

    A number has `value` and `unit`; a name has `answers`, the stated one first. `text` is what the article prints.
    """

    field: str
    text: str
    section: str
    answers: tuple[str, ...] = ()
    value: float | None = None
    unit: str | None = None

    @property
    def group(self) -> Group:
        if self.value is not None:
            return "numbers"
        return "country" if "country" in self.field else "other"

    @property
    def sentence(self) -> str:
        return f"{self.field[0].upper()}{self.field[1:]}: {self.text}."


_NAMED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "country": (
        (
            "Which country does this come from?",
            "What is the country of origin of this?",
            "In which country was it grown?",
        ),
        ("Where in the world is this from?", "Name the country that this was imported from."),
    ),
    "manufacturing country": (
        ("In which country is this manufactured?", "What is the manufacturing country of this product?"),
        ("Where was this carton made?", "Which manufacturing country does the label state?"),
    ),
    "manufacturer": (
        (
            "Who is the manufacturer of this product?",
            "Which manufacturer makes this?",
            "What brand makes this product?",
        ),
        ("Which company is behind this product?", "Name the manufacturer."),
    ),
    "volume": (
        (
            "What is the volume or weight of this?",
            "How much does one of these weigh or hold?",
            "What volume is stated?",
        ),
        ("What size is one piece or pack of this?", "State the volume of this item."),
    ),
}
_CLASSES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "fine class": (
        ("Which product is this?", "What is this product called?", "Which product does the photo show?"),
        ("Name this product.", "What exactly is lying here?"),
    ),
    "coarse class": (
        ("What kind of product is this?", "Which kind of food is this?", "To which kind of products does this belong?"),
        ("What sort of groceries are these?", "Name the kind of this product."),
    ),
}
_TEXTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "text: description": (
        ("Describe this product in a sentence.", "Write a sentence that describes this.", "What is this like?"),
        ("A sentence to describe this, please.", "What would a shop say of this?"),
    ),
    "text: label": (
        ("What does the label of this say?", "Write a line of this product's label.", "Tell something off the label."),
        ("A line off the label of this, please.", "What is written on this?"),
    ),
    "text: nutrition": (
        (
            "What is there to say about the nutrition values of this?",
            "Write a line about this product's nutrition values.",
            "Tell something about the nutrition of this.",
        ),
        ("A line about the nutrition of this, please.", "What would a table of nutrition values say of this?"),
    ),
}
_NUTRIENT = (
    (
        "How much {name} does 100 gram of this contain?",
        "What is the {name} value per 100 gram?",
        "How much {name} is in this product?",
    ),
    ("Per 100 gram, what amount of {name} does it have?", "I am counting {name}: what does the label of this say?"),
)


def wordings(field: str, split: str) -> tuple[str, ...]:
    """The questions that ask for a field, a class or a text; the test split has some that no other split has."""
    named = (_NAMED | _CLASSES | _TEXTS).get(field)
    everywhere, test_only = named or tuple(tuple(w.format(name=field) for w in each) for each in _NUTRIENT)
    return (*everywhere, *test_only) if split == "test" else everywhere


def question_of(field: str, split: str, name: str, seed: int) -> str:
    """The wording of the question with this id, chosen by the seed."""
    questions = wordings(field, split)
    return questions[np.random.default_rng([seed, zlib.crc32(name.encode())]).integers(len(questions))]
