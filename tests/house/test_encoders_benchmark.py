"""The benchmark of encoders runs, at its smallest."""

import json
import os
import subprocess
import sys

from documents import ROOT


def test_it_runs_and_writes_nothing() -> None:
    results = ROOT / "benchmarks" / "results" / "encoders.json"
    before = results.read_bytes() if results.is_file() else None
    ran = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "encoders.py"), "--quick"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    measured = json.loads(ran.stdout)
    assert measured["pictures"]["pictures"] == 6
    assert measured["pictures"]["bfloat16, least cosine"] > 0.99
    assert all(rate > 0 for rate in measured["pictures"]["a second"].values())
    assert (results.read_bytes() if results.is_file() else None) == before
