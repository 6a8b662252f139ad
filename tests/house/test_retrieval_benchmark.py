"""The benchmarks of retrieval run, at their smallest, and write nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from documents import ROOT

RESULTS = ROOT / "benchmarks" / "results"
SHARED = ROOT.parent / "shared" / "data"


def ran(script: str, *arguments: str) -> Any:
    """What a benchmark measured, run in a process of its own; its results must stay as they are."""
    before = {path.name: path.read_bytes() for path in RESULTS.glob("*.json")}
    told = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / script), "--quick", *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert {path.name: path.read_bytes() for path in RESULTS.glob("*.json")} == before
    return json.loads(told.stdout)


def test_an_index_is_measured_beside_the_bare_library() -> None:
    measured = ran("retrieval.py", "--part", "dense, ivf", "--steps", "build", "beside")["2000"]["dense, ivf"]
    assert measured["build"]["rows"] >= 2000
    assert measured["build"]["peak MB"] > 50
    assert measured["beside"]["of the first 10, the same"] > 0.9
    assert measured["beside"]["recall@10 of exact"]["ours"] > 0.8
    assert set(measured["beside"]["queries a second"]) == {"ours", "rows alone", "bare"}


def test_an_index_follows_a_change_while_it_is_measured() -> None:
    measured = ran("retrieval.py", "--part", "bm25, Lance", "--steps", "build", "refresh")["2000"]["bm25, Lance"]
    assert measured["refresh"]["refresh, s"] > 0


def test_cacm_is_scored() -> None:
    if not (SHARED / "ir" / "cacm").is_dir():
        pytest.skip("CACM is not in ../shared/data")
    measured = ran("effectiveness.py", "--part", "cacm")
    assert measured["topics"] == 6
    assert 0.3 < measured["bm25"]["MAP"] <= 1
    low, high = measured["bm25"]["MAP interval"]
    assert low <= measured["bm25"]["MAP"] <= high
    assert "late over dense" in measured["gains"]


def test_the_tables_print_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from cells import points, share, with_interval

    found = {"recall@1": 0.5, "recall@1 interval": [0.25, 0.75]}
    assert share(None) == ""
    assert with_interval(found, "recall@1") == ".500 (.250 to .750)"
    assert points({"MAP": -0.012}, "MAP") == "-1.2"


def test_every_third_base_code_point_of_emoji_is_held_out_with_its_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from emoji import Emoji, unseen

    codes = ["1f44b", "1f44b_1f3fb", "1f9d1_200d_2695", "1f468_200d_2695", "1f469_200d_2695", "1f600"]
    found = [Emoji(code, Path(), Path(), {}, {}) for code in codes]
    assert unseen(found) == {"1f9d1_200d_2695", "1f468_200d_2695", "1f469_200d_2695"}


def test_bare_faiss_is_asked_for_as_many_candidates_as_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from ravlm.retrieval.vectors import index, structures
    from speed_dense import _CANDIDATES, K

    wanted = K + index._MARGIN
    codes = max(structures._SPARE * wanted, structures._LEAST)
    assert {"ivf": codes, "rabitq": structures._BITS * codes} == _CANDIDATES
