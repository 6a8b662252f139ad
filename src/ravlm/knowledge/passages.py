"""An entry's text cut into passages: whole sentences, a few at a time, every one traceable to its place."""

import re

from sentencex import get_sentence_boundaries

from ravlm.records import Entry, Passage

LONGEST = {"zh": 140, "ja": 140, "ko": 200}  # characters; a character of these says more
LONGEST_ELSE = 320

_CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_CJK_CHARACTER = re.compile(f"[{_CJK}]")
_LETTER = re.compile(r"[^\W\d_]")
_SPACE = re.compile(r"[^\S \n]")
_SHORT = ("approx.", " ca.", " cf.", " vs.")  # abbreviations that go on and that sentencex does not know
_MISSED = re.compile(
    r"[。！？…]+[”’」』）]*"  # before a figure or a Latin letter
    r"|(?:\d ?|\.)[^\W\d_]{1,2}[²³]?\.(?=\s+[^\Wa-z_])"  # "elevation of 2,684 m. The", "the domain .ca. The"
    r"|\n\s*\n|\n(?=[-*•])"
)
_LETTERS = rf"(?:(?![{_CJK}])(?:[^\W\d_]|[\u0300-\u036f\u0900-\u0dff]))+"  # with their accents and vowel signs
_WORD = re.compile(rf"[{_CJK}]|(?:(?<![^\W{_CJK}])(?<![)\]])[-−])?\d+(?:[.,]\d+)*|{_LETTERS}|[^\s]")


def sentences(text: str, language: str = "en") -> list[tuple[int, int]]:
    """The spans of a text's sentences, in order, without the space around them.

    sentencex finds them, with the abbreviations of the language, where it knows it. Added are the ends that it passes
    over: of a Chinese sentence before a figure or a Latin letter, of an English one after a unit or a domain, of a
    paragraph or an item of a list.
    """
    even = _SPACE.sub(" ", text)  # it counts on plain spaces
    spans = []
    for found in get_sentence_boundaries(language.partition("-")[0] or "en", even):
        start, end = found["start_index"], found["end_index"]
        for missed in _MISSED.finditer(even, start, end):
            spans.append((start, missed.end()))
            start = missed.end()
        if start >= end:
            continue
        before = even[max(0, start - 8) : start].rstrip()
        if spans and before.endswith(".") and (even[start].islower() or before.endswith(_SHORT)):
            start = spans.pop()[0]
        spans.append((start, end))
    trimmed = (_trim(text, *span) for span in spans)
    return [span for span in trimmed if span[0] < span[1]]


def word_spans(text: str) -> list[tuple[int, int]]:
    """The spans of a text's words: letters in a row, numbers whole and with their sign, single Chinese characters.

    Every mark is a word of its own.

    >>> [text[a:b] for text in ["Area: -29,743.5km² 首都"] for a, b in word_spans(text)]
    ['Area', ':', '-29,743.5', 'km²', '首', '都']
    """
    return [found.span() for found in _WORD.finditer(text)]


def passages(entry: Entry) -> tuple[Passage, ...]:
    """The entry's passages: sections kept apart, whole sentences up to about 320 characters (140 in Chinese).

    `text` is always `section_text[span[0]:span[1]]`. A sentence that is longer alone is cut at spaces, where it has
    some. Ordinals count from 0 through all sections.
    """
    made: list[Passage] = []
    for title, text, language in texts_of(entry):
        for span in _spans(text, language):
            made.append(
                Passage(
                    id=f"{entry.id}#{len(made)}",
                    entry_id=entry.id,
                    section=title,
                    ordinal=len(made),
                    span=span,
                    text=text[span[0] : span[1]],
                    language=language,
                )
            )
    return tuple(made)


def texts_of(entry: Entry) -> list[tuple[str, str, str]]:
    """(section title, text, language) of each stretch of the entry's prose; the title is empty without sections."""
    whole = [("", entry.text, entry.language)] if entry.text else []
    return whole + [(s.title, s.text, s.language or entry.language) for s in entry.sections]


def sentence_around(text: str, span: tuple[int, int]) -> str:
    """The sentence (or sentences) of `text` that the characters `span` lie in."""
    touched = [s for s in sentences(text) if s[0] < max(span[1], span[0] + 1) and span[0] < s[1]]
    return text[touched[0][0] : touched[-1][1]] if touched else text[span[0] : span[1]]


def guess_language(text: str) -> str:
    """`zh` for a text that is mostly Chinese characters, else `en`. A guess, for texts that don't say.

    >>> guess_language("这是哪个国家的国旗？"), guess_language("Whose flag is this?")
    ('zh', 'en')
    """
    cjk = len(_CJK_CHARACTER.findall(text))
    return "zh" if 2 * cjk > len(_LETTER.findall(text)) else "en"


def is_written_as(name: str, language: str) -> bool:
    """Whether a name is in the script of a language: in Chinese characters or Japanese ones, or in none of these.

    >>> is_written_as("巴黎", "zh-TW"), is_written_as("Paris", "ja"), is_written_as("Paris", "fr")
    (True, False, True)
    """
    return (guess_language(name) == "zh") == (language.partition("-")[0] in ("zh", "ja"))


def _spans(text: str, language: str) -> list[tuple[int, int]]:
    longest = LONGEST.get(language.partition("-")[0], LONGEST_ELSE)
    spans: list[tuple[int, int]] = []
    for sentence in sentences(text, language):
        for start, end in _pieces(text, *sentence, longest):
            if spans and end - spans[-1][0] <= longest and "\n\n" not in text[spans[-1][1] : start]:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
    return spans


def _pieces(text: str, start: int, end: int, longest: int) -> list[tuple[int, int]]:
    """A sentence in pieces of at most `longest` characters, cut after a space or a comma where there is one."""
    pieces = []
    while end - start > longest:
        window = text[start : start + longest]
        cut = max(window.rfind(mark) for mark in " ,;，、；\n")
        at = start + (cut + 1 if cut >= longest // 2 else longest)
        pieces.append(_trim(text, start, at))
        start = at
    pieces.append(_trim(text, start, end))
    return [piece for piece in pieces if piece[0] < piece[1]]


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end
