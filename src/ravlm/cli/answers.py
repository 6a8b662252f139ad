"""How an answer looks in a terminal: what was said, how sure, and the sentences it stands on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_OTHERS = 3  # next best answers shown
_WORTH_TELLING = 0.005  # probability


def answer_lines(
    text: str,
    confidence: float,
    *,
    abstained: bool,
    citations: Sequence[Mapping[str, Any]],
    weights: Mapping[str, float],
    alternatives: Sequence[tuple[str, float]],
    interval: tuple[float, float] | None = None,
) -> Iterator[str]:
    """The lines. A citation has the fields of `records.Citation`; the answer stands in [brackets] in its sentence."""
    from ravlm.evaluation.report.marking import mark

    if abstained:
        yield "No answer: nothing that was retrieved seems to answer this, or not surely enough."
        yield f"The best guess would be {one_line(text)!r}, with confidence {confidence:.2f}."
    else:
        yield f"{one_line(text)}   (confidence {confidence:.2f})"
    if interval is not None:
        yield f"Estimated: nine times in ten between {interval[0]:,.4g} and {interval[1]:,.4g}."
    for number, citation in enumerate(citations, 1):
        before, answer, after = mark(citation["text"], tuple(citation["span"]), citation["sentence"])
        where = ", ".join(one_line(part) for part in (citation["title"], citation["section"]) if part)
        yield ""
        yield f"  {number}. {where}   ({citation['passage_id']}, {citation['probability']:.2f})"
        yield f"     {one_line(f'{before}[{answer}]{after}' if answer else before)}"
    if not citations:
        yield ""
        yield "  It cites nothing: the answer was not read out of an entry."
    others = [f"{one_line(other)} {p:.2f}" for other, p in alternatives if other != text and p >= _WORTH_TELLING][
        :_OTHERS
    ]
    if others or weights:
        yield ""
    if others:
        yield f"  Next best: {', '.join(others)}"
    if weights:
        mixed = ", ".join(f"{name} {weight:.2f}" for name, weight in weights.items())
        yield f"  Weights:   {mixed} (how the fusion mixes its inputs; not an explanation)"


def one_line(text: str) -> str:
    """The text with every run of white space as one space, so that no entry can begin a line of its own."""
    return " ".join(text.split())
