"""The content words of a question, in English and Chinese: where they stand, and how much attention they get."""

import re
from collections.abc import Iterable, Sequence

from ravlm.knowledge.passages import word_spans
from ravlm.retrieval.words import STOP_WORDS

_ASKING = (
    "what which who whom whose where when why how do does did done has have had having can could would should may "
    "might must shall am been being were i me my you your yours he him his she her hers we us our ours them theirs "
    "its those from about than so some any all both each very also just only too here s t"
)
ENGLISH_STOP_WORDS = frozenset(STOP_WORDS) | frozenset(_ASKING.split())
"""Those that retrieval leaves out, with words that ask, point or help: they are in every question."""
CHINESE_STOP_WORDS = (
    *("为什么", "是不是", "有没有", "什么样", "怎么样", "请问", "什么", "怎么", "怎样", "多少", "如何", "是否", "为何"),
    *(f"{which}{counted}" for which in ("这", "这一", "哪", "哪一") for counted in "个些种里儿位件张面只座条款"),
    *("那个", "那里", "那些", "那种", "一个", "一种", "我们", "你们", "他们", "它们", "属于", "这", "哪"),
    *("的", "了", "吗", "呢", "吧", "是", "在", "有", "被", "把", "它", "我", "你", "您", "谁"),
)
"""Words that ask or join, and so part other words. Few, since none may stand inside names, as 几 does in 几内亚."""

_CHINESE = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_APART = re.compile("|".join([*sorted(CHINESE_STOP_WORDS, key=len, reverse=True), r"[\u3041-\u309f]+"]))
Span = tuple[int, int]


def term_spans(text: str) -> list[Span]:
    """The spans of a text's content words, in order, without stop words and marks.

    A word of letters and a number are one each. Chinese writes no spaces: characters that stand together are one term
    as far as the next stop word, names whole; what ranks by words cuts it further. Hiragana in a row is taken for the
    Japanese particles that it mostly is.

    >>> text = "What is the capital of this country? 这个国家的首都是哪里？"
    >>> [text[a:b] for a, b in term_spans(text)]
    ['capital', 'country', '国家', '首都']
    """
    found: list[Span] = []
    run: Span | None = None
    for start, end in word_spans(text):
        if _CHINESE.match(text[start]):
            joined = run is not None and run[1] == start
            run = (run[0] if run is not None and joined else start, end)
            if joined:
                found.pop()
            found.append(run)
            continue
        run = None
        word = text[start:end]
        if word[-1].isalnum() and word.casefold() not in ENGLISH_STOP_WORDS:
            found.append((start, end))
    return [part for span in found for part in _parted(text, span)]


def attention_on(spans: Iterable[Span], offsets: Sequence[Sequence[int]], received: Sequence[float]) -> list[float]:
    """The attention that falls on spans of characters: a token's is spread evenly over its own.

    >>> attention_on([(0, 4), (5, 9)], [(0, 0), (0, 2), (2, 4), (4, 9)], [0.0, 0.25, 0.25, 0.5])
    [0.5, 0.4]
    """
    tokens = [(a, b, value) for (a, b), value in zip(offsets, received, strict=True) if a < b]
    return [
        sum(value * max(0, min(b, end) - max(a, start)) / (b - a) for a, b, value in tokens) for start, end in spans
    ]


def _parted(text: str, span: Span) -> list[Span]:
    """A run of Chinese characters without its stop words; another word as it is."""
    start, end = span
    if not _CHINESE.match(text[start]):
        return [span]
    parts: list[Span] = []
    for stop in _APART.finditer(text, start, end):
        parts.append((start, stop.start()))
        start = stop.end()
    return [part for part in [*parts, (start, end)] if part[0] < part[1]]
