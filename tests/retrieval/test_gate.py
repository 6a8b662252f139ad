import json
import math
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fake_retrievers import Found, Listed
from ravlm.errors import ConfigError, FormatError, PathError, QuestionError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Hit, Query
from ravlm.retrieval.gate import Gate, GatedRetriever
from ravlm.retrieval.hit_features import features, judged


def row(scores: Sequence[float], others: Sequence[float] = ()) -> list[Hit]:
    """Hits of a hybrid; `others` are their scores of a second stage."""
    both = [{"bm25": s, "hybrid": h} for s, h in zip(others, scores, strict=True)] if others else []
    return [Hit(f"e{n}", None, None, n + 1, both[n] if both else {"hybrid": s}) for n, s in enumerate(scores)]


def planted(n: int, seed: int) -> tuple[list[list[Hit]], list[bool]]:
    """Rows whose first hit stands out by chance, and helps the more often, the more it does."""
    rng = random.Random(seed)
    rows, helped = [], []
    for _ in range(n):
        margin = rng.random()
        rows.append(row([1 + margin, 1.0, *sorted((rng.random() for _ in range(6)), reverse=True)]))
        helped.append(rng.random() < 1 / (1 + math.exp(-10 * (margin - 0.5))))
    return rows, helped


ROWS, HELPED = planted(600, 0)
GATE = Gate.fit(ROWS, HELPED, stage="hybrid")


def test_features_by_hand():
    entropy = (math.log(1 + math.e) - math.e / (1 + math.e)) / math.log(2)
    assert features(row([3.0, 1.0], [5.0, 7.0]), "hybrid", 2.0, ["bm25"]) == pytest.approx(
        [3.0, 2.0, entropy, 0.0, 7.0]
    )
    assert features(row([3.0, 1.0], [7.0, 5.0]), "hybrid", 2.0, ["bm25"])[3:] == [1.0, 7.0]
    assert features(row([0.5] * 7), "hybrid", 1.0, []) == pytest.approx([0.5, 0.0, 1.0, 1.0])
    assert features(row([4.0]), "hybrid", 1.0, []) == [4.0, 4.0, 0.0, 1.0], "one hit"
    assert features(row([1e6, 0.0]), "hybrid", 1e-3, [])[2] == 0.0, "no overflow"
    agreement, best = features(row([2.0, 1.0]), "hybrid", 1.0, ["bm25"])[3:]
    assert agreement == 1.0
    assert math.isnan(best)
    unread = [*row([2.0, 1.0]), Hit("p", None, "x", 3, {"image": 0.9})]
    assert judged(unread, "hybrid", 10) == unread[:2]
    assert judged(unread, "hybrid", 1) == unread[:1]


def test_probabilities_of_other_rows_are_calibrated():
    rows, helped = planted(2000, 1)
    judgements = [GATE.judge(hits) for hits in rows]
    for low in (0.0, 0.25, 0.5, 0.75):
        inside = [
            (j.probability, y) for j, y in zip(judgements, helped, strict=True) if low <= j.probability < low + 0.25
        ]
        assert len(inside) > 100
        said, was = sum(p for p, _ in inside) / len(inside), sum(y for _, y in inside) / len(inside)
        assert said == pytest.approx(was, abs=0.08)
    right = sum(j.helps == y for j, y in zip(judgements, helped, strict=True)) / len(rows)
    assert right > 0.8


def test_the_reason_is_what_spoke_most_for_the_judgement():
    far, near = GATE.judge(row([2.0, 1.0] + [0.5] * 6)), GATE.judge(row([1.01, 1.0] + [0.5] * 6))
    assert (far.helps, near.helps) == (True, False)
    assert far.probability > 0.9 > 0.1 > near.probability
    assert re.match(r"the first hit('s score is high| stands far before the second) \(", far.reason)
    assert re.match(r"the first hit('s score is low| stands little before the second) \(", near.reason)


def test_agreement_of_stages_speaks_where_it_tells():
    rows = [row([1.0, 0.9], [2.0, 1.0] if n % 2 else [1.0, 2.0]) for n in range(40)]  # the best score is the same
    gate = Gate.fit(rows, [bool(n % 2) for n in range(40)], stage="hybrid")
    yes, no = gate.judge(rows[1]), gate.judge(rows[0])
    assert (yes.helps, yes.reason) == (True, "many of the stages have the first entry first (1 of 1; 0.5 is usual)")
    assert (no.helps, no.reason) == (False, "few of the stages have the first entry first (0 of 1; 0.5 is usual)")


def test_scores_of_other_stages_speak_where_the_fused_one_does_not():
    rows = [row([1 / 61, 1 / 62], [9.0 + n % 2, 8.0] if n < 20 else [1.0 + n % 2, 0.5]) for n in range(40)]
    gate = Gate.fit(rows, [n < 20 for n in range(40)], stage="hybrid")
    assert gate.others == ("bm25",)
    assert [gate.judge(hits).helps for hits in rows] == [n < 20 for n in range(40)]
    assert gate.judge(rows[0]).reason == "the best score of bm25 is high (9; 5.5 is usual)"
    assert gate.judge(rows[-1]).reason == "the best score of bm25 is low (2; 5.5 is usual)"
    assert gate.judge(row([1 / 61, 1 / 62])).probability == pytest.approx(0.5, abs=0.05), "no bm25: neither way"


def test_nothing_found_never_helps():
    for hits in ([], [Hit("a", None, "x", 1, {"image": 0.5})]):
        judgement = GATE.judge(hits)
        assert (judgement.helps, judgement.probability) == (False, 0.0)
        assert judgement.reason == "no hit was found that has a score of hybrid"


def test_the_threshold_keeps_the_precision_that_is_asked_for():
    def let_through(gate: Gate) -> list[bool]:
        return [y for hits, y in zip(ROWS, HELPED, strict=True) if gate.judge(hits).helps]

    strict, plain = Gate.fit(ROWS, HELPED, stage="hybrid", precision=0.95), let_through(GATE)
    kept = let_through(strict)
    assert sum(kept) / len(kept) >= 0.95 > sum(plain) / len(plain)
    assert len(plain) > len(kept) > 100
    assert GATE.threshold == 0.5
    assert let_through(replace(GATE, threshold=0.0)) == HELPED
    with pytest.raises(ConfigError, match=r"reaches 0\.500 on these rows at most"):
        Gate.fit([row([1.0])] * 4, [True, False] * 2, stage="hybrid", precision=0.9)


def test_fitting_is_the_same_every_time_and_empty_rows_count_for_nothing():
    assert Gate.fit([*ROWS, []], [*HELPED, True], stage="hybrid") == GATE
    assert Gate.fit([hits * 2 for hits in ROWS], HELPED, stage="hybrid", depth=8) == GATE, "no deeper than told"
    assert (GATE.depth, Gate.fit(ROWS, HELPED, stage="hybrid", depth=3).depth) == (8, 3)


@pytest.mark.parametrize(
    ("rows", "helped", "options", "told"),
    [
        (ROWS[:3], [True], {}, "3 rows of hits came with 1 outcomes"),
        (ROWS[:3], [True] * 3, {}, "Of 3 rows .* 3 helped"),
        (ROWS[:3], [False] * 3, {}, "Of 3 rows .* 0 helped"),
        ([[], []], [True, False], {}, "Of 0 rows"),
        ([], [], {}, "Of 0 rows"),
        (ROWS[:2], [True, False], {"stage": "dense"}, "a score of 'dense'"),
        (ROWS[:2], [True, False], {"depth": 0}, "depth is 0"),
    ],
)
def test_what_tells_nothing_is_refused(
    rows: list[list[Hit]], helped: list[bool], options: dict[str, object], told: str
):
    with pytest.raises(ConfigError, match=told):
        Gate.fit(rows, helped, **({"stage": "hybrid"} | options))  # type: ignore[arg-type]


def test_a_gate_is_kept_as_json(tmp_path: Path):
    GATE.save(tmp_path / "gate.json")
    assert Gate.load(tmp_path / "gate.json") == GATE
    with pytest.raises(PathError, match="no file"):
        Gate.load(tmp_path / "other.json")


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"means": [1.0]},
        {"scale": "wide"},
        {"scale": 0.0},
        {"depth": 0},
        {"deviations": [1.0, 1.0, 0.0, 1.0]},
        {"intercept": float("nan")},
        {"more": 1},
        {"others": ["bm25"]},
    ],
)
def test_a_damaged_gate_is_refused(tmp_path: Path, change: dict[str, object]):
    path = tmp_path / "gate.json"
    GATE.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FormatError, match="holds no gate of format 1"):
        Gate.load(path)
    for text in ("", "[]", "3"):
        path.write_text(text)
        with pytest.raises(FormatError, match="holds no gate"):
            Gate.load(path)


def test_a_gated_retriever_gives_nothing_where_evidence_does_not_help(tmp_path: Path):
    far: Found = [("e0#0", 2.0), ("e1#0", 1.0), *((f"e{n}#0", 0.5) for n in range(2, 8))]
    near: Found = [("e0#0", 1.01), *far[1:]]
    listed = Listed("hybrid", {"far": far, "near": near})
    gated = GatedRetriever(listed, GATE)
    queries = [Query("words", id=name) for name in ("far", "near", "none")]
    assert [[h.entry_id for h in hits] for hits in gated.search(queries, 2)] == [["e0", "e1"], [], []]
    assert gated.search(queries, 1)[0] == listed.search(queries, 1)[0], "as many as are asked for decide nothing"
    assert (gated.stage, gated.reads) == ("hybrid", "words")
    [hits] = listed.search(queries[:1], 2)
    assert gated.explain(queries[0], hits) == listed.explain(queries[0], hits)
    assert gated.refresh(KnowledgeBase.create(tmp_path / "kb"))
    assert not gated.fits(Query())
    with pytest.raises(QuestionError, match="number 1"):
        gated.search([Query()])


def test_a_gate_for_other_scores_is_refused():
    with pytest.raises(ConfigError, match="judges scores of 'hybrid', and the retriever ranks by 'bm25'"):
        GatedRetriever(Listed("bm25", {}), GATE)
