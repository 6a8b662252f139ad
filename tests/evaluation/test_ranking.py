"""Ranking: the same scores as `ir_measures` gives from the files of a run, and what the degenerate cases count as."""

import sys
from collections.abc import Sequence
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravlm.errors import MissingExtra
from ravlm.evaluation import ranking as r
from ravlm.evaluation.measures import mean
from ravlm.retrieval.interchange.fields import Qrel
from ravlm.retrieval.interchange.trec import write_qrels, write_run

Ranking = tuple[list[str], set[str]]
names = st.sampled_from([f"e{i}" for i in range(25)])
rankings = st.lists(
    st.tuples(st.lists(names, unique=True, max_size=18), st.sets(names, min_size=1, max_size=4)), min_size=1, max_size=8
)


def places(found: Sequence[str], right: set[str]) -> list[int]:
    return [place for place, name in enumerate(found, 1) if name in right]


def from_files(folder: Path, asked: Sequence[Ranking]) -> dict[str, float]:
    """The aggregate that `ir_measures` reads out of a run and judgements in TREC's format."""
    write_run(folder / "run", ((f"q{i}", [(e, 0.5) for e in found]) for i, (found, _) in enumerate(asked)), "test")
    write_qrels(folder / "qrels", [Qrel(f"q{i}", e, 1) for i, (_, right) in enumerate(asked) for e in sorted(right)])
    scores = ir_measures.calc_aggregate(
        [ir_measures.parse_measure(name) for name in r.MEASURES],
        ir_measures.read_trec_qrels(str(folder / "qrels")),
        ir_measures.read_trec_run(str(folder / "run")),
    )
    return {str(measure): value for measure, value in scores.items()}


def averaged(asked: Sequence[Ranking]) -> dict[str, float | None]:
    found = r.per_question([places(*one) for one in asked], [len(right) for _, right in asked])
    return {name: mean(scores[name] for scores in found if scores is not None) for name in r.MEASURES}


@settings(max_examples=25, deadline=None)
@given(asked=rankings)
def test_the_scores_are_those_of_a_run_on_file(tmp_path_factory: pytest.TempPathFactory, asked: list[Ranking]) -> None:
    assert averaged(asked) == pytest.approx(from_files(tmp_path_factory.mktemp("run"), asked), abs=1e-9)


def test_the_scores_of_many_questions_are_those_of_a_run_on_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    asked: list[Ranking] = []
    for _ in range(400):
        found = [f"e{i}" for i in rng.permutation(30)[: rng.integers(0, 16)]]
        asked.append((found, {f"e{i}" for i in rng.integers(0, 40, rng.integers(1, 5))}))
    assert any(not found for found, _ in asked)
    assert averaged(asked) == pytest.approx(from_files(tmp_path, asked), abs=1e-9)


def test_scores_by_hand() -> None:
    found = r.per_question([[1], [4, 2], [], [11]], [1, 3, 1, 1])
    nothing = dict.fromkeys(r.MEASURES, 0.0)
    assert found[0] == dict.fromkeys(r.MEASURES, 1.0)
    assert found[1] == pytest.approx(
        {
            "R@1": 0.0,
            "R@5": 2 / 3,
            "R@10": 2 / 3,
            "RR@10": 1 / 2,
            "AP@10": (1 / 2 + 2 / 4) / 3,
            "nDCG@10": (1 / np.log2(3) + 1 / np.log2(5)) / (1 + 1 / np.log2(3) + 1 / np.log2(4)),
            "Success@1": 0.0,
            "Success@5": 1.0,
            "Success@10": 1.0,
        }
    )
    assert found[2:] == [nothing, nothing]


def test_questions_without_a_right_entry_are_not_judged() -> None:
    assert r.per_question([], []) == []
    assert r.per_question([[], []], [0, 0]) == [None, None]
    assert [scores is None for scores in r.per_question([[], [1], []], [0, 1, 1])] == [True, False, False]


def test_questions_share_no_dictionary() -> None:
    first, second = r.per_question([[1], [1]], [1, 1])
    assert first is not None
    first["R@1"] = 7.0
    assert second == dict.fromkeys(r.MEASURES, 1.0)


def test_each_different_ranking_is_scored_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(r, "_scored", lambda patterns: asked.extend(patterns) or {key: {} for key in patterns})
    r.per_question([[1], [2, 1], [1, 2], [1, 2, 30], []] * 1000, [1, 2, 2, 3, 1] * 1000)
    assert sorted(asked) == [((), 1), ((1,), 1), ((1, 2), 2), ((1, 2), 3)]


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    with pytest.raises(MissingExtra, match=r"ravlm\[evaluation\]"):
        r.per_question([[1]], [1])


@settings(max_examples=25, deadline=None)
@given(asked=rankings)
def test_the_recall_curve_passes_through_the_scores(asked: list[Ranking]) -> None:
    ranks, gold = [places(*one) for one in asked], [len(right) for _, right in asked]
    curve, scores = r.recall_curve([*ranks, []], [*gold, 0]), averaged(asked)
    assert len(curve) == 10
    assert curve == sorted(curve)
    assert [curve[0], curve[4], curve[9]] == pytest.approx([scores["R@1"], scores["R@5"], scores["R@10"]])


def test_there_is_no_curve_of_nothing() -> None:
    assert r.recall_curve([], []) == []
    assert r.recall_curve([[]], [0]) == []
    assert r.recall_curve([[]], [2], deepest=2) == [0.0, 0.0]
    assert r.recall_curve([[1, 2, 3]], [4], deepest=4) == pytest.approx([0.25, 0.5, 0.75, 0.75])


def test_pseudo_relevance_recall_by_hand() -> None:
    assert r.pseudo_relevance_recall([], 5) is None
    assert [r.pseudo_relevance_recall([1, 5, 6, 0], k) for k in (1, 5, 10, None)] == [0.25, 0.5, 0.75, 0.75]


@given(st.lists(st.integers(0, 12), min_size=1), st.integers(1, 12))
def test_pseudo_relevance_recall_grows_with_depth(ranks: list[int], k: int) -> None:
    depths = (k, k + 1, None)
    at, deeper, all_of_them = (r.pseudo_relevance_recall(ranks, depth) for depth in depths)
    assert 0 <= at <= deeper <= all_of_them
    assert all_of_them == pytest.approx(1 - ranks.count(0) / len(ranks))
