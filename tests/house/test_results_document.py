"""What docs/results.md says of nutrients in words follows from the committed differences."""

import json
from typing import Any

from documents import ROOT

BASES, KINDS = ("iconic", "photos"), ("none", "retrieved")
RESULTS = json.loads((ROOT / "benchmarks" / "results" / "outputs.json").read_text(encoding="utf-8"))["nutrients"]
TEXT = " ".join((ROOT / "docs" / "results.md").read_text(encoding="utf-8").split())


def on_one_side(base: str, group: str, beside: str, sign: int) -> set[str]:
    """The nutrients whose difference has an interval below zero (-1), or above (1)."""
    found = set()
    for nutrient, told in RESULTS[base]["by nutrient"].items():
        interval: Any = told.get(group, {}).get("beside", {}).get(beside, {}).get("interval")
        if interval and min(sign * bound for bound in interval) > 0:
            found.add(nutrient.removeprefix("field:"))
    return found


def on_both(group: str, beside: str, sign: int) -> set[str]:
    return set.intersection(*(on_one_side(base, group, beside, sign) for base in BASES))


def test_what_is_nearer_than_the_median() -> None:
    assert "Of seen products carbohydrate, sugar and fat are estimated nearer than by the median on both bases" in TEXT
    assert on_both("seen", "median", -1) == {"carbohydrate", "sugar", "fat"}
    assert "protein and energy on the one with iconic pictures alone" in TEXT
    energy = {"energy in kilocalorie", "energy in kilojoule"}
    assert on_one_side("iconic", "seen", "median", -1) - on_both("seen", "median", -1) == {"protein"} | energy
    assert on_one_side("photos", "seen", "median", -1) == on_both("seen", "median", -1)
    assert "Of unseen products, ten at most, no nutrient is." in TEXT
    assert all(on_one_side(base, "unseen", "median", -1) == set() for base in BASES)


def test_what_is_worse_than_the_median() -> None:
    assert "Salt is worse than the median throughout, and so is vitamin C of unseen products." in TEXT
    for base in BASES:
        assert on_one_side(base, "seen", "median", 1) == {"salt"}
        assert on_one_side(base, "unseen", "median", 1) == {"salt", "vitamin C"}


def test_what_evidence_brings() -> None:
    assert "Evidence brings protein of seen products nearer on both bases; to no other nutrient" in TEXT
    assert on_both("seen", "none", -1) == {"protein"}
    assert on_both("unseen", "none", -1) == on_both("unseen", "none", 1) == on_both("seen", "none", 1) == set()


def test_all_nutrients_together() -> None:
    ratios = [RESULTS[base]["all"][group][kind] for base in BASES for group in ("seen", "unseen") for kind in KINDS]
    assert "1.4 to 1.8 times the median's, with evidence and without" in TEXT
    assert (round(min(ratios), 1), round(max(ratios), 1)) == (1.4, 1.8)


def test_what_the_eye_of_groceries_misses_is_what_the_readme_says() -> None:
    results = json.loads((ROOT / "benchmarks" / "results" / "grocery.json").read_text(encoding="utf-8"))["by photo"]
    found = {
        (base, group, name)
        for base, groups in results.items()
        for group, of in groups.items()
        for name in ("R@1", "R@5")
        if round(of[name], 3) < of["aim"][name]
    }
    photos, iconic = ("photos", "seen", "R@1"), ("iconic", "seen", "R@1")
    assert found == {iconic, photos, ("iconic", "unseen", "R@5"), ("photos", "unseen", "R@1")}
    below = {(b, g, n) for b, g, n in found if results[b][g][n] < results[b][g]["floor"][n]}
    assert below == {iconic}
    causes = json.loads((ROOT / "benchmarks" / "results" / "causes.json").read_text(encoding="utf-8"))
    unseen = causes["grocery, iconic"]["unseen"]
    assert [round(1 / unseen[cause]) for cause in ("entry", "reader")] == [8, 4]
