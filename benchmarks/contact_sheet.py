"""Sheets of the shipped world's pictures, to be looked at: every flag, the styles, photos, patterns.

python benchmarks/contact_sheet.py OUT [SEED]
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ravlm.data.flags.draw import draw
from ravlm.data.flags.patterns import distinct_specs
from ravlm.data.flags.photo import photograph
from ravlm.data.flags.specs import specs
from ravlm.data.flags.styles import STYLES, render

_STYLED = ("US", "BR", "KE", "ZA", "CN", "NP", "QA", "AU", "BI", "PK", "CV", "HR")
_LABEL = 14  # pixels under a picture


def sheet(pictures: Sequence[tuple[str, Image.Image]], across: int, path: Path) -> None:
    """Labelled pictures in rows of `across`."""
    wide = max(picture.width for _, picture in pictures) + 6
    high = max(picture.height for _, picture in pictures) + _LABEL + 4
    whole = Image.new("RGB", (wide * across, high * -(-len(pictures) // across)), "#8a8a8a")
    brush = ImageDraw.Draw(whole)
    for number, (label, picture) in enumerate(pictures):
        x, y = number % across * wide + 3, number // across * high + 2
        whole.paste(picture, (x, y), picture if picture.mode == "RGBA" else None)
        brush.text((x, y + picture.height), label, fill="white")
    whole.save(path)
    print(path)


def main(out: Path, seed: int) -> None:
    """Writes flags.png, styles.png, photos.png and patterns.png to the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    flags = specs()
    sheet([(code, draw(spec, 80)) for code, spec in sorted(flags.items())], 12, out / "flags.png")
    styled = [
        (f"{code} {style}", render(flags[code], style, np.random.default_rng([seed, row, column]), 80))
        for row, style in enumerate(STYLES)
        for column, code in enumerate(_STYLED)
    ]
    sheet(styled, len(_STYLED), out / "styles.png")
    rng = np.random.default_rng(seed)
    photos = []
    for number in range(105):
        code = sorted(flags)[int(rng.integers(len(flags)))]
        style = STYLES[number % len(STYLES)]
        photos.append((f"{code} {style}", photograph(render(flags[code], style, rng), rng)))
    sheet(photos, 15, out / "photos.png")
    patterns = distinct_specs(120, rng, flags.values())
    sheet([("", draw(spec, 60)) for spec in patterns], 12, out / "patterns.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
