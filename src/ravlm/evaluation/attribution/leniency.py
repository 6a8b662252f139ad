"""Whether an answer that the measure calls wrong is right in substance. A wrong answer excused is worse than a miss."""

import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import Literal

from ravlm.evaluation.attribution.quantities import folded, parse_quantity, same_quantity, unit_of
from ravlm.grading import ARTICLES, is_right, normalise, parse_set
from ravlm.knowledge.passages import word_spans
from ravlm.records import Example

Excuse = Literal["alias", "unit", "wording"]

_LEAD = re.compile(
    r"(?:(?:(?:it|this|that|they|these)(?:['’]s| is| are)|(?:the )?answer(?::| is)|about|approximately|approx\.|approx|"
    r"around|roughly|circa|ca\.|ca|in|on|at|named|called|the|(?:city|town|country|continent|year|island) of|the year|"
    r"year)(?![^\W_])|答案是|大约|大概|约为|约|它是|这是|是|为|在|靠|位于|名为|叫做|叫)\s*"
)
_TRAIL = re.compile(r"\s*(?:\bor so|左右|[.。!！])$")
_IS = re.compile(r"\b(?:is|are)\b|是|为")
_APART = re.compile(r"[()（）/,，、;；=]|\bor\b|\baka\b|或|即")
_LETTER = re.compile(r"\(?([a-z])[).:]\s*")
_SIDE = re.compile(r"(left|right)(?:hand)?(?:side)?(?:ofroad)?|([左右])(?:手?边|侧|面)?")
_NOT_MERELY = re.compile(
    r"no|not|never|neither|nor|without|except|but|or|and|than|unlike|former|formerly|once|is|are|\d.*|"
    r"[不没非无未别或和与比除是为,;/()，、；（）]"
)
_EMPTY = re.compile(r"of|in|on|at|to|for|this|that|it|its|one|what|which|who|whose|[的这那个哪什么一在]|\W")
_JOINER = re.compile(r"and|both|as|well|plus|also|with|[和与及以还有跟同]|[&,;.、，；。]")
_BARE = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ʻ": "", "ʼ": "", "&": " and "})
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:tember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?"
)
_DATES = (
    re.compile(rf"(?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<name>{_MONTH})\.?(?:,? (?P<year>\d{{4}}))?"),
    re.compile(rf"(?P<name>{_MONTH})\.? (?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year>\d{{4}}))?"),
    re.compile(r"(?:(?P<year>\d{4})年)?(?P<name>\d{1,2})月(?P<day>\d{1,2})[日号]"),
)


def excuse(example: Example, answer: str, names: Collection[str] = ()) -> Excuse | None:
    """Why an answer is right in substance though `grading.is_right` calls it wrong; None where it is not, or is right.

    - "alias": another name of what a right answer names. Where several answers are needed and all are given by other
      names, there must be one name for each, or none could tell which is whose.
    - "unit": the same quantity in another unit or with a scale word, as precisely as it is written.
    - "wording": a right answer written otherwise (accents, mt. and mount, dates, number words, left and left side), or
      in a frame that adds nothing: "about 5 km²", "the city of Oslo", "The capital of Norway is Oslo."

    Any other word more is no frame: New Guinea is not Guinea, and "not Oslo", "Oslo or Bergen" are not Oslo. A sentence
    is one where the words beside "is" restate the question: they share a word with it, are no more than it has, and
    hold no negation, alternative or number.

    Args:
        example: the question with its right answers.
        answer: what was answered.
        names: other names, in the knowledge base, of what the right answers name.
    """
    if example.kind == "captions" or is_right(example, answer):
        return None
    cores = [core for core in dict.fromkeys(_cores(example, folded(answer))) if normalise(core)]
    if any(_is_alias(example, core, names) for core in cores):
        return "alias"
    if any(_is_quantity(example, core, otherwise=True) for core in cores):
        return "unit"
    if any(is_right(example, core) or _is_rewritten(example, core) for core in cores):
        return "wording"
    return _both(example, cores, names)


def _both(example: Example, cores: Collection[str], names: Collection[str]) -> Excuse | None:
    """An answer that says one thing twice: 2,022 m (6,634 feet); Sverige / Sweden."""
    if example.kind == "all_of":
        return None
    apart = re.compile(r"[()（）=]") if example.kind == "number" else _APART
    for core in cores:
        parts = [part.strip() for part in apart.split(core) if part.strip()]
        if len(parts) < 2:
            continue
        found = {None if is_right(example, part) else excuse(example, part, names) or "none" for part in parts}
        if "none" not in found:
            return "alias" if "alias" in found else "unit" if "unit" in found else "wording"
    return None


def _cores(example: Example, answer: str) -> Iterator[str]:
    """The answer, and what is left of it without a frame."""
    yield answer
    if example.kind == "choice" and (letter := _LETTER.match(answer)):
        rights = {normalise(right) for right in example.answers}
        place = ord(letter[1]) - ord("a")
        if place < len(example.choices) and normalise(example.choices[place]) in rights:
            yield answer[letter.end() :]
    asked = _words(example.question or "")
    inner = [answer]
    for found in _IS.finditer(answer):
        before, after = answer[: found.start()], answer[found.end() :]
        inner += [core for frame, core in ((before, after), (after, before)) if _restates(_words(frame), asked)]
    for core in inner:
        peeled = _peeled(core)
        yield peeled
        if example.kind == "number" and not example.unit and peeled.endswith("年"):
            yield peeled.removesuffix("年")


def _peeled(text: str) -> str:
    """The text without the words before and after it that add nothing."""
    before = None
    while before != text:
        before, text = text, _TRAIL.sub("", text.strip())
        lead = _LEAD.match(text)
        text = text[lead.end() :] if lead else text
    return text


def _restates(frame: list[str], question: list[str]) -> bool:
    told = any(word in question and not _EMPTY.fullmatch(word) for word in frame)
    return told and len(frame) <= len(question) and not any(_NOT_MERELY.fullmatch(word) for word in frame)


def _is_alias(example: Example, core: str, names: Collection[str]) -> bool:
    known = {normalise(name) for name in names} - {""}
    if example.kind == "all_of" and len(example.answers) > 1:
        return len(known) == len(example.answers) and parse_set(core) == known
    wrong = {normalise(choice) for choice in example.choices}
    return example.kind != "number" and normalise(core) in known - wrong


def _is_quantity(example: Example, core: str, *, otherwise: bool) -> bool:
    """Whether it is the right quantity: in another unit or scaled, where `otherwise`, else in number words."""
    written = parse_quantity(core)
    if written is None:
        return False
    rights = [(example.value, example.unit or "")] if example.kind == "number" else []
    if example.kind in ("answers", "choice"):
        stated = filter(None, map(parse_quantity, example.answers))
        rights = [(q.value, q.unit) for q in stated if q.unit and unit_of(q.unit) is not None]
    for value, unit in rights:
        other = written.scaled or written.unit not in ("", folded(unit))
        if value is not None and other == otherwise and same_quantity(written, value, unit):
            return True
    return False


def _is_rewritten(example: Example, core: str) -> bool:
    if example.kind == "number":
        return _is_quantity(example, core, otherwise=False)
    if example.kind == "all_of" and len(example.answers) > 1:
        return _is_joined(core, [_words(answer) for answer in example.answers])
    plain, date, side = normalise(_plain(core)), _date(core), _side(core)
    return any(
        plain == normalise(_plain(right))
        or (date is not None and date == _date(right))
        or (side is not None and side == _side(right))
        for right in example.answers
    )


def _is_joined(core: str, members: list[list[str]]) -> bool:
    """Whether it names all the members, each in full, and nothing else but words that join."""
    words = _words(core)
    for member in sorted(members, key=len, reverse=True):
        places = [i for i in range(len(words)) if words[i : i + len(member)] == member]
        if not member or not places:
            return False
        for place in reversed(places):
            words[place : place + len(member)] = [","]
    return all(_JOINER.fullmatch(word) for word in words)


def _words(text: str) -> list[str]:
    plain = folded(text)
    return [word for start, end in word_spans(plain) if (word := plain[start:end]) not in ARTICLES]


def _plain(text: str) -> str:
    """Without accents on Latin letters; abbreviations of names in full."""
    apart = re.sub(r"(?<=[a-z])[\u0300-\u036f]+", "", unicodedata.normalize("NFKD", folded(text)))
    whole = re.sub(r"\bmt\b\.?", "mount ", re.sub(r"\bst\b\.?(?= )", "saint ", unicodedata.normalize("NFC", apart)))
    return whole.translate(_BARE)


def _date(text: str) -> tuple[int, int, str | None] | None:
    """(month, day, year where it is told) of a date."""
    for form in _DATES:
        if found := form.fullmatch(folded(text)):
            name = found["name"]
            month = int(name) if name.isdecimal() else 1 + _MONTHS.index(name[:3])
            return month, int(found["day"]), found["year"]
    return None


def _side(text: str) -> str | None:
    found = _SIDE.fullmatch(normalise(text))
    return None if found is None else found[1] or found[2]
