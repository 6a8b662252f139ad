"""Texts become terms: what words, numbers and Chinese or Japanese characters are looked for by. No torch."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, get_args

import Stemmer

Ideographs = Literal["characters and pairs", "characters", "pairs"]

_STOP_WORDS = (
    "a about above after again against ain all am an and any are aren as at be because been before being below "
    "between both but by can couldn did didn do does doesn doing don down during each few for from further had hadn "
    "has hasn have haven having he her here hers herself him himself his how i if in into is isn it its itself just "
    "ll ma me mightn more most mustn my myself needn no nor not now of off on once only or other our ours ourselves "
    "out over own re same shan she should shouldn so some such t than that the their theirs them themselves then "
    "there these they this those through to too under until up ve very was wasn we were weren what when where which "
    "while who whom why will with won wouldn you your yours yourself yourselves"
)
STOP_WORDS = tuple(_STOP_WORDS.split())
"""The English stop words of NLTK, those with an apostrophe by their parts, and without the letters that are units.

It holds the words that questions are asked with: on CACM and on questions about flags it finds more than the 33 words
of Lucene do. Unlike the list of scikit-learn it has none that tell things apart ("bill", "fire", "system").
"""

_PIECES = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+|[^\W\d_]+|\d[\d,.]*\d|\d")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")

_IDEOGRAPHS = r"\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_IDEOGRAPH = re.compile(f"[{_IDEOGRAPHS}]")
_MARKS = r"\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0900-\u0dff"  # accents and vowel signs, which are no letters
_MARKED = re.compile(
    rf"[{_IDEOGRAPHS}]+"
    rf"|(?:(?<![^\W{_IDEOGRAPHS}])(?<![)\]%])[-−])?\d+(?:[.,]\d+)*"  # a number with its sign
    rf"|(?!(?<=\w['’])s\b)(?![{_IDEOGRAPHS}])[^\W\d_](?:(?![{_IDEOGRAPHS}])[^\W_]|[{_MARKS}])*"  # a word, "km2"
    r"|°[cfk]?(?!\w)|[%‰€£¥$]"
)
_PLAIN = re.compile(r"(?:(?<![\w)\]%])-)?\d+(?:[.,]\d+)*|(?!(?<=\w')s\b)[a-z][a-z0-9]*|[%$]")  # the same in ASCII
_THOUSANDS = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_LATIN_ENDS = "\u0250"  # letters below this code point are Latin
_REMEMBERED = 1 << 16  # words whose terms are kept


@dataclass(frozen=True, slots=True)
class Analyzer:
    """What makes terms of a text, of rows and of queries alike.

    Letters are case-folded and brought to one form (NFKC: "km²" and "ｋｍ２" are "km2"). A number is one term, with its
    sign and without the commas of its thousands; a unit is one, the signs "%" and "°c" too, and so is a word with
    figures behind its letters. Of a run of Chinese or Japanese characters, the terms are the characters, the pairs, or
    both.

    `stems` brings Latin words to their English stems (Snowball's English, also called Porter 2). `stop_words` are left
    out, and so is a possessive 's.
    """

    stems: bool = True
    stop_words: tuple[str, ...] = STOP_WORDS
    ideographs: Ideographs = "characters and pairs"

    def __call__(self, text: str) -> list[str]:
        """The terms of a text, in order.

        >>> Analyzer()("The country's area: 29,743 km², -5 °C, 10% of 500 g")
        ['countri', 'area', '29743', 'km2', '-5', '°c', '10', '%', '500', 'g']
        >>> Analyzer()("手机iPhone")
        ['手', '机', '手机', 'iphon']
        """
        terms_of = _reader(self)
        found: list[str] = []
        for word in _words(text):
            found += terms_of(word)
        return found

    def left_out(self, text: str) -> list[str]:
        """The words of a text that give no term, as they are read.

        >>> Analyzer().left_out("What is the capital?")
        ['what', 'is', 'the']
        """
        terms_of = _reader(self)
        return [word for word in _words(text) if not terms_of(word)]

    def settings(self) -> dict[str, Any]:
        """All that decides the terms, as JSON."""
        return asdict(self) | {"stop_words": list(self.stop_words)}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Analyzer":
        """The analyser with these settings.

        Raises:
            ValueError: they are not such settings.
        """
        made = cls(**{**settings, "stop_words": tuple(settings["stop_words"])})
        if made.settings() != settings or made.ideographs not in get_args(Ideographs):
            raise ValueError(f"not an analyser's settings: {settings}")
        return made


def words(text: str) -> list[str]:
    """Case-folded words, numbers whole, and Chinese or Japanese characters with their bigrams.

    The terms that a trained model's passages are read with (`ravlm.retrieval.tfidf.TfidfIndex`): they stay as they are.

    >>> words("Area: 29,743 km²")
    ['area', '29,743', 'km', '2']
    >>> words("首都是")
    ['首', '都', '是', '首都', '都是']
    """
    found: list[str] = []
    for piece in _PIECES.findall(unicodedata.normalize("NFKC", text).casefold()):
        if _CJK.match(piece):
            found += [*piece, *(a + b for a, b in pairwise(piece))]
        else:
            found.append(piece)
    return found


def _words(text: str) -> list[str]:
    if text.isascii():
        return _PLAIN.findall(text.lower())
    return _MARKED.findall(unicodedata.normalize("NFKC", text).casefold())


@lru_cache(maxsize=16)
def _reader(analyzer: Analyzer) -> Callable[[str], tuple[str, ...]]:
    """The terms of one word, remembered."""
    stop_words = frozenset(analyzer.stop_words)
    stemmer = Stemmer.Stemmer("english", 0)

    @lru_cache(maxsize=_REMEMBERED)
    def terms_of(word: str) -> tuple[str, ...]:
        if _IDEOGRAPH.match(word):
            pairs = tuple(a + b for a, b in pairwise(word)) if analyzer.ideographs != "characters" else ()
            return (*word, *pairs) if analyzer.ideographs != "pairs" else pairs or (word,)
        if word in stop_words:
            return ()
        if word[0] < _LATIN_ENDS and word[0].isalpha():
            return (str(stemmer.stemWord(word)) if analyzer.stems else word,)
        word = word.replace("−", "-")
        return (word.replace(",", "") if _THOUSANDS.fullmatch(word) else word,)

    return terms_of
