"""A made-up run of a few questions, without a model: one question for each thing that can become of it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ravlm.evaluation.runs.folder import FORMAT, Run
from ravlm.evaluation.runs.records import (
    AskedQuestion,
    CitedPassage,
    EvidenceKind,
    Outcome,
    QueryPiece,
    ReadHit,
    RunAnswer,
    RunPassage,
)
from ravlm.evaluation.runs.write import write
from ravlm.records import Example

TEXTS = {
    "norway#0": "The capital of Norway is Oslo. It rises to 2,469 m (8,100 feet).",
    "norway#1": "挪威的首都是奥斯陆。",
    "sweden#0": "The capital of Sweden is Stockholm. Traffic keeps to the right.",
    "sweden#1": "Sweden has an area of 447,430 km².",
}
PASSAGES = {
    name: RunPassage(name, name.partition("#")[0], name.partition("#")[0].title(), "Overview", "en", text)
    for name, text in TEXTS.items()
}


def example(number: int, entry: str, question: str, *answers: str, language: str = "en") -> Example:
    return Example(
        id=f"q{number}",
        images=(f"{entry}.png",),
        question=question,
        kind="answers",
        answers=answers,
        entries=(entry,),
        language=language,
        groups=("unseen" if entry == "sweden" else "seen", "relation:capital"),
    )


EXAMPLES = [
    example(0, "norway", "What is the capital?", "Oslo"),
    example(1, "norway", "首都是哪里？", "奥斯陆", language="zh"),
    example(2, "sweden", "What is the capital?", "Stockholm"),
    example(3, "sweden", "On which side does one drive?", "right"),
]
QUESTIONS = [
    AskedQuestion(one, photo=64 * "a", names=(), support=(support,))
    for one, support in zip(EXAMPLES, ("norway#0", "norway#1", "sweden#0", "sweden#0"), strict=True)
]


def hit(passage: str, cosine: float = 0.8) -> ReadHit:
    return ReadHit(passage.partition("#")[0], passage, None, {"image": cosine, "tfidf": 0.4})


def cited(passage: str, answer: str) -> CitedPassage:
    start = TEXTS[passage].index(answer)
    return CitedPassage(passage, (start, start + len(answer)), "icon", 0.7)


def answer(
    question: Example, text: str, hits: Sequence[str] = (), cites: str | None = None, confidence: float = 0.5
) -> RunAnswer:
    """An answer that read these passages and cites one of them."""
    return RunAnswer(
        id=question.id,
        answer=text,
        confidence=confidence,
        abstained=False,
        hits=tuple(hit(one) for one in hits),
        citations=() if cites is None else (cited(cites, text),),
        alternatives=((text, confidence), ("Bergen", min(0.1, confidence))),
        weights={"image": 0.1, "question": 0.2, "knowledge": 0.7},
        timings={"see": 0.01, "read": 0.02},
    )


def retrieved(
    question: Example, text: str, hits: Sequence[str], cites: str, confidence: float, ranked: Sequence[str]
) -> RunAnswer:
    """An answer from what was retrieved, with the query and the entries that it found."""
    return replace(
        answer(question, text, hits, cites, confidence),
        pieces=(QueryPiece("region", origin="middle"), QueryPiece("question", text=question.question or "")),
        ranked=tuple((entry, 0.8 - 0.1 * n) for n, entry in enumerate(ranked)),
    )


RETRIEVED = [
    retrieved(EXAMPLES[0], "Oslo", ["norway#0", "norway#1", "sweden#0"], "norway#0", 0.9, ["norway", "sweden"]),
    retrieved(EXAMPLES[1], "奥斯陆", ["norway#1", "norway#0"], "norway#1", 0.8, ["norway", "sweden"]),
    retrieved(EXAMPLES[2], "Oslo", ["norway#0", "norway#1"], "norway#0", 0.6, ["norway", "denmark"]),
    retrieved(EXAMPLES[3], "right", ["sweden#0", "sweden#1"], "sweden#0", 0.55, ["sweden", "norway"]),
]
ANSWERS: dict[EvidenceKind, list[RunAnswer]] = {
    "prior": [answer(one, "Oslo", confidence=0.0) for one in EXAMPLES],
    "none": [answer(one, "Oslo", confidence=0.1) for one in EXAMPLES],
    "retrieved": RETRIEVED,
    "oracle": [
        answer(EXAMPLES[0], "Oslo", ["norway#0", "norway#1"], "norway#0", 0.9),
        answer(EXAMPLES[1], "奥斯陆", ["norway#1", "norway#0"], "norway#1", 0.8),
        answer(EXAMPLES[2], "Stockholm", ["sweden#0", "sweden#1"], "sweden#0", 0.9),
        answer(EXAMPLES[3], "right", ["sweden#0", "sweden#1"], "sweden#0", 0.55),
    ],
    "removed": [
        answer(EXAMPLES[0], "奥斯陆", ["norway#1", "sweden#0"], "norway#1", 0.3),
        answer(EXAMPLES[1], "Norway", ["norway#0"], "norway#0", 0.2),
        answer(EXAMPLES[2], "Oslo", ["norway#0", "norway#1"], "norway#0", 0.6),
        answer(EXAMPLES[3], "right", ["sweden#1"], confidence=0.2),
    ],
    "wrong": [
        *(answer(one, "Stockholm", ["sweden#0"], "sweden#0", 0.4) for one in EXAMPLES[:2]),
        *(answer(one, "Oslo", ["norway#0"], "norway#0", 0.4) for one in EXAMPLES[2:]),
    ],
}
OUTCOME = Outcome(
    id="q0",
    cluster="norway",
    groups=("seen", "relation:capital"),
    right={"prior": True, "none": True, "retrieved": True, "oracle": True, "removed": False, "wrong": False},
    abstained=dict.fromkeys(("none", "retrieved", "oracle", "removed", "wrong"), False),
    same={"prior": True, "none": True, "oracle": True, "removed": False, "wrong": False},
    confidence=900,
    gold=1,
    gold_ranks=(1,),
    passage_rank=(1, 1),
    cause="",
)
OUTCOMES = [
    OUTCOME,
    replace(
        OUTCOME,
        id="q1",
        right={"prior": False, "none": False, "retrieved": True, "oracle": True, "removed": False, "wrong": False},
        same={"prior": False, "none": False, "oracle": True, "removed": False, "wrong": False},
        confidence=800,
    ),
    replace(
        OUTCOME,
        id="q2",
        cluster="sweden",
        groups=("unseen", "relation:capital"),
        right={"prior": False, "none": False, "retrieved": False, "oracle": True, "removed": False, "wrong": False},
        same={"prior": True, "none": True, "oracle": False, "removed": True, "wrong": True},
        confidence=600,
        gold_ranks=(),
        passage_rank=(0, 0),
        cause="entry",
    ),
    replace(
        OUTCOME,
        id="q3",
        cluster="sweden",
        groups=("unseen", "relation:capital"),
        right={"prior": False, "none": False, "retrieved": True, "oracle": True, "removed": True, "wrong": False},
        same={"prior": False, "none": False, "oracle": True, "removed": True, "wrong": False},
        confidence=550,
        cause="luck",
    ),
]
ABOUT: dict[str, Any] = {
    "format": FORMAT,
    "dataset": {"name": "made", "split": "test", "groups": [], "questions": len(EXAMPLES), "fingerprint": 64 * "d"},
    "model": {
        "fingerprint": 64 * "1",
        "settings": {"fusion": {"kind": "attention"}},
        "training": {
            "seed": 0,
            "ravlm": "0.1.0",
            "torch": "2.11.0",
            "curve": [
                {"stage": "read", "step": step, "seconds": step / 10, "loss": 4 - step / 100} for step in (10, 20)
            ],
        },
    },
    "encoders": {"visual": 64 * "2", "language": 64 * "3"},
    "knowledge": {"fingerprint": 64 * "4", "version": 7, "entries": 2},
    "index": {"fingerprint": 64 * "5", "knowledge": 64 * "4", "encoder": 64 * "2"},
    "evidence": list(ANSWERS),
    "seeds": {"training": 0, "bootstrap": 0},
    "device": {"name": "CPU (1 thread)", "precision": "float32"},
    "versions": {"python": "3.11.0", "ravlm": "0.1.0"},
}


def write_made_run(folder: Path, **about: Any) -> Run:
    """The made run in a folder; `about` stands over what it says of itself."""
    return write(folder, ABOUT | about, QUESTIONS, PASSAGES, ANSWERS, {"model": "gone/model", "data": "gone/data"})
