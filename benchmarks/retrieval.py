"""Retrieval at size, on one core: every index beside the bare library, joined search, refreshing, late interaction.

    python benchmarks/retrieval.py [--part bm25 ...] [--sizes 100000,1000000] [--work DIR] [--rounds 5] [--quick]
    python benchmarks/retrieval.py --part late-vectors --work DIR   (once; goes on where it was stopped)
    python benchmarks/retrieval.py --part late --work DIR

Documents and vectors are made by rule (benchmarks/made_collection.py); every measurement has a process of its own. Late
interaction is measured on token vectors of MiniLM over real sentences of ../shared/data, which `late-vectors` computes
and keeps. Writes the parts into benchmarks/results/retrieval.json and the tables of the documents; with --quick, little
is measured and nothing written. About an hour without `late`, on a machine that has nothing else to do.
"""

import argparse
import json
import sys
import tempfile
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from processes import measured
from results_file import FOLDER, measured_with, write

RESULTS = "retrieval.json"
WORDS = ("bm25", "bm25, Lance", "tfidf")
DENSE = ("dense, flat", "dense, hnsw", "dense, ivf", "dense, rabitq")
BASE, HYBRID, LATE, VECTORS = "base", "hybrid", "late", "late-vectors"
STEPS = ("build", "bare", "serve", "beside", "refresh")
_QUICK = 2000


def main() -> None:
    """Measure some parts and keep what was measured of the others; or one step, in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=(*WORDS, *DENSE, HYBRID, LATE, VECTORS), help="only these")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS, help="of each index, only these")
    parser.add_argument("--sizes", default="100000,1000000", help="entries of the bases")
    parser.add_argument("--work", type=Path, help="keep bases, indexes and token vectors here; else they are deleted")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passages", type=int, default=100_000, help="for late interaction")
    parser.add_argument("--quick", action="store_true", help="a small base, one round: does it run at all?")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        name, step, count = asked.one
        sys.stdout.write(json.dumps(_one(name, step, int(count), asked.work, asked.rounds)))
        return
    if asked.quick:
        asked.sizes, asked.rounds = str(_QUICK), 1
    with tempfile.TemporaryDirectory() as temporary:
        work = asked.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        _measure(asked, work)


def _measure(asked: argparse.Namespace, work: Path) -> None:
    if asked.part == [VECTORS]:
        import late_encode

        late_encode.encode(work, asked.passages)
        return
    parts = asked.part or [*WORDS, *DENSE, HYBRID]
    path = FOLDER / RESULTS
    results: dict[str, Any] = {}
    packages = {name: version(name) for name in ("bm25s", "numba", "faiss-cpu")}
    results["measured_with"] = measured_with() | packages | {"cores used": 1}
    for size in map(int, asked.sizes.split(",")):
        found = results.setdefault(str(size), {})
        for part in parts:
            if part != LATE:
                measured(work, BASE, "build", size, 1, pinned=False)
                steps = ("serve",) if part == HYBRID else asked.steps
                found.setdefault(part, {})
                found[part] |= {step: measured(work, part, step, size, asked.rounds) for step in steps}
    if LATE in parts:
        run = partial(measured, work, LATE, count=asked.passages, rounds=asked.rounds)
        results[LATE] = {"exact": run("exact", pinned=False), "build": run("build"), "serve": run("serve")}
    if asked.quick:
        print(json.dumps(results, indent=1))
        return
    from tables import rewrite_documents

    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    results = _joined(before, results)
    write(RESULTS, results)
    rewrite_documents()
    print(
        f"{json.dumps({part: results[part] for part in results if part != 'measured_with'}, indent=1)}\nWrote {path}."
    )


def _joined(before: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What was measured before, what is new in its place."""
    both = {name: _joined(before[name], new[name]) for name in before.keys() & new.keys() if _nested(before, new, name)}
    return before | new | both


def _nested(before: dict[str, Any], new: dict[str, Any], name: str) -> bool:
    return isinstance(before[name], dict) and isinstance(new[name], dict)


def _one(name: str, step: str, count: int, work: Path, rounds: int) -> dict[str, Any]:
    """One step of one part. What is not needed for it is not imported: it would count as memory."""
    if name == LATE:
        import speed_late

        return speed_late.measure(step, work, rounds)
    import speed

    if name == BASE:
        return speed.make_base(work, count)
    if name in WORDS:
        import speed_words

        return speed.run(speed_words.cases()[name], step, work, name, count, rounds)
    import speed_dense

    if name == HYBRID:
        return speed_dense.hybrid(work, count)
    return speed.run(speed_dense.cases()[name], step, work, name, count, rounds)


if __name__ == "__main__":
    main()
