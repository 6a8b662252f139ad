"""Reads a folder of emoji: two artists' drawings, named by code point, and CLDR's names and keywords.

    noto72/emoji_u1f600.png   emojitwo64/1f600.png   cldr/en.json   cldr/en.derived.json

The derived files name sequences. Drawings and names differ in whether they tell the selector of the coloured drawing
(U+FE0F): it is left out of codes.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ravlm.errors import DatasetError, PathError, words_of

LANGUAGES = ("en", "zh")
NOTO, TWO, CLDR = "noto72", "emojitwo64", "cldr"

_ANY_DRAWING = "fe0f"
_SKIN_TONES = {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"}
_LETTERS = {f"{point:x}" for point in range(0x1F1E6, 0x1F200)}  # two of them are the flag of a country
_EVERY = 3  # of so many base code points one is unseen
# One person in several genders and ages: the first code point of all of these sequences counts as the value.
_PERSONS = {
    "1f468": "1f9d1",
    "1f469": "1f9d1",
    "1f466": "1f9d2",
    "1f467": "1f9d2",
    "1f474": "1f9d3",
    "1f475": "1f9d3",
    "1f478": "1f934",
    "1f936": "1f385",
    "1f46b": "1f46d",
    "1f46c": "1f46d",
    "1f483": "1f57a",
}


@dataclass(frozen=True)
class Emoji:
    """One emoji: its code points in hex joined by `_`, both drawings, and by language its name and keywords."""

    code: str
    noto: Path
    two: Path
    names: Mapping[str, str]
    keywords: Mapping[str, tuple[str, ...]]

    @property
    def base(self) -> str:
        """What it is a variant of: skin tones and genders of one first code point are one."""
        first = self.code.partition("_")[0]
        return _PERSONS.get(first, first)

    @property
    def toned(self) -> bool:
        """Whether it is a variant in one of the five skin tones, or one of these alone."""
        return not _SKIN_TONES.isdisjoint(self.code.split("_"))

    @property
    def flag(self) -> bool:
        """Whether it is the flag of a country."""
        return _LETTERS.issuperset(self.code.split("_"))


def read_source(folder: Path) -> list[Emoji]:
    """The emoji that have both drawings and a name in each language, sorted by code.

    Raises:
        PathError: the folder lacks drawings or names.
        DatasetError: every file of names that can't be read; or no emoji has everything.
    """
    names = [name for language in LANGUAGES for name in (f"{language}.derived.json", f"{language}.json")]
    for part in (NOTO, TWO, *(f"{CLDR}/{name}" for name in names)):
        if not (folder / part).exists():
            raise PathError(
                f"{folder} has no {part}. Expected a folder with the drawings in {NOTO} and {TWO}, and CLDR's names "
                f"and keywords in {CLDR}: {', '.join(names)}; give that folder as the source."
            )
    faults: list[str] = []
    told = {language: _told(folder / CLDR, language, faults) for language in LANGUAGES}
    if faults:
        raise DatasetError(f"{folder} can't be read as emoji:", faults)
    noto = {_code(path.stem.removeprefix("emoji_u").split("_")): path for path in (folder / NOTO).glob("*.png")}
    two = {_code(path.stem.split("-")): path for path in (folder / TWO).glob("*.png")}
    whole = sorted(code for code in noto if code in two and all(code in found for found in told.values()))
    if not whole:
        raise DatasetError(f"No emoji in {folder} has both drawings and a name in each of {', '.join(LANGUAGES)}.")
    return [
        Emoji(
            code,
            noto[code],
            two[code],
            {language: told[language][code][0] for language in LANGUAGES},
            {language: told[language][code][1] for language in LANGUAGES},
        )
        for code in whole
    ]


def unseen(found: Iterable[Emoji]) -> set[str]:
    """The codes that are never trained on: those of every third base code point."""
    found = list(found)
    held = set(sorted({emoji.base for emoji in found})[_EVERY - 1 :: _EVERY])
    return {emoji.code for emoji in found if emoji.base in held}


def _told(folder: Path, language: str, faults: list[str]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """By code, the name and the keywords; a fault for a file without them."""
    told: dict[str, tuple[str, tuple[str, ...]]] = {}
    for name, key in ((f"{language}.derived.json", "annotationsDerived"), (f"{language}.json", "annotations")):
        try:
            annotations: Mapping[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))[key]["annotations"]
            for sequence, about in annotations.items():
                if "tts" in about:
                    code = _code(f"{ord(character):04x}" for character in sequence)
                    told[code] = str(about["tts"][0]), tuple(map(str, about.get("default", ())))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            faults.append(f"{name}: {words_of(error)}: expected CLDR's JSON, {key}.annotations with tts and default")
    return told


def _code(points: Iterable[str]) -> str:
    return "_".join(point for point in map(str.lower, points) if point != _ANY_DRAWING)
