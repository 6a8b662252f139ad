"""Templates that say something within a sentence, rendered as plain text; every other template is left out.

A dump holds calls of templates, not what they expand to, and expanding them needs all of Wikipedia's templates and
modules. The few that hold words or figures of the sentence around them are written here by hand, after their
documentation on the English and the Chinese Wikipedia: `{{convert|12|km|mi}}` gives "12 km".
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from ravlm.knowledge.sources.wikipedia.tags import GONE
from ravlm.knowledge.sources.wikipedia.units import convert

Arguments = dict[str, str]
Template = Callable[[Arguments], str]


def _words(text: str) -> list[str]:
    return text.split()


_PARAMETER = re.compile(r"\s*([\w ./-]{1,40}?)\s*=(.*)", re.DOTALL)
_MONTHS = _words("January February March April May June July August September October November December")
_SHIPS = frozenset(_words("uss hms ss ms mv rms hmas hmcs hmnzs ins ijn usns uscgc rfa sms mts my jds"))
_PREFIXED = ("lang-", "script/", "link-")


def arguments_of(parts: Sequence[str]) -> Arguments:
    """A call's arguments by name; those without one by their number, from "1" on."""
    found: Arguments = {}
    number = 0
    for part in parts:
        if "=" in part and (named := _PARAMETER.fullmatch(part)):
            found[named[1]] = named[2].strip()
        else:
            number += 1
            found[str(number)] = part.strip()
    return found


@lru_cache(maxsize=20_000)
def plain_name(name: str) -> str:
    """A template's name in lower case, spaces for underscores, without its namespace."""
    name = " ".join(name.replace("_", " ").split()).lower()
    return name.removeprefix("template:").removeprefix("msg:").strip()


def template(name: str) -> Template | None:
    """How a template (its plain name) is rendered; None: it is left out."""
    if (known := _TEMPLATES.get(name)) is not None:
        return known
    if name in _SHIPS:
        return lambda given: _ship(name, given)
    if name.startswith(_PREFIXED):
        return _link if name.startswith("link-") else _at(1)
    function, colon, argument = name.partition(":")
    if colon and function in {"lc", "uc", "lcfirst", "ucfirst", "formatnum", "padleft", "plural"}:
        return lambda given: argument
    return None


def function(name: str) -> str | None:
    """A call of a parser function that changes a text (`{{lc:Text}}`), carried out; None: it is no such call."""
    called, colon, argument = name.strip().partition(":")
    change = _FUNCTIONS.get(called.lower()) if colon else None
    return change(argument.strip()) if change else None


_FUNCTIONS: dict[str, Callable[[str], str]] = {
    "lc": str.lower,
    "uc": str.upper,
    "lcfirst": lambda text: text[:1].lower() + text[1:],
    "ucfirst": lambda text: text[:1].upper() + text[1:],
    "formatnum": lambda text: text,
}


def _at(*places: int | str) -> Template:
    """The first of these arguments that is given."""
    names = [str(place) for place in places]
    return lambda given: next((given[name] for name in names if given.get(name)), "")


def _last(given: Arguments) -> str:
    return given.get(str(max((int(name) for name in given if name.isdecimal() and len(name) < 4), default=0)), "")


def _fixed(text: str) -> Template:
    return lambda given: text


def _after(text: str) -> Template:
    return lambda given: f"{text}{given.get('1', '')}"


def _all(between: str) -> Template:
    return lambda given: between.join(value for name, value in given.items() if name.isdecimal() and value)


def _bracketed(given: Arguments) -> str:
    """`{{nihongo|English|kanji|rōmaji}}`: English (kanji, rōmaji)."""
    first, *more = [given[name] for name in ("1", "2", "3") if given.get(name)] or [""]
    return f"{first} ({', '.join(more)})" if more else first


def _chinese(given: Arguments) -> str:
    names = ("1", "c", "s", "t", "p", "w", "j", "y", "poj", "l")
    return "; ".join(dict.fromkeys(given[name] for name in names if given.get(name)))


def _link(given: Arguments) -> str:
    """A link to another Wikipedia (`{{ill}}`, `{{le}}`, `{{link-en}}`): its label, else the title in this one."""
    return next((given[name] for name in ("lt", "label", "display", "d", "3", "1") if given.get(name)), "")


def _interlanguage(given: Arguments) -> str:
    return next((given[name] for name in ("lt", "label", "display", "1") if given.get(name)), "")


def _as_of(given: Arguments) -> str:
    if given.get("alt"):
        return given["alt"]
    return ("as of " if given.get("lc") else "As of ") + _date(given)


def _date(given: Arguments) -> str:
    """Year, month and day in the order of `{{birth date|1950|5|6}}`: 6 May 1950."""
    year, month, day = (given.get(name, "") for name in ("1", "2", "3"))
    if month.isdecimal() and 0 < int(month[:4]) <= 12:
        month = _MONTHS[int(month[:4]) - 1]
    return " ".join(part for part in (day, month, year) if part)


def _span(given: Arguments) -> str:
    return "–".join(given[name] for name in ("1", "2") if given.get(name))


def _life(given: Arguments) -> str:
    """`{{bd|1879年|3月14日|1955年|4月18日}}` of the Chinese Wikipedia."""
    born, died = (given.get(a, "") + given.get(b, "") for a, b in (("1", "2"), ("3", "4")))
    return f"（{born}－{died}）" if died else f"（{born}－）"


def _fraction(given: Arguments) -> str:
    parts = [given[name] for name in ("1", "2", "3") if given.get(name)]
    if len(parts) == 3:
        return f"{parts[0]} {parts[1]}/{parts[2]}"
    return f"{parts[0]}/{parts[1]}" if len(parts) == 2 else f"1/{parts[0]}" if parts else ""


def _value(given: Arguments) -> str:
    """`{{val|1.2|0.3|e=5|u=km}}`: 1.2 ± 0.3 × 10^5 km."""
    text = given.get("1", "")
    if given.get("2"):
        text += f" ± {given['2'].lstrip('±')}"
    if given.get("e"):
        text += f" × 10^{given['e']}"
    unit = given.get("ul") or given.get("u") or ""
    return f"{text} {unit}".strip()


def _ship(prefix: str, given: Arguments) -> str:
    name = f"{prefix.upper()} {given.get('1', '')}"
    return f"{name} ({given['2']})" if given.get("2") and given.get("3") != "2" else name


def _in_angles(given: Arguments) -> str:
    text = given.get("1", "").strip(GONE)
    return f"⟨{text}⟩" if text else GONE


def _ruby(given: Arguments) -> str:
    return f"{given.get('1', '')}({given['2']})" if given.get("2") else given.get("1", "")


_TEMPLATES: dict[str, Template] = {
    **dict.fromkeys(_words(
            "nowrap nobr nobreak big bigger larger large small smaller sc smallcaps em strong bold italic "
            "mono code samp kbd var mvar math abbr abbrlink tooltip unicode iast vanchor lang2 "
            "chem2 ce sub bigmath underline u strikethrough ja lj zh-hans zh-hant 僻字 "
            "hebrew plainlist flatlist quote blockquote cquote quotation poemquote poem bq flag flagu "
            "flagcountry nts number sic nowiki small-caps ordinal ord ntsh bdi rtl-lang rtl ltr "
            "noitalic normal pslink numero resize2 center"
        ),
        _at(1, "text", "quote", "content"),
    ),
    **dict.fromkeys(("no wrap", "small caps", "visible anchor", "not a typo", "columns-list", "col-list"), _at(1)),
    **dict.fromkeys(_words("lang langx langue wikt-lang color colour fontcolor resize"), _at(2, "text", 1)),
    **dict.fromkeys(("font color", "hover title"), _at(2, "text", 1)),
    **dict.fromkeys(("background color", "audio"), _at(2)),
    **dict.fromkeys(("transl", "transliteration"), _last),
    **dict.fromkeys(("nihongo", "nihongo2", "nihongo3"), _bracketed),
    "zh": _chinese,
    "le": _link,
    "link": _at(2, 1),
    "tsl": _at(4, 3),
    "translink": _at(4, 3),
    **dict.fromkeys(("ill", "illm", "interlanguage link", "interlanguage link multi", "仮リンク"), _interlanguage),
    **dict.fromkeys(("convert", "cvt", "convert2"), convert),
    "as of": _as_of,
    **dict.fromkeys(
        (
            "birth date", "birth date and age", "birth-date", "bda", "dob", "death date", "death date and age", "dda",
            "death-date", "start date", "start date and age", "end date", "film date", "dts",
        ),
        _date,
    ),
    **dict.fromkeys(("circa", "c.", "ca.", "c"), lambda given: f"c. {_span(given)}"),
    **dict.fromkeys(("fl.", "floruit", "fl"), lambda given: f"fl. {_span(given)}".rstrip()),
    **dict.fromkeys(("reign", "r."), lambda given: f"r. {_span(given)}".rstrip()),
    **dict.fromkeys(("born", "b."), lambda given: f"b. {given.get('1', '')}".rstrip()),
    "bd": _life,
    **dict.fromkeys(("val", "rnd"), _value),
    **dict.fromkeys(("frac", "fraction", "sfrac"), _fraction),
    "sup": lambda given: f"^{given.get('1', '')}",
    "e": _after(" × 10^"),
    "10^": _after("10^"),
    "chem": _all(""),
    "linktext": _all(""),
    "sortname": lambda given: " ".join(given[name] for name in ("1", "2") if given.get(name)),
    "sort": _at(2, 1),
    **dict.fromkeys(("hlist", "ubl", "unbulleted list", "cslist"), _all(", ")),
    **dict.fromkeys(("ruby", "ruby-ja", "読み仮名", "ルビ"), _ruby),
    **dict.fromkeys(("us$", "usd", "us dollar"), _after("US$")),
    **dict.fromkeys(("gbp", "£"), _after("£")),
    **dict.fromkeys(("eur", "euro", "€"), _after("€")),
    **dict.fromkeys(("inr", "inrconvert", "₹"), _after("₹")),
    **dict.fromkeys(("angle bracket", "angbr"), _in_angles),
    **dict.fromkeys(("nbsp", "space", "spaces", "thinsp", "thin space", "hair space", "zwsp", "int:dot"), _fixed(" ")),
    **dict.fromkeys(("ndash", "en dash", "–"), _fixed("–")),
    **dict.fromkeys(("mdash", "em dash", "—"), _fixed("—")),
    **dict.fromkeys(("snd", "spnd", "sndash", "spaced ndash", "spaced en dash", "snds"), _fixed(" – ")),
    **dict.fromkeys(("dot", "dot.", "·", "•", "middot", "bullet", "bull"), _fixed(" · ")),
    **dict.fromkeys(("!", "pipe"), _fixed("|")),
    "!!": _fixed("||"),
    "=": _fixed("="),
    **dict.fromkeys(("'", "\" '"), _fixed("&#39;")),
    "'s": _fixed("&#39;s"),
    **dict.fromkeys(("yes", "ya", "won", "nom", "no", "n/a", "none", "draw", "unknown"), _at(1)),
    "degree": _fixed("°"),
    "clear": _fixed("\n"),
}  # fmt: skip
