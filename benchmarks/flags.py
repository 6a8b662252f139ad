"""The main job over seeds: each seed draws its world, trains its model, answers its test questions.

    python benchmarks/flags.py [--seeds 0 1 2] [--work DIR]

Writes benchmarks/results/runs/flags-SEED.json (the summaries of the runs), benchmarks/results/flags.json (what follows
from them) and the tables of the documents. About 15 minutes a seed on two cores.
"""

import argparse
import tempfile
from pathlib import Path

from results_file import write
from run_summaries import causes_results, flags_results, keep, ravlm, summaries
from tables import flags_table, rewrite_documents

GROUPS = ("seen", "unseen", "unseen_zh")


def make_model(seed: int, work: Path) -> tuple[Path, Path]:
    """The world and the model of a seed in `work`, made where they are not there already."""
    world, model = (work / f"{name}-{seed}" for name in ("flags", "model"))
    if not world.exists():
        ravlm("dataset", "make", "flags", "--out", world, "--seed", seed)
    if not (model / "config.json").exists():
        ravlm("train", "--data", world, "--out", model, "--seed", seed)
    return world, model


def run_seed(seed: int, work: Path) -> None:
    """Make the world, train, evaluate, verify with a replay, and keep the summary.

    What is in `work` already is not made again; the replay tells a run that another model made.
    """
    world, model = make_model(seed, work)
    run = work / f"run-{seed}"
    if not run.exists():
        ravlm("evaluate", model, "--data", world, "--out", run)
    ravlm("verify", run, "--replay", "--model", model, "--data", world)
    keep(run, f"flags-{seed}")


def main() -> None:
    """Run the seeds, write the results, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--work", type=Path, help="keep worlds, models and runs here; else they are deleted")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        for seed in arguments.seeds:
            run_seed(seed, work)
    results = flags_results(summaries("flags"), GROUPS)
    path = write("flags.json", results)
    write("causes.json", causes_results())
    rewrite_documents()
    print(f"\n{flags_table(results, 'en')}\n\nWrote {path}.")


if __name__ == "__main__":
    main()
