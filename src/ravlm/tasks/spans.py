"""Where an answer stands in a text, token by token. No torch: evaluation and training share it."""

import re
from collections.abc import Sequence
from itertools import accumulate

from ravlm.grading import ARTICLES, is_right, normalise, parse_set
from ravlm.knowledge.passages import word_spans
from ravlm.records import Example

_MINUS = ("-", "−")


def find_spans(example: Example, text: str, offsets: Sequence[Sequence[int]], max_span: int) -> list[tuple[int, int]]:
    """All (start token, width - 1) whose text is a right answer, as tight as can be, in whole words and numbers.

    Tokens with an empty range of characters (the class token) belong to no span.
    """
    whole = set(word_spans(text))
    begins, stops = {a for a, _ in whole}, {b for _, b in whole}
    pieces = [normalise(text[a:b]) if b > a else "" for a, b in offsets]
    if not any(normalise(answer) in ARTICLES for answer in example.answers):
        pieces = ["" if p in ARTICLES and tuple(at) in whole else p for p, at in zip(pieces, offsets, strict=True)]
    ends = list(accumulate(map(len, pieces)))
    starts = [end - len(piece) for end, piece in zip(ends, pieces, strict=True)]
    first_at = {s: t for t, s in reversed(list(enumerate(starts))) if pieces[t]}
    last_at = {e: t for t, e in enumerate(ends) if pieces[t]}
    spans = set()
    for low, high in _ranges(example, "".join(pieces)):
        first, last = first_at.get(low), last_at.get(high)
        if first is None or last is None:
            continue
        if (example.value or 0.0) < 0 and first > 0 and text[slice(*offsets[first - 1])] in _MINUS:
            first -= 1
        a, b = offsets[first][0], offsets[last][1]
        if 0 <= last - first < max_span and a in begins and b in stops and is_right(example, text[a:b]):
            spans.add((first, last - first))
    return sorted(spans)


def _ranges(example: Example, joined: str) -> list[tuple[int, int]]:
    """Where the answer may stand in the text without spaces, punctuation and articles."""
    if example.kind == "all_of":
        members = parse_set("、".join(example.answers))
        found = [(at, at + len(member)) for member in members for at in _places(joined, member)]
        least = sum(map(len, members))
        return [(low, high) for low, _ in found for _, high in found if high - low >= least]
    wanted = {normalise(answer) for answer in example.answers}
    if example.kind == "number" and example.value is not None:
        number = normalise(f"{abs(example.value):.15g}")
        wanted = {number, number + normalise(example.unit or "")}
    return [(at, at + len(answer)) for answer in sorted(wanted) for at in _places(joined, answer)]


def _places(joined: str, wanted: str) -> list[int]:
    """Every place where it stands, those that overlap too."""
    return [found.start() for found in re.finditer(f"(?={re.escape(wanted)})", joined)] if wanted else []
