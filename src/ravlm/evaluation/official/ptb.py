"""English cut into tokens as caption scores have it: Penn Treebank tokens in lower case, punctuation left out.

COCO's caption evaluation (Chen et al. 2015, Microsoft COCO Captions, section 4.1) cuts captions with the PTBTokenizer
of Stanford CoreNLP 3.4.1 and drops tokens that are punctuation. This does the same without Java: the rules below were
found by asking that program, and are checked against it. Its quirks are kept, since scores depend on them: brackets
become words (`-lrb-`), which are not dropped, and a fraction after a number is one token with a no-break space in it.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

_PUNCTUATION = """
    '' ' `` ` . ? ! , : - -- ... ; " \u2018 \u2019 \u201b \u201c \u201d \u00ab \u00bb \u2039 \u203a
    \u2012 \u2013 \u2014 \u2015 \u2026 \x91 \x92 \x93 \x94 \x96 \x97
"""
_DROPPED = frozenset(_PUNCTUATION.split())
_PARTS = {
    "cannot": "can not",
    "gonna": "gon na",
    "gotta": "got ta",
    "wanna": "wan na",
    "lemme": "lem me",
    "gimme": "gim me",
}
_INSTEAD = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_INSTEAD |= {"&amp;": "&", "&lt;": "<", "&gt;": ">", "\u00a2": "cents", "\u00a3": "#"}
_INSTEAD |= dict.fromkeys("\x80\u00a4\u20a0\u20ac", "$")
_INSTEAD |= {"\u00bc": "1/4", "\u00bd": "1/2", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3"}
_IN_ANY_CASE = """
    adj adm adv al ala alex apr ariz assn assoc asst atty attys aug ave bancorp bhd bldg blvd brig bros calif capt cf
    cie cmdr co col colo comdr conn corp cos cpl ct dak dec dept det dr drs elec ens esq est etc ext feb fla fri ft ga
    gen gov govs hon inc ind insp intl invt jan jos jr jul jun kan kans ky lieut lt ltd maj mar md messrs mich minn mlle
    mme mo mon mont mr mrs ms msgr mt natl neb nev nov oct okla penn pfc ph plc pres prof profs pvt rd rep reps rev rt
    sen sens sep sept seq sfc sgt spc sq sr st ste supt supts sys tel tenn thu thurs tue tues univ va vs vt wed wis wisc
    wm wyo
"""
_ABBREVIATIONS = (
    f"(?i:{'|'.join(_IN_ANY_CASE.split())})",
    "(?:A(?i:rk|z)|D(?i:el)|I(?i:ll)|L(?i:a)|M(?i:ass|iss)|O(?i:re)|P(?i:a)|T(?i:ex)|W(?i:ash))",  # words in lower case
    "(?:[Mm][ft](?i:g)|(?i:pp?t)[ey](?i:s?))",
)
_BEFORE_NUMBERS = ("art", "ca", "fig", "figs", "no", "nos", "op", "pp", "prop")
_ABBREVIATED = re.compile("|".join((*_ABBREVIATIONS, *_BEFORE_NUMBERS)), re.IGNORECASE)
_NUMBER_NEXT = re.compile(r"\s?\d|[,;:]")
_STARTERS = """
    A About According Additionally After An As At But Earlier He Her Here However If In It Last Many More Now Once One
    Other Our She Since So Some Such That The Their Then There These They This We What When While Yet You
"""
_STARTER = re.compile(
    rf"\s+(?:(?:{'|'.join(f'{w[0]}(?i:{w[1:]})' for w in _STARTERS.split())}|M(?i:[rs]\.))|</?[A-Za-z!?][^<>]*>)(?!\S)"
)
_EXTENSIONS = (
    "bat|bmp|cgi|class|cpp|c|dll|docx?|exe|gif|gz|html?|h|jar|java|jpe?g|mov|mp3|pdf|php|pl|png|ppt|ps|py|sql|tar|txt|"
    "wav|xml|x|zip"
)
_BRACKET = "(?i:-[lr][rsc]b-)"

_LETTER = r"[^\W\d_\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2093\u2150-\u218b\u2460-\u24ff\u2776-\u2793]"
_SIMPLE = rf"(?:{_LETTER}|\d)"  # without marks of their own that stand above or below a letter
_ALNUM = rf"(?:{_LETTER}|[\d\u0300-\u036f])"
_END = rf"(?!{_ALNUM})"
_QUOTE = "['\u2019\x92]"
_NOT = rf"(?i:n){_QUOTE}(?i:t)(?!{_LETTER})"
_CLITIC = rf"{_QUOTE}(?i:s|m|d|re|ve|ll)(?!{_LETTER})"
_PATH = '(?:/[^\\s"<>|(){}]+[^\\s"<>|(){}.!?,;:\'\u2019-])?'
_TOKEN = re.compile(
    rf"""
      (?P<tag> </?[A-Za-z!?][^<>]*> )
    | (?P<instead> (?i:&(?:amp|lt|gt);) | {_BRACKET} )
    | (?P<nothing> &(?:nbsp|quot|mdash); | -{{2,}} )
    | (?P<entity> &\#\d+; )
    | (?P<address> (?:https?)://[^\s"<>|(){{}}]*[^\s"<>|(){{}}.!?,;:'\u2019-]
        | [A-Za-z0-9][\w.%+-]*@(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+
        | @[A-Za-z]\w* | \#[A-Za-z]+ )
    | (?P<face> [<>]?[:;=][-o*']?[()DPdpO\\{{@|\[\]](?!\w) | \([-^x=~<>'][_.]?[-^x=~<>']\) | [-^x=~<>']_[-^x=~<>'] )
    | (?P<mixed> \d{{1,4}}[ -]\d{{1,4}}/\d{{1,4}} )
    | (?P<parted> (?i:cannot|gonna|gotta|wanna|lemme|gimme){_END}(?![-_/.!?]{_LETTER}|{_CLITIC}) )
    | (?P<initial> [A-Za-z]\.(?!\w) )
    | (?P<abbreviation> (?:{_ALNUM}+-)*[A-Za-z](?:\.[A-Za-z])+\.(?:-{_ALNUM}+)*{_END}
        | (?:{"|".join(_ABBREVIATIONS)}|(?i:ed|ph)\.[Dd])\.(?!{_LETTER}) )
    | (?P<before_number> (?i:{"|".join(_BEFORE_NUMBERS)})\.(?!{_LETTER}) )
    | (?P<inside> (?:{_SIMPLE}+(?:[-_]{_SIMPLE}+)*|{_LETTER}{_ALNUM}*(?:[.!?]{_LETTER}{_ALNUM}*)*)\.(?=[,;:\u3001]) )
    | (?P<dotted> (?:{_LETTER}{_ALNUM}*[.!?])+{_LETTER}{_ALNUM}* )
    | (?P<quote> '' )
    | (?P<negation> {_NOT} )
    | (?P<negated> {_LETTER}+?(?={_NOT}) )
    | (?P<you> (?<!\w)[yY](?!{_CLITIC}){_QUOTE}(?={_LETTER}) )
    | (?P<apostrophe> (?:[dlnoA-HJ-XZ](?!{_CLITIC}){_QUOTE}{_LETTER}{{2,}}
            | {_LETTER}+[aeiouyAEIOUY]{_QUOTE}[aeiouA-Z]{_LETTER}*
        | (?i:nor{_QUOTE}easter | c{_QUOTE}(?:mon|est) | s{_QUOTE}mores | ev{_QUOTE}ry | li{_QUOTE}l | nat{_QUOTE}l
            | (?:ol|dunkin|somethin){_QUOTE} | {_QUOTE}(?:em|till?|cause)) ){_END}
        | (?i:[ldj](?!{_CLITIC}){_QUOTE}) | {_QUOTE}(?i:n){_QUOTE} | {_QUOTE}n{_END}
        | {_QUOTE}[2-9]0s{_END} | {_QUOTE}\d\d(?!\S) )
    | (?P<clitic> {_CLITIC} | {_QUOTE}(?i:t)(?=(?i:is|was)) )
    | (?P<number> [-+]?\d*(?:[.,:]\d+)+ | [-+]\d+ )
    | (?P<word> [A-Z]+(?:(?:[&+]|&amp;)[A-Z]+)+ | [A-Z]+\$ | [CFcf](?:\#|[+]{{2}})
        | {_SIMPLE}+(?:[-_\u2010\u2011]{_SIMPLE}+)+ | {_LETTER}{_ALNUM}* | \d{_SIMPLE}* | {_ALNUM}+ )
    | (?P<dots> \.(?:\.|\ \.(?!\d)){{2,}} )
    | (?P<run> [!?]{{2,}} | [*]+ | _+ | \#{{2,}} | @{{2,}} )
    | (?P<other> \S )
    """,
    re.VERBOSE,
)
_LONGER = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("word", r"[A-Za-z0-9][A-Za-z0-9.,]*(?:-(?:[A-Za-z](?:\.[A-Za-z])+\.|[A-Za-z0-9]+))+"),  # `red,blue-green`
        ("word", r"[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}"),  # `100km/h`
        ("file", rf"{_SIMPLE}+(?:\.{_SIMPLE}+)*\.(?i:{_EXTENSIONS})(?=[\s.?!,]|$)"),
        ("site", rf"www\.(?:[^\s\"<>|().!?,]+\.)+[A-Za-z]{{2,4}}{_PATH}"),
        ("site", rf"(?:[^\s\"`'<>|().!?$,-_]+\.)+(?:com|net|org|edu){_PATH}"),
        ("mixed", r"(?:\(\d{2,3}\) ?|[+]{0,2}(?:\d{2,4}[ -])?\d{2,4}[ -])\d{3,4}[ -]?\d{3,5}"),  # a phone's number
    )
)
_DELETED = re.compile(
    "[\u058f\u09f3\u17db\u2010\u2011\u2024-\u2027\u203c\u203d\u2043\u2047-\u205e\u20a1-\u20a3\u20a5-\u20ab\u20ad-\u20cf"
    "\u3003-\u3011\u3013-\u3020\u3030\u303d\u3297\u3299\ufdfc\ufffd]"
)
_UNKNOWN = frozenset(("Co", "Cn", "Cc", "Nl", "Me", "Mn", "Cf", "Cs"))  # Unicode categories that the program deletes
_WORD = "[A-Za-z]+(?:-[A-Za-z]+)*"
_PLAIN = re.compile(rf"{_WORD}(?:,? {_WORD})* ?\.? ?")
_PLAIN_WORDS = re.compile(rf" ?(?:{_WORD},? )+")


def tokenised(texts: Sequence[str]) -> list[str]:
    """Each text as its tokens in lower case, without punctuation, a space between them.

    The texts are cut as lines of one file, as the official code does: whether a letter with a point at the end of a
    text keeps its point depends on the first word of the next text that is not empty.

    >>> tokenised(["A man's dog isn't here (2 p.m.)!"])
    ["a man 's dog is n't here -lrb- 2 p.m. -rrb-"]
    """
    following = ""  # the next text that is not empty
    cut = []
    for text in reversed(texts):
        cut.append(" ".join(_kept(text, following)))
        following = text if text.strip() else following
    return cut[::-1]


def _kept(text: str, after: str) -> Iterator[str]:
    if _is_plain(text):
        yield from _words(text.rstrip(" ."))
        return
    for token in _tokens(" ".join(text.replace("\u00ad", "").replace("&apos;", "'").split()), after):
        if token not in _DROPPED:
            yield token


def _is_plain(text: str) -> bool:
    """Whether the text is words, commas and perhaps a point, which is no abbreviation's: most captions are."""
    if not _PLAIN.fullmatch(text):
        return False
    last = text.rstrip(" .").rpartition(" ")[2]
    return not text.rstrip().endswith(".") or (len(last) > 1 and not _ABBREVIATED.fullmatch(last))


def _words(text: str) -> Iterator[str]:
    for word in text.lower().replace(",", " ").split():
        yield from _PARTS[word].split() if word in _PARTS else (word,)


def _tokens(text: str, after: str) -> Iterator[str]:
    end = 0
    while True:
        if (plain := _PLAIN_WORDS.match(text, end)) is not None:
            yield from _words(plain.group())
            end = plain.end()
        if (found := _TOKEN.search(text, end)) is None:
            return
        kind, start, end = str(found.lastgroup), *found.span()
        if not text[start].isalpha() or text[end : end + 1] not in ("", " "):
            kind, end = _longest(text, kind, start, end)
        yield from _cut(kind, text[start:end], text[end:] if text[end:].strip() else f" {after.lstrip()}")


def _longest(text: str, kind: str, start: int, end: int) -> tuple[str, int]:
    """The program takes the longest token that begins at a place: the kind of it, and its end."""
    for name, pattern in _LONGER:
        longer = pattern.match(text, start)
        if longer is not None and longer.end() > end:
            kind, end = name, longer.end()
    return kind, end


def _cut(kind: str, token: str, rest: str) -> Iterator[str]:
    """A token as it is written, or the two that it is; `rest` is the text behind it."""
    token = token.lower()
    if kind == "parted":
        yield from _PARTS[token].split()
    elif kind in ("negation", "clitic"):
        yield token.replace("\u2019", "'").replace("\x92", "'")
    elif kind == "initial":
        yield token[0] if _STARTER.match(rest) else token
    elif kind == "before_number":
        yield token if _NUMBER_NEXT.match(rest) else token[:-1]
    elif kind in ("mixed", "tag"):
        yield token.replace(" ", "\u00a0").replace("(", "-lrb-").replace(")", "-rrb-")
    elif kind == "face":
        yield token.replace("(", "-lrb-").replace(")", "-rrb-")
    elif kind in ("dots", "nothing"):
        return
    elif kind == "other":
        if not _is_deleted(token[0]):
            yield _INSTEAD.get(token, token)
    else:
        yield _INSTEAD.get(token, token.replace("&amp;", "&"))


def _is_deleted(character: str) -> bool:
    """Whether the program knows no such character and leaves it out: emoji, private ones, newer currency signs."""
    known = ord(character) < 0x10000 and unicodedata.category(character) not in _UNKNOWN
    return not known or _DELETED.match(character) is not None
