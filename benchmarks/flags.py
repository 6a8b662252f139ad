"""The main job over seeds: each seed draws its world, trains its model, answers its test questions.

    python benchmarks/flags.py [--seeds 0 1 2] [--work DIR]

Writes benchmarks/results/flags.json and the tables of the documents. About 5 minutes a seed on two cores.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from results_file import measured_with, over_seeds, write
from tables import flags_table, rewrite_documents

GROUPS = ("seen", "unseen", "unseen_zh")


def run_seed(seed: int, work: Path) -> dict[str, Any]:
    """The figures of `ravlm demo` with this seed, in a process of its own."""
    figures = work / f"figures-{seed}.json"
    command = [sys.executable, "-c", "from ravlm.cli.main import main; main()", "demo"]
    subprocess.run(
        [*command, "--out", str(work / f"demo-{seed}"), "--seed", str(seed), "--json", str(figures)], check=True
    )
    found: dict[str, Any] = json.loads(figures.read_text(encoding="utf-8"))
    return found


def main() -> None:
    """Run the seeds, write the results, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--work", type=Path, help="keep the demos' folders here; else they are deleted")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        runs = {seed: run_seed(seed, work) for seed in arguments.seeds}
    results = {
        "measured_with": measured_with(),
        "note": "intervals: 95 %, bootstrap over countries, within a seed; over_seeds: every seed its own world",
        "over_seeds": over_seeds([{k: v for k, v in run.items() if k != "seed"} for run in runs.values()]),
        "seeds": {str(seed): run for seed, run in runs.items()},
    }
    path = write("flags.json", results)
    rewrite_documents()
    print(f"\n{flags_table(results, 'en')}\n\nWrote {path}.")
    for seed, run in runs.items():
        for group in GROUPS:
            if run[group]["none"] > run[group]["prior"] + 0.03:
                print(f"Seed {seed}, {group}: without evidence the model beats the prior by more than 3 points.")


if __name__ == "__main__":
    main()
