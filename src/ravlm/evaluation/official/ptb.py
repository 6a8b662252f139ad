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
    \u2013 \u2014 \u2015 \u2026 \x91 \x92 \x93 \x94 \x96 \x97
"""
_DROPPED = frozenset(_PUNCTUATION.split())
_PARTS = {
    "cannot": "can not",
    "gonna": "gon na",
    "gotta": "got ta",
    "wanna": "wan na",
    "lemme": "lem me",
    "gimme": "gim me",
    "'tis": "'t is",
    "'twas": "'t was",
}
_INSTEAD = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_INSTEAD |= {"&amp;": "&", "&lt;": "<", "&gt;": ">", "\u00a2": "cents", "\u00a3": "#"}
_INSTEAD |= dict.fromkeys("\x80\u00a4\u20a0\u20ac", "$")
_INSTEAD |= {"\u00bc": "1/4", "\u00bd": "1/2", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3"}
_ABBREVIATED = """
    adj adm adv al ala alex apr aug ave bhd blvd bros cf cie co col conn cos cpl ct dak dec dept det dr drs ens esq est
    etc ext feb fla fri ft ga gen gov hon inc ind jan jos jr jul jun kan ky lt ltd maj mar md mfg mme mo mon mr mrs ms
    mt mtg neb nev nov oct penn pfc ph plc pte pty pvt rd rep rev rt sen sep seq sfc sgt spc sq sr st ste sys tel tenn
    thu tue va vs vt wed wis wm wyo
"""
_ABBREVIATIONS = tuple(_ABBREVIATED.split())
_BEFORE_NUMBERS = ("art", "ca", "fig", "figs", "no", "nos", "op", "pp", "prop")
_STARTER = re.compile(
    "(?:A|About|According|After|An|As|At|But|Earlier|He|Her|Here|However|If|In|It|Last|Many|More|Now|Once|One|Other|Our|"
    r"She|Since|So|Some|Such|That|The|Their|Then|There|These|They|This|We|What|When|While|Yet|You)\b"
)

_LETTER = r"[^\W\d_\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2093\u2150-\u218b\u2460-\u24ff\u2776-\u2793]"
_ALNUM = rf"(?:{_LETTER}|[\d\u0300-\u036f])"
_END = rf"(?!{_ALNUM})"
_QUOTE = "['\u2019\x92]"
_NOT = rf"(?i:n){_QUOTE}(?i:t){_END}"
_TOKEN = re.compile(
    rf"""
      (?P<tag> </?[A-Za-z!?][^<>]*> )
    | (?P<instead> &(?:amp|lt|gt); )
    | (?P<nothing> &(?:nbsp|quot|apos); )
    | (?P<address> (?:https?|ftp)://[^\s"<>|(){{}}]*[^\s"<>|(){{}}.!?,;:'\u2019-]
        | [A-Za-z0-9][\w.%+-]*@(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+
        | @[A-Za-z]\w* | \#[A-Za-z]+ )
    | (?P<face> [:;=]-?[()DP](?!\w) )
    | (?P<mixed> \d+\ \d+/\d+ | \(\d{{3}}\)\ ?\d{{3}}-\d{{4}}{_END} )
    | (?P<parted> (?i:cannot|gonna|gotta|wanna|lemme|gimme|{_QUOTE}tis|{_QUOTE}twas){_END} )
    | (?P<initial> [A-Za-z]\.(?![\w.]) )
    | (?P<abbreviation> (?:{_ALNUM}+-)*[A-Za-z](?:\.[A-Za-z])+\.(?:-{_ALNUM}+)*{_END}
        | (?i:{"|".join(_ABBREVIATIONS)})\.(?!{_LETTER})
        | (?i:{"|".join(_BEFORE_NUMBERS)})\.(?=\ ?\d) )
    | (?P<dotted> (?:{_LETTER}{_ALNUM}*\.)+{_LETTER}{_ALNUM}* )
    | (?P<quote> '' )
    | (?P<negation> {_NOT} )
    | (?P<negated> {_LETTER}+?(?={_NOT}) )
    | (?P<you> (?<!\w)[yY]{_QUOTE}(?={_LETTER}) )
    | (?P<apostrophe> (?:[dlnoA-HJ-XZ]{_QUOTE}{_LETTER}{{2,}} | {_LETTER}*[aeiouyAEIOUY]{_QUOTE}[aeiouA-Z]{_LETTER}*
        | (?i:nor{_QUOTE}easter | c{_QUOTE}mon | s{_QUOTE}mores | ev{_QUOTE}ry | li{_QUOTE}l | nat{_QUOTE}l
            | (?:ol|dunkin|somethin){_QUOTE} | {_QUOTE}(?:em|till?|cause)) ){_END}
        | [ldjLDJ]{_QUOTE}{_END} | {_QUOTE}n{_QUOTE}?{_END} | {_QUOTE}[2-9]0s{_END} | {_QUOTE}\d\d(?!\S) )
    | (?P<clitic> {_QUOTE}(?i:s|m|d|re|ve|ll){_END} )
    | (?P<number> [-+]?\d*(?:[.,:]\d+)+ | [-+]\d+ | \d+(?:/\d+)+(?:-{_ALNUM}+)* )
    | (?P<word> [A-Z]+(?:&[A-Z]+)+{_END} | [CFcf](?:\#|[+]{{2}})(?!\w) | [A-Za-z]+(?:[!?][A-Za-z]+)+
        | [A-Za-z]+(?:-[A-Za-z]+)*(?:/[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*)+
        | [A-Za-z][A-Za-z0-9]*(?:/[A-Za-z0-9]+)+ | {_ALNUM}+(?:[-_]{_ALNUM}+)* )
    | (?P<dots> \.(?:\ ?\.){{2,}} )
    | (?P<run> [!?]{{2,}} | [*]+ | _+ | \#{{2,}} | @{{2,}} )
    | (?P<other> \S )
    """,
    re.VERBOSE,
)
_DELETED = re.compile(
    "[\u058f\u09f3\u17db\u2010\u2011\u2024-\u2027\u203c\u203d\u2047-\u205e\u20a1-\u20a3\u20a5-\u20ab\u20ad-\u20cf"
    "\u3003-\u3011\u3013-\u3020\u3030\u303d\u3297\u3299\ufdfc\ufffd]"
)
_UNKNOWN = frozenset(("Co", "Cn", "Cc", "Nl", "Me", "Mn", "Cf", "Cs"))  # Unicode categories that the program deletes
_PLAIN = re.compile(r"[A-Za-z]+(?: [A-Za-z]+)* ?\.? ?")


def tokenised(texts: Sequence[str]) -> list[str]:
    """Each text as its tokens in lower case, without punctuation, a space between them.

    The texts are cut as lines of one file, as the official code does: whether a letter with a point at the end of a
    text keeps its point depends on the first word of the next.

    >>> tokenised(["A man's dog isn't here (2 p.m.)!"])
    ["a man 's dog is n't here -lrb- 2 p.m. -rrb-"]
    """
    following = [*texts[1:], ""][: len(texts)]
    return [" ".join(_kept(text, after)) for text, after in zip(texts, following, strict=True)]


def _kept(text: str, after: str) -> Iterator[str]:
    if _is_plain(text):
        for word in text.lower().rstrip(" .").split():
            yield from _PARTS[word].split() if word in _PARTS else (word,)
        return
    for token in _tokens(" ".join(text.replace("\u00ad", "").split()), after):
        if token not in _DROPPED:
            yield token


def _is_plain(text: str) -> bool:
    """Whether the text is words of letters and perhaps a point, which is no abbreviation's: most captions are."""
    if not _PLAIN.fullmatch(text):
        return False
    last = text.lower().rstrip(" .").split()[-1]
    return not text.rstrip().endswith(".") or (len(last) > 1 and last not in _ABBREVIATIONS)


def _tokens(text: str, after: str) -> Iterator[str]:
    for found in _TOKEN.finditer(text):
        kind, token = found.lastgroup, found.group().lower()
        if kind in ("parted", "negation", "clitic"):
            token = token.replace("\u2019", "'").replace("\x92", "'")
        if kind == "parted":
            yield from _PARTS[token].split()
        elif kind == "initial":
            yield token[0] if _STARTER.match(text[found.end() :].lstrip() or after.lstrip()) else token
        elif kind == "mixed":
            yield token.replace(" ", "\u00a0").replace("(", "-lrb-").replace(")", "-rrb-")
        elif kind == "face":
            yield token[:-1] + _INSTEAD.get(token[-1], token[-1])
        elif kind == "tag":
            yield token.replace(" ", "\u00a0")
        elif kind in ("dots", "nothing"):
            continue
        elif kind == "other":
            if not _is_deleted(token[0]):
                yield _INSTEAD.get(token, token)
        else:
            yield _INSTEAD.get(token, token)


def _is_deleted(character: str) -> bool:
    """Whether the program knows no such character and leaves it out: emoji, private ones, newer currency signs."""
    known = ord(character) < 0x10000 and unicodedata.category(character) not in _UNKNOWN
    return not known or _DELETED.match(character) is not None
