"""The benchmark of models runs, at its smallest."""

import json
import os
import subprocess
import sys

from documents import ROOT

RESULTS = ROOT / "benchmarks" / "results"


def test_it_runs_and_writes_nothing() -> None:
    before = {path.name: path.read_bytes() for path in RESULTS.glob("*.json")}
    ran = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "model.py"), "--quick"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    measured = json.loads(ran.stdout)
    assert len(measured["models"]) == 8
    for found in measured["models"].values():
        assert found["parameters added"] > 0
        assert all(-1 < found[what] < 100 for what in ("forward", "training step"))
    assert {path.name: path.read_bytes() for path in RESULTS.glob("*.json")} == before
