"""The regions of an explanation drawn over their picture. No torch."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from ravlm.answering.explanation import WithoutRegion

FOR, AGAINST = (213, 94, 0), (0, 114, 178)  # vermilion and blue: told apart by colour-blind eyes (Okabe and Ito 2008)
LEAST_SCALE = 0.05  # probability at full colour, at least: what is smaller stays pale
_STRONGEST = 0.75  # opacity
_LONGEST = 640  # pixels of the picture as it is drawn
_NARROWEST = 320
_NUMBERED = 0.25  # of the scale: cells with a number of their own
_PALER = 0.4  # of white in the picture, so that colours show on a dark one
_NOTHING = 0.005  # probability that is 0.00 in two decimals
_INK, _PAPER = (20, 20, 20), (255, 255, 255)


def heat_map(image: Image.Image, regions: Sequence[WithoutRegion]) -> Image.Image:
    """The picture in grey with its regions coloured by what covering them takes from the answer's probability.

    Vermilion: the answer became less likely, so the region speaks for it; blue: more likely. The scale below goes from
    minus to plus the largest change, 0.05 at least, and large changes stand in their cells as numbers. What is not
    looked at, the picture's edge, has no colour; a frame goes round the rest.

    Args:
        image: the picture that was asked about.
        regions: `Explanation.regions`.
    """
    factor = _LONGEST / max(image.size)
    size = max(round(image.width * factor), 1), max(round(image.height * factor), 1)
    drawn = image.convert("L").convert("RGB").resize(size, Image.Resampling.BILINEAR)
    drawn = Image.blend(drawn, Image.new("RGB", size, _PAPER), _PALER)
    scale = max([LEAST_SCALE, *(abs(region.effect.drop) for region in regions)])
    boxes = [_scaled(region.box, size, image.size) for region in regions]
    for box, region in zip(boxes, regions, strict=True):
        drawn.paste(Image.blend(drawn.crop(box), _flat(box, region.effect.drop), _opacity(region, scale)), box[:2])
    pen = ImageDraw.Draw(drawn)
    for box, region in zip(boxes, regions, strict=True):
        if abs(region.effect.drop) >= _NUMBERED * scale:
            middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            number = _number(region.effect.drop, exact=region.effect.exact or region.effect.probability < _NOTHING)
            pen.text(middle, number, fill=_INK, font=_font(15), anchor="mm", stroke_width=2, stroke_fill=_PAPER)
    if boxes:
        frame = boxes[0][0], boxes[0][1], boxes[-1][2] - 1, boxes[-1][3] - 1
        pen.rectangle(frame, outline=_INK, width=1)
    return _with_scale(drawn, scale)


def _with_scale(drawn: Image.Image, scale: float) -> Image.Image:
    """The drawing with a bar below that says what the colours mean."""
    width = max(drawn.width, _NARROWEST)
    whole = Image.new("RGB", (width, drawn.height + 64), _PAPER)
    whole.paste(drawn, ((width - drawn.width) // 2, 0))
    left, top, right, bottom = 12, drawn.height + 10, width - 12, drawn.height + 26
    pen = ImageDraw.Draw(whole)
    for x in range(left, right):
        share = 2 * (x - left) / (right - 1 - left) - 1
        colour = _mixed(_PAPER, FOR if share > 0 else AGAINST, _STRONGEST * abs(share))
        pen.line((x, top, x, bottom), fill=colour)
    pen.rectangle((left, top, right - 1, bottom), outline=_INK)
    for place, anchor, value in ((left, "la", -scale), ((left + right) // 2, "ma", 0.0), (right - 1, "ra", scale)):
        pen.text((place, bottom + 3), _number(value), fill=_INK, font=_font(13), anchor=anchor)
    told = "covered, it takes so much from the answer's probability"
    pen.text(((left + right) // 2, bottom + 19), told, fill=_INK, font=_font(12), anchor="ma")
    return whole


def _scaled(box: tuple[int, int, int, int], size: tuple[int, int], of: tuple[int, int]) -> tuple[int, int, int, int]:
    """A box of a picture of one size in a picture of another, never empty."""
    a, b, c, d = (round(edge * size[i % 2] / of[i % 2]) for i, edge in enumerate(box))
    return a, b, max(c, a + 1), max(d, b + 1)


def _flat(box: tuple[int, int, int, int], drop: float) -> Image.Image:
    return Image.new("RGB", (box[2] - box[0], box[3] - box[1]), FOR if drop > 0 else AGAINST)


def _opacity(region: WithoutRegion, scale: float) -> float:
    return _STRONGEST * abs(region.effect.drop) / scale


def _mixed(paper: tuple[int, int, int], colour: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(paper, colour, strict=True))
    return red, green, blue


def _number(value: float, *, exact: bool = True) -> str:
    """A signed number, ">" before one that is the least a drop can be: the font has no sign for "at least"."""
    return f"{'' if exact else '>'}{value:{'+' if value else ''}.2f}"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
