"""The first pass over wikitext: comments, references, `<nowiki>` and the like, HTML's tags.

Each `<...>` is looked at once, so the work grows with the text's length whatever stands in it.
"""

import html
import re

GONE = "\x02"  # stands where something was left out, until punctuation around it is put right
BREAK = "\x0b"  # a line break that was asked for (<br>)
KEPT = "\x00"  # around the number of a text that no later pass may touch

_TAG = re.compile(r"<(?:!--|(/?)([a-zA-Z]{1,16}[1-6]?)(?:[\s/][^<>]*)?>)")
_SPACE = re.compile(r"\s+")
_SUPERSCRIPT = re.compile(r"<sup>\s?([-+−–]?[0-9]{1,4})\s?</sup>")
_RAISED = str.maketrans("0123456789+-−–", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻")


def _words(text: str) -> list[str]:
    return text.split()


# What stands between these tags is no wikitext: left out, kept within a line, or kept as lines.
_RAW = {
    **dict.fromkeys(
        _words(
            "gallery timeline score hiero graph mapframe maplink imagemap inputbox templatedata includeonly "
            "categorytree indicator charinsert rss quiz dynamicpagelist slideshow style script"
        ),
        "drop",
    ),
    **dict.fromkeys(_words("nowiki math chem ce"), "inline"),
    **dict.fromkeys(_words("pre syntaxhighlight source"), "block"),
    "poem": "poem",
}
_CLOSERS = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in _RAW}
# What an HTML tag becomes where it opens and where it closes.
_HTML = {
    **dict.fromkeys(
        _words(
            "abbr b bdi bdo big cite code data del dfn em font i ins kbd mark nobr noinclude onlyinclude q "
            "rb references rp rt ruby s samp section small span strike strong sub sup tbody templatestyles "
            "tfoot thead time translate tt tvar u var wbr"
        ),
        ("", ""),
    ),
    **dict.fromkeys(("p", "blockquote"), ("\n\n", "\n\n")),
    **dict.fromkeys(("div", "center", "ul", "ol", "dl"), ("\n", "\n")),
    "br": (BREAK, BREAK),
    "hr": ("\n\n", "\n\n"),
    "li": ("\n* ", ""),
    "dt": ("\n; ", ""),
    "dd": ("\n: ", ""),
    "table": ("\n{|\n", "\n|}\n"),
    "caption": ("\n|+ ", ""),
    "tr": ("\n|-\n", ""),
    "td": ("\n| ", ""),
    "th": ("\n! ", ""),
    **{f"h{level}": ("\n" + "=" * level + " ", " " + "=" * level + "\n") for level in range(1, 7)},
}


def without_tags(text: str, kept: list[str]) -> str:
    """The text with its tags turned into what they do to plain text.

    Comments, references, galleries, timelines, scores and maps go; `<nowiki>`, `<pre>`, source code and formulas (as
    the LaTeX they are written in) are put into `kept`, and `KEPT`, their number, `KEPT` into the text. An opening
    tag without its end goes alone: the text after it stays. Other things in angle brackets stay as they are.
    """
    if "<" not in text:
        return text
    if "<sup>" in text:
        text = _SUPERSCRIPT.sub(lambda found: found[1].translate(_RAISED), text)
    out: list[str] = []
    references: list[int] = []
    unclosed: set[str] = set()
    last = 0
    for found in _TAG.finditer(text):
        start, end = found.span()
        if start < last:
            continue
        if found[2] is None:
            out.append(text[last:start])
            last = _comment_end(text, start, unclosed)
            continue
        name, closing = found[2].lower(), bool(found[1])
        if name == "ref":
            out.append(text[last:start])
            last = end
            if closing:
                if references:
                    del out[references.pop() :]
                    out.append(GONE)
            elif text[end - 2] == "/":
                out.append(GONE)
            else:
                references.append(len(out))
        elif (kind := _RAW.get(name)) is not None:
            out.append(text[last:start])
            last = end
            if closing or text[end - 2] == "/" or name in unclosed:
                out.append(GONE)
                continue
            closer = _CLOSERS[name].search(text, end)
            if closer is None:
                unclosed.add(name)
                continue
            last = closer.end()
            out.append(_raw(kind, text[end : closer.start()], kept))
        elif (written := _HTML.get(name)) is not None:
            out.append(text[last:start])
            out.append(written[closing])
            last = end
    out.append(text[last:])
    return "".join(out)


def restored(text: str, kept: list[str]) -> str:
    """The text with what `without_tags` had put aside."""
    return re.sub(f"{KEPT}([0-9]+){KEPT}", lambda found: kept[int(found[1])], text) if KEPT in text else text


def _comment_end(text: str, start: int, unclosed: set[str]) -> int:
    """Where reading goes on after a comment; one that has a line for itself takes the line with it."""
    if "!--" in unclosed or (close := text.find("-->", start + 4)) < 0:
        unclosed.add("!--")
        return start + 4
    end = close + 3
    alone = text[end : end + 1] == "\n" and (start == 0 or text[start - 1] == "\n")
    return end + alone


def _raw(kind: str, content: str, kept: list[str]) -> str:
    if kind == "drop":
        return GONE
    if kind == "poem":
        return "\n\n" + without_tags(content.strip("\n"), kept).replace("\n", BREAK) + "\n\n"
    content = html.unescape(content) if "&" in content else content
    content = content.strip("\n").rstrip() if kind == "block" else _SPACE.sub(" ", content)
    if not content.strip():
        return GONE
    kept.append(content)
    mark = f"{KEPT}{len(kept) - 1}{KEPT}"
    return f"\n\n{mark}\n\n" if kind == "block" else mark
