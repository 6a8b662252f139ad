"""An answer marked in the sentence that it was read from."""


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
