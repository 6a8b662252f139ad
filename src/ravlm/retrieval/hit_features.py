"""What a row of hits tells of itself, as numbers and in words. No torch."""

from collections.abc import Sequence
from math import exp, log, nan
from statistics import fmean

from ravlm.records import Hit

FEATURES = ("top", "margin", "entropy", "agreement")
_WORDS = {
    "top": "the first hit's score is {} ({:.3g}; {:.3g} is usual)",
    "margin": "the first hit stands {} before the second ({:.3g}; {:.3g} is usual)",
    "entropy": "the scores are spread over the hits {} ({:.3g} of 1; {:.3g} is usual)",
    "agreement": "{} of the stages have the first entry first ({:.3g} of 1; {:.3g} is usual)",
}
_OF_STAGE = "the best score of {} is {} ({:.3g}; {:.3g} is usual)"
_SIZES = {
    "top": ("low", "high"),
    "margin": ("little", "far"),
    "entropy": ("unevenly", "evenly"),
    "agreement": ("few", "many"),
}


def judged(hits: Sequence[Hit], stage: str, depth: int) -> list[Hit]:
    """The first hits that have a score of the stage."""
    return [hit for hit in hits if stage in hit.scores][:depth]


def features(hits: Sequence[Hit], stage: str, scale: float, others: Sequence[str]) -> list[float]:
    """`FEATURES` of one or more hits, and behind them the best score of each other stage; nan for one without any."""
    scores = [hit.scores[stage] for hit in hits]
    best = {
        name: max((hit for hit in hits if name in hit.scores), key=lambda hit: hit.scores[name], default=None)
        for name in others
    }
    agreeing = [hit.entry_id == hits[0].entry_id for hit in best.values() if hit is not None]
    return [
        scores[0],
        scores[0] - scores[1] if len(scores) > 1 else scores[0],
        _entropy([score / scale for score in scores]),
        fmean(agreeing) if agreeing else 1.0,
        *(nan if hit is None else hit.scores[name] for name, hit in best.items()),
    ]


def _entropy(x: Sequence[float]) -> float:
    """The entropy of softmax(x) as a share of log n, the most; 0 for one hit."""
    highest = max(x)
    weights = [exp(value - highest) for value in x]
    total = sum(weights)
    return -sum(w / total * log(w / total) for w in weights if w) / log(len(x)) if len(x) > 1 else 0.0


def in_words(name: str, value: float, usual: float) -> str:
    """A feature's value beside its usual one; what is none of `FEATURES` is a stage."""
    if name in FEATURES:
        return _WORDS[name].format(_SIZES[name][value > usual], value, usual)
    return _OF_STAGE.format(name, _SIZES["top"][value > usual], value, usual)
