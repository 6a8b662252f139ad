"""Measurements in processes of their own, on one pinned core with one thread. Nothing here starts threads."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA")
_ONE = {f"{name}_NUM_THREADS": "1" for name in _THREADS} | {"LANCE_CPU_THREADS": "1"}


def measured(work: Path, part: str, step: str, count: int, rounds: int, *, pinned: bool = True) -> dict[str, Any]:
    """One step of one part of `retrieval.py`; where it need not be pinned, on all cores."""
    command = [sys.executable, str(Path(__file__).with_name("retrieval.py")), "--one", part, step, str(count)]
    cores = sorted(os.sched_getaffinity(0))[: 1 if pinned else None]
    ran = subprocess.run(
        [*command, "--work", str(work), "--rounds", str(rounds)],
        stdout=subprocess.PIPE,
        check=True,
        env=os.environ | (_ONE if pinned else {}),
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    found: dict[str, Any] = json.loads(ran.stdout)
    print(part, step, f"{count:,}", found, file=sys.stderr)
    return found
