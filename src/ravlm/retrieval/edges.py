"""Where an answer may begin and end: at words, within one sentence."""

from collections.abc import Sequence

from ravlm.knowledge.passages import sentences, word_spans


def edges(text: str, offsets: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """For each token the number of its sentence where a word begins with it, and where a word ends with it; else -1.

    A span is a candidate where the first of its first token equals the second of its last. Tokens with an empty range
    of characters (the class token) have neither.

    >>> edges("Pico Duarte. Here.", [(0, 0), (0, 4), (5, 8), (8, 11), (11, 12), (13, 17), (17, 18)])
    [(-1, -1), (0, 0), (0, -1), (-1, 0), (0, 0), (1, 1), (1, 1)]
    """
    found = word_spans(text)
    begins, stops = {a for a, _ in found}, {b for _, b in found}
    sentence = {at: number for number, (a, b) in enumerate(sentences(text)) for at in range(a, b)}
    none = (-1, -1)
    return [
        (sentence.get(a, -1) if a in begins else -1, sentence.get(b - 1, -1) if b in stops else -1) if a < b else none
        for a, b in offsets
    ]
