"""How an explanation looks in a terminal, as JSON, and as a picture's file."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ravlm.cli.console import counted, say, table
from ravlm.cli.hits import shortened
from ravlm.errors import ConfigError, PathError

if TYPE_CHECKING:
    from PIL.Image import Image

    from ravlm.answering.explanation import Effect, Explanation

_SHOWN = 5  # passages, words and regions with the largest effects
_ANSWER, _TITLE = 28, 40  # characters
_NOTHING = 0.005  # what is shown as 0.00
_NOTE = """\
Left and drop are of the probability of {answer}, when one thing at a time is taken away.
Weights say how the fusion mixes (image, question and knowledge; hits among each other); not an explanation."""


def check_heat_map(path: Path, *, explain: bool) -> None:
    """Refuse a heat map that can't be had, before anything is loaded.

    Raises:
        ConfigError: no explanation is asked for.
        PathError: the file is there already, can't be written, or is no PNG by its name.
    """
    from ravlm.safe.files import check_new

    if not explain:
        raise ConfigError("--heat-map draws a part of an explanation. Give it together with --explain.")
    if path.suffix.lower() != ".png":
        raise PathError(f"The heat map is a PNG, and {path} is not named as one. Give a name that ends in .png.")
    check_new(path)


def write_heat_map(path: Path, image: "Image", explanation: "Explanation") -> None:
    """Draw the regions over their picture, and write it where nothing is yet."""
    from ravlm.answering.heat_map import heat_map
    from ravlm.safe.files import whole_file

    with whole_file(path) as file:
        heat_map(image, explanation.regions).save(file, format="PNG")


def as_json_object(explanation: "Explanation") -> dict[str, Any]:
    """Every number of it; the answer stands beside it."""
    return {name: value for name, value in asdict(explanation).items() if name != "answer"}


def tell_explanation(explanation: "Explanation") -> None:
    """Print what the answer stands on: a small table, and the words and regions that matter most."""
    answer = repr(shortened(explanation.answer.text, _ANSWER))
    say()
    title = f"What the answer stands on: {answer} has {explanation.probability:.2f} with everything"
    table(["without", "weight", "left", "drop", "answers then"], list(_rows(explanation)), title=title)
    say(_NOTE.format(answer=answer))
    say()
    for line in _lines(explanation):
        say(line)


def _rows(explanation: "Explanation") -> Iterator[list[str]]:
    how = {"image": "image, the same read", "question": "question", "knowledge": "knowledge, nothing read"}
    for modality in explanation.modalities:
        yield _row(how[modality.name], modality.effect, modality.weight)
    yield _row("image, so nothing found", explanation.nothing_found)
    for entry in explanation.entries:
        yield _row(f"entry {shortened(entry.title, _TITLE)}", entry.effect)
    weights = explanation.passage_weights
    for passage in _most(explanation.passages):
        cited = ", cited" if passage.cited else ""
        yield _row(f"passage {passage.passage_id}{cited}", passage.effect, weights[passage.hit] if weights else None)
    if explanation.key_term is not None:
        yield _row(f"key term {explanation.key_term.word!r}", explanation.key_term.effect)


def _lines(explanation: "Explanation") -> Iterator[str]:
    words = [f"{word.word} {_drop(word.effect)}" for word in _most(explanation.words)]
    yield f"  Words:   {', '.join(words) or 'none'}"
    regions = [f"row {r.row + 1} column {r.column + 1} {_drop(r.effect)}" for r in _most(explanation.regions)]
    yield f"  Regions: {', '.join(regions)}"
    first = explanation.answer.hits[0].entry_id if explanation.answer.hits else None
    found = sum(region.effect.entry != first for region in explanation.regions)
    said = sum(region.effect.changed for region in explanation.regions)
    tried = counted(len(explanation.regions), "region", "regions")
    yield f"           of {tried}: covered, {found} find another entry first, {said} change the answer"
    skipped = [f"{n:,} {what}" for what, n in explanation.skipped.items() if n]
    if skipped:
        yield f"  Not tried, being too many: {', '.join(skipped)}"


def _row(what: str, effect: "Effect", weight: float | None = None) -> list[str]:
    left = f"{'≤ ' if _bounded(effect) else ''}{effect.probability:.2f}"
    then = f"{shortened(effect.text, _ANSWER)} {effect.confidence:.2f}{' (withheld)' if effect.abstained else ''}"
    return [what, "" if weight is None else f"{weight:.2f}", left, _drop(effect), then]


def _drop(effect: "Effect") -> str:
    sign = "≥ " if _bounded(effect) else ""
    return f"{sign}{effect.drop:+.2f}" if abs(effect.drop) >= _NOTHING else f"{sign}0.00"


def _bounded(effect: "Effect") -> bool:
    """Whether what is left is known as a bound alone, and that shows in two decimals."""
    return not effect.exact and effect.probability >= _NOTHING


def _most(things: Iterable[Any]) -> list[Any]:
    """Those with the largest effects, the largest first."""
    return sorted(things, key=lambda thing: -abs(thing.effect.drop))[:_SHOWN]
