"""Runs beside each other: counted by hand, paired by question, and over seeds."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from made_run import OUTCOMES
from ravlm.errors import ConfigError
from ravlm.evaluation.bootstrap import Score, clustered_interval, interval_over_seeds
from ravlm.evaluation.comparing import Counts, compare, over_seeds, system_of
from ravlm.evaluation.runs.folder import Run
from ravlm.evaluation.runs.records import Outcome

ABOUT: dict[str, Any] = {
    "dataset": {"name": "flags", "split": "test", "groups": [], "fingerprint": "d", "questions": 4},
    "model": {
        "fingerprint": "m0",
        "settings": {"visual": {"kind": "compact", "width": 64}},
        "training": {"seed": 0, "match": {"steps": 220}, "curve": [{"loss": 1}], "ravlm": "0.1", "torch": "2.1"},
    },
    "knowledge": {"fingerprint": "k", "version": 3, "entries": 250},
    "index": {"fingerprint": "i"},
    "encoders": {"visual": "v", "language": "l"},
    "seeds": {"training": 0, "bootstrap": 0},
    "versions": {"python": "3.11", "torch": "2.1"},
    "device": {"name": "cpu", "precision": "float32"},
    "evidence": ["retrieved"],
}


def run(outcomes: Sequence[Outcome], about: dict[str, Any] = ABOUT, macro: dict[str, Any] | None = None) -> Run:
    return Run(about, [], {}, {}, outcomes, {"scores": {"macro": macro or {}}})


def changed(about: dict[str, Any], **values: Any) -> dict[str, Any]:
    """The same with other values at dotted names, written with `__` for the dots."""
    made = copy.deepcopy(about)
    for name, value in values.items():
        *parts, last = name.split("__")
        inner = made
        for part in parts:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return made


def told(outcome: Outcome, right: bool, **values: Any) -> Outcome:
    return replace(outcome, right={**outcome.right, "retrieved": right}, **values)


FIRST = run(OUTCOMES)
SECOND = run(
    [
        told(OUTCOMES[3], True),
        told(OUTCOMES[2], True, gold_ranks=(1,)),
        told(OUTCOMES[1], False, gold_ranks=(2,)),
        replace(OUTCOMES[0], id="another"),
        replace(OUTCOMES[0], id="yet another"),
    ]
)


def test_a_comparison_by_hand() -> None:
    found = compare(FIRST, SECOND)
    assert (found.kind, found.n, found.only_first_has, found.only_second_has) == ("retrieved", 3, 1, 2)
    assert list(found.groups) == ["all", "seen", "relation:capital", "unseen"]
    first, second, difference = found.groups["unseen"]
    assert (first.value, second.value, difference.value) == (0.5, 1.0, 0.5)
    assert difference.interval is None  # one cluster
    assert [score.value for score in found.groups["all"]] == [2 / 3, 2 / 3, 0.0]
    assert found.counts == Counts(both=1, only_first=1, only_second=1, neither=0)
    assert [score.value for score in found.retrieval["all"]] == [2 / 3, 2 / 3, 0.0]
    assert found.retrieval_counts == Counts(both=1, only_first=1, only_second=1, neither=0)
    assert [(a.id, a.right["retrieved"], b.right["retrieved"]) for a, b in found.changed] == [
        ("q1", True, False),
        ("q2", False, True),
    ]
    assert found.settings == []


def test_another_kind_of_evidence_has_answers_of_its_own() -> None:
    found = compare(FIRST, SECOND, "oracle")
    assert found.kind == "oracle"
    assert [score.value for score in found.groups["all"]] == [1.0, 1.0, 0.0]
    assert found.counts == Counts(3, 0, 0, 0)
    assert found.changed == []
    assert found.retrieval == compare(FIRST, SECOND).retrieval


def test_turned_round_it_says_the_opposite() -> None:
    one, other = compare(FIRST, SECOND), compare(SECOND, FIRST)
    assert (other.only_first_has, other.only_second_has) == (one.only_second_has, one.only_first_has)
    assert other.counts.only_first == one.counts.only_second
    assert {(b.id, a.id) for a, b in other.changed} == {(a.id, b.id) for a, b in one.changed}
    for name, scores in one.groups.items():
        first, second, difference = (score.value for score in scores)
        assert [score.value for score in other.groups[name]] == [second, first, -(difference or 0.0)]


def test_a_run_does_not_differ_from_itself() -> None:
    found = compare(FIRST, FIRST)
    assert found.counts == Counts(3, 0, 0, 1)
    assert found.groups["all"][2] == Score(0.0, (0.0, 0.0))
    assert (found.changed, found.settings) == ([], [])


def test_the_interval_of_a_difference_is_paired_and_clustered() -> None:
    rng = np.random.default_rng(4)
    outcomes = [told(OUTCOMES[0], bool(rng.random() < 0.5), id=str(i), cluster=f"c{i % 20}") for i in range(400)]
    better = [told(o, o.right["retrieved"] or i % 10 == 0) for i, o in enumerate(outcomes)]
    found = compare(run(outcomes), run(better))
    clusters = [o.cluster for o in outcomes]
    gained = [float(b.right["retrieved"]) - float(a.right["retrieved"]) for a, b in zip(outcomes, better, strict=True)]
    first, second, difference = found.groups["all"]
    assert difference == Score(pytest.approx(np.mean(gained)), clustered_interval(gained, clusters))
    assert first.interval == clustered_interval([o.right["retrieved"] for o in outcomes], clusters)
    assert second.interval == clustered_interval([o.right["retrieved"] for o in better], clusters)


def test_groups_are_those_that_both_runs_name() -> None:
    other = run([replace(o, groups=("seen", "new")) for o in OUTCOMES])
    assert list(compare(FIRST, other).groups) == ["all", "seen"]


def test_recall_is_of_questions_with_a_right_entry_and_of_all_their_entries() -> None:
    several = [replace(OUTCOMES[0], gold=2, gold_ranks=(1, 2)), replace(OUTCOMES[1], gold=0, gold_ranks=())]
    found = compare(run(several), run([replace(several[0], gold_ranks=(3,)), several[1]]))
    assert [score.value for score in found.retrieval["all"]] == [0.5, 0.0, -0.5]
    assert found.retrieval_counts == Counts(0, 1, 0, 0)
    assert found.n == 2
    without = compare(run(several[1:]), run(several[1:]))
    assert without.retrieval == {}
    assert without.retrieval_counts == Counts(0, 0, 0, 0)


def test_nothing_shared_is_refused_with_what_there_is() -> None:
    foreign = run([replace(o, id=f"other {o.id}") for o in OUTCOMES[:2]])
    with pytest.raises(ConfigError, match=r"'retrieved'.*the first has 4.*second 2.*same split of the same dataset"):
        compare(FIRST, foreign)
    alone = run([replace(o, right={"retrieved": True}) for o in OUTCOMES])
    with pytest.raises(ConfigError, match=r"'oracle'.*second 0.*in both: retrieved\."):
        compare(FIRST, alone, "oracle")
    with pytest.raises(ConfigError, match="in both: none"):
        compare(run([]), FIRST)


def test_settings_that_differ_are_named_with_both_values() -> None:
    other = changed(
        ABOUT,
        model__training__seed=1,
        model__training__curve=[{"loss": 2}],
        model__settings__visual__width=128,
        knowledge__version=4,
        device__name="cuda",
        versions__numpy="2.4",
        evidence=["oracle"],
        created="later",
    )
    del other["index"]
    assert compare(FIRST, run(OUTCOMES, other)).settings == [
        ("model.settings.visual.width", 64, 128),
        ("model.training.seed", 0, 1),
        ("knowledge.version", 3, 4),
        ("index.fingerprint", "i", None),
        ("device.name", "cpu", "cuda"),
        ("versions.numpy", None, "2.4"),
    ]


SEEDED = changed(
    ABOUT,
    model__fingerprint="m1",
    model__training__seed=1,
    model__training__curve=[],
    model__training__torch="2.2",
    model__training__ravlm="0.2",
    seeds__training=1,
    knowledge__version=5,
    dataset__fingerprint="e",
)


def test_a_system_is_the_same_whatever_its_seed() -> None:
    assert system_of(SEEDED) == system_of(ABOUT)
    turned = changed(ABOUT, model__settings={"visual": {"width": 64, "kind": "compact"}})
    assert system_of(turned) == system_of(ABOUT)


@pytest.mark.parametrize(
    "change",
    [
        {"model__settings__visual__width": 65},
        {"model__training__match__steps": 1},
        {"model__training__precision": "float32"},
        {"dataset__name": "groceries"},
        {"dataset__split": "val"},
    ],
)
def test_a_system_with_another_setting_is_another(change: dict[str, Any]) -> None:
    assert system_of(changed(ABOUT, **change)) != system_of(ABOUT)


def made(seed: int, n: int = 60) -> list[Outcome]:
    """A seed's outcomes: two relations, one three times as frequent as the other, 12 clusters."""
    rng = np.random.default_rng(seed)
    return [
        told(
            OUTCOMES[0],
            bool(rng.random() < (0.9 if i % 4 else 0.3)),
            id=f"q{i}",
            cluster=f"c{i % 12}",
            groups=("seen" if i % 2 else "unseen", "relation:capital" if i % 4 else "relation:side"),
        )
        for i in range(n)
    ]


MACRO = {"relations": ["capital", "side"], "groups": {"all": {}, "seen": {}}}


def test_over_seeds_by_hand() -> None:
    seeds = [made(seed) for seed in range(3)]
    found = over_seeds([run(outcomes, macro=MACRO) for outcomes in seeds])
    assert list(found) == ["all", "unseen", "relation:side", "seen", "relation:capital", "macro:all", "macro:seen"]
    assert set(found["all"]) == set(OUTCOMES[0].right)
    values = [[float(o.right["retrieved"]) for o in outcomes] for outcomes in seeds]
    each = [np.mean(row) for row in values]
    score = found["all"]["retrieved"]
    interval = score.pop("interval")
    assert score == pytest.approx(
        {"mean": np.mean(each), "deviation": np.std(each, ddof=1), "least": min(each), "most": max(each), "seeds": 3}
    )
    clusters = [[o.cluster for o in outcomes] for outcomes in seeds]
    relations = [[o.groups[1] for o in outcomes] for outcomes in seeds]
    assert interval == list(interval_over_seeds(values, clusters) or ())
    macro = found["macro:all"]["retrieved"]
    capital, side = (found[name]["retrieved"]["mean"] for name in ("relation:capital", "relation:side"))
    assert macro["mean"] == pytest.approx((capital + side) / 2)
    assert macro["mean"] < score["mean"] - 0.1
    assert macro["interval"] == list(interval_over_seeds(values, clusters, relations) or ())


def test_the_macro_average_is_over_the_relations_that_all_summaries_name() -> None:
    runs = [run(made(0), macro=MACRO), run(made(1), macro={**MACRO, "relations": ["capital"]})]
    found = over_seeds(runs)
    assert found["macro:all"]["retrieved"]["mean"] == pytest.approx(found["relation:capital"]["retrieved"]["mean"])
    assert not any(name.startswith("macro:") for name in over_seeds([runs[0], run(made(1))]))
    nowhere = {"relations": ["side"], "groups": {"seen": {}}}  # no question of `seen` asks for it
    assert "macro:seen" not in over_seeds([run(made(0), macro=nowhere)])


def test_groups_and_kinds_are_those_of_all_runs() -> None:
    fewer = [replace(o, right={"retrieved": o.right["retrieved"]}, groups=("seen",)) for o in made(1)]
    found = over_seeds([run(made(0)), run(fewer)])
    assert list(found) == ["all", "seen"]
    assert list(found["all"]) == ["retrieved"]


def test_a_single_seed_has_no_deviation_and_the_interval_over_clusters() -> None:
    outcomes = made(0)
    score = over_seeds([run(outcomes)])["all"]["retrieved"]
    right = [o.right["retrieved"] for o in outcomes]
    assert score["deviation"] is None
    assert score["least"] == score["most"] == score["mean"] == pytest.approx(np.mean(right))
    assert score["interval"] == list(clustered_interval(right, [o.cluster for o in outcomes]) or ())


def test_over_nothing_there_is_nothing() -> None:
    assert over_seeds([]) == {}
    assert over_seeds([run([]), run([])]) == {"all": {}}
    assert over_seeds([run(OUTCOMES[:1])])["all"]["retrieved"]["interval"] is None
