"""One self-contained HTML file about an evaluation: tables, learning curve, and answers with what they stood on.

The file loads nothing, runs no script, and says so to the browser in its content security policy. Everything that was
read from data or knowledge is escaped; every picture is decoded and drawn anew before it is put in.
"""

import base64
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from ravlm.errors import ImageError, PathError
from ravlm.evaluation import curve
from ravlm.evaluation.results import QuestionResult
from ravlm.safe.files import write_text_atomic
from ravlm.safe.images import decode_image

Cell = str | float | int | None
Pictures = Callable[[str], bytes | None]
"""Gives the bytes of a picture by its path or id, None where there is none."""

_POLICY = "default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
_SIDE = 240  # of a thumbnail's longer edge, pixels
_OTHERS = 3  # next best answers shown
_QUALITY = 82  # of its JPEG


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report. A number in [0, 1] is shown with three decimals, None as a dash.

    The first column holds the rows' names; rows whose place is in `strong` stand out.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    strong: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Evidence:
    """A cited entry, its sentence cut in three: before the answer, the answer, after it."""

    title: str
    section: str
    language: str
    sentence: tuple[str, str, str]
    picture: str | None
    probability: float | None


@dataclass(frozen=True, slots=True)
class Card:
    """A question as the report shows it. `weights` are (modality, where its part of the bar starts, its part)."""

    result: QuestionResult
    verdict: Literal["right", "wrong", "no answer"]
    photo: str | None
    evidence: tuple[Evidence, ...]
    weights: tuple[tuple[str, float, float], ...]
    others: tuple[tuple[str, float], ...]


def write_report(
    out: Path,
    *,
    title: str,
    tables: Sequence[Table] = (),
    learning_curve: Sequence[Mapping[str, Any]] = (),
    examples: Sequence[QuestionResult] = (),
    photos: Pictures,
    pictures: Pictures,
    summary: str = "",
) -> None:
    """Write the report; the file appears when it is whole.

    Args:
        out: the HTML file.
        title: of the page.
        tables: in their order.
        learning_curve: one row a record, with `step`, `seconds` and any measures.
        examples: the answers to show; right and wrong ones are shown apart.
        photos: bytes of a question's photo by `QuestionResult.image`.
        pictures: bytes of an entry's picture by its id (`image_id` of a citation).
        summary: a line or two below the title.

    A picture that is missing or can't be decoded safely is left out, and the page says so in its place.
    """
    photo_uri, picture_uri = _thumbnails(photos), _thumbnails(pictures)
    cards = [_card(result, photo_uri, picture_uri) for result in examples]
    style = resources.files("ravlm.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=title,
            summary=summary,
            tables=tables,
            panels=curve.panels(learning_curve),
            width=curve.WIDTH,
            height=curve.HEIGHT,
            right=[card for card in cards if card.verdict == "right"],
            wrong=[card for card in cards if card.verdict != "right"],
            style=Markup(style),  # noqa: S704  # a file of this package
            policy=_POLICY.format(digest=digest),
        )
    )
    write_text_atomic(out, page)


def choose_examples(results: Sequence[QuestionResult], count: int = 30, seed: int = 0) -> list[QuestionResult]:
    """Half right and half wrong where there are enough of each, drawn by the seed, with different photos first."""
    order = [results[i] for i in np.random.default_rng(seed).permutation(len(results))]
    photos: set[str] = set()
    fresh: list[QuestionResult] = []
    again: list[QuestionResult] = []
    for result in order:
        (again if result.image in photos else fresh).append(result)
        photos.add(result.image)
    drawn = [*fresh, *again]
    right, wrong = [r for r in drawn if r.right], [r for r in drawn if not r.right]
    rights = min(len(right), max(count - count // 2, count - len(wrong)))
    return [*right[:rights], *wrong[: count - rights]]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ravlm.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = cell
    environment.filters["short"] = _short
    return environment


def cell(value: Cell) -> str:
    """A cell as people read it: three decimals, thousands apart, a dash for None."""
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value


def _short(number: float) -> str:
    """Three digits, or all of a whole number or a large one."""
    return f"{number:,.0f}" if number == int(number) or abs(number) >= 1000 else f"{number:.3g}"


def _thumbnails(read: Pictures) -> Callable[[str], str | None]:
    """From a picture's name to a JPEG data URI, each made once."""

    @cache
    def uri(name: str) -> str | None:
        try:
            content = read(name)
            picture = None if content is None else decode_image(content)
        except (ImageError, PathError):
            return None
        return None if picture is None else _data_uri(picture)

    return uri


def _data_uri(picture: Image.Image) -> str:
    small = picture.convert("RGB")
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def _card(result: QuestionResult, photo: Callable[[str], str | None], picture: Callable[[str], str | None]) -> Card:
    total = sum(result.weights.values()) or 1.0
    start, weights = 0.0, []
    for name, weight in result.weights.items():
        weights.append((name, start, weight / total))
        start += weight / total
    return Card(
        result=result,
        verdict="right" if result.right else "no answer" if result.abstained else "wrong",
        photo=photo(result.image),
        evidence=tuple(_evidence(citation, result.language, picture) for citation in result.citations),
        weights=tuple(weights),
        others=tuple((text, p) for text, p in result.alternatives if text != result.answer)[:_OTHERS],
    )


def _evidence(citation: Mapping[str, Any], language: str, picture: Callable[[str], str | None]) -> Evidence:
    image_id, probability = citation.get("image_id"), citation.get("probability")
    return Evidence(
        title=str(citation.get("title") or citation.get("entry_id") or ""),
        section=str(citation.get("section") or ""),
        language=language,
        sentence=mark(
            str(citation.get("text", "")), tuple(citation.get("span", (0, 0))), str(citation.get("sentence", ""))
        ),
        picture=picture(image_id) if isinstance(image_id, str) else None,
        probability=None if probability is None else float(probability),
    )


def mark(text: str, span: tuple[int, ...], sentence: str) -> tuple[str, str, str]:
    """The sentence as (before, answer, after), the answer being `text[span]`; unmarked where the span isn't in it.

    >>> mark("It is red. It is in Oslo.", (20, 24), "It is in Oslo.")
    ('It is in ', 'Oslo', '.')
    """
    begin, end = span if len(span) == 2 else (0, 0)
    start = text.find(sentence)
    while start >= 0:
        if start <= begin < end <= start + len(sentence):
            return text[start:begin], text[begin:end], text[end : start + len(sentence)]
        start = text.find(sentence, start + 1)
    return sentence or text, "", ""
