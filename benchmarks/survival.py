"""Kill writers and builds at random moments, flip bits, cut files, and check what the knowledge base promises.

    python benchmarks/survival.py [--kills 200] [--flips 500] [--cuts 200]

Writes `benchmarks/results/survival.json`. A broken promise ends it with the seed that breaks it. `make test` does a
few of each.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from results_file import measured_with, write

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from harm import check_damages, check_killed_build, check_killed_writer, harmed_base

_BUILDS = 4  # of so many kills, one hits a build


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--flips", type=int, default=500)
    parser.add_argument("--cuts", type=int, default=200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        harmed_base(Path(folder) / "kb")
        flips = check_damages(Path(folder) / "kb", 0, asked.flips, cut=False)
        cuts = check_damages(Path(folder) / "kb", 0, asked.cuts, cut=True)
    for seed in range(asked.kills):
        _counted("kill", seed, _kill)
    kept = {"acknowledged and lost": 0, "half visible": 0}  # else a check above has ended it
    results = {
        "kills": {"moments": asked.kills, "of them of builds": len(range(0, asked.kills, _BUILDS)), **kept},
        "bit flips": {
            "made": asked.flips,
            "told by verify": flips[0],
            "ended the process that read": flips[1],
            "changed an entry and not told": 0,
        },
        "truncations": {
            "made": asked.cuts,
            "told by verify": cuts[0],
            "ended the process that read": cuts[1],
            "changed an entry and not told": 0,
        },
    }
    print(f"Wrote {write('survival.json', {'measured_with': measured_with(), **results})}.")


def _kill(seed: int) -> None:
    check = check_killed_build if seed % _BUILDS == 0 else check_killed_writer
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder) if check is check_killed_build else Path(folder) / "kb", seed)


def _counted(what: str, number: int, check: Callable[[int], object]) -> bool:
    if number % 50 == 0:
        print(f"{what} {number}", file=sys.stderr)
    with contextlib.redirect_stderr(io.StringIO()):
        return bool(check(number))


if __name__ == "__main__":
    main()
