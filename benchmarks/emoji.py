"""Emoji in two drawings each, with their names in English and Chinese, split by base code point."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "emoji"
LANGUAGES = ("en", "zh")
_ANY_DRAWING = "fe0f"  # the selector of the coloured drawing: files and names differ in whether they tell it
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
        """What it is a variant of: skin tones, genders and flags of one first code point are one."""
        first = self.code.partition("_")[0]
        return _PERSONS.get(first, first)


def emojis(folder: Path = FOLDER) -> list[Emoji]:
    """Those that have both drawings and a name in each language, sorted by code point."""
    noto = {_code(path.stem.removeprefix("emoji_u").split("_")): path for path in folder.glob("noto72/*.png")}
    two = {_code(path.stem.split("-")): path for path in folder.glob("emojitwo64/*.png")}
    told = {language: _told(folder, language) for language in LANGUAGES}
    whole = sorted(set(noto) & set(two) & set.intersection(*(set(found) for found in told.values())))
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
    held = set(sorted({emoji.base for emoji in found})[2::3])
    return {emoji.code for emoji in found if emoji.base in held}


def _told(folder: Path, language: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    told = {}
    for name, key in ((f"{language}.derived.json", "annotationsDerived"), (f"{language}.json", "annotations")):
        read = json.loads((folder / "cldr" / name).read_text(encoding="utf-8"))[key]["annotations"]
        for sequence, about in read.items():
            if "tts" in about:
                code = _code(f"{ord(character):04x}" for character in sequence)
                told[code] = about["tts"][0], tuple(about.get("default", ()))
    return told


def _code(points: Iterable[str]) -> str:
    return "_".join(point for point in map(str.lower, points) if point != _ANY_DRAWING)
