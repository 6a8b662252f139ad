"""Real photos: questions about groceries, one product in three never trained on.

    python benchmarks/grocery.py [SOURCE] [--base iconic|photos] [--seed 0] [--distractors data.noun] [--work DIR]

SOURCE is the folder of the Grocery Store Dataset with classes.csv; without it, ../shared/data/grocery, and where that
is absent nothing is done. Writes benchmarks/results/runs/grocery-BASE.json (the summary of the run),
benchmarks/results/grocery.json (what follows from both) and the tables of the documents. About half an hour a base on
two cores.
"""

import argparse
import tempfile
from pathlib import Path

from results_file import write
from run_summaries import causes_results, grocery_results, keep, ravlm, summaries
from tables import grocery_table, rewrite_documents

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data" / "grocery"
CONFIG = ROOT / "configs" / "grocery.toml"
GROUPS = ("seen", "unseen")
KINDS = ("numbers", "country", "other", "all")


def make_model(source: Path, base: str, seed: int, distractors: Path | None, work: Path) -> tuple[Path, Path]:
    """The dataset and the model of a base in `work`, made where they are not there already."""
    data, model = (work / f"{name}-{base}" for name in ("grocery", "model"))
    make_data(source, data, base, seed, distractors)
    if not (model / "config.json").exists():
        ravlm("train", CONFIG, "--data", data, "--out", model, "--seed", seed)
    return data, model


def make_data(source: Path, out: Path, base: str, seed: int, distractors: Path | None, ask: str = "facts") -> None:
    """The dataset of a base that asks for facts or classes, made where it is not there already."""
    more = ["--distractors", distractors] if distractors else []
    if not out.exists():
        options = ["--base", base, "--seed", seed, "--ask", ask, *more]
        ravlm("dataset", "make", "grocery", source, "--out", out, *options)


def measure(source: Path, base: str, seed: int, distractors: Path | None, work: Path) -> None:
    """Make the dataset, train, evaluate, verify with a replay, and keep the summary.

    What is in `work` already is not made again; the replay tells a run that another model made.
    """
    data, model = make_model(source, base, seed, distractors, work)
    run = work / f"run-{base}"
    if not run.exists():
        ravlm("evaluate", model, "--data", data, "--out", run)
    ravlm("verify", run, "--replay", "--model", model, "--data", data)
    keep(run, f"grocery-{base}")


def main() -> None:
    """Measure one base and keep what was measured of the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", default=SHARED)
    parser.add_argument("--base", choices=["iconic", "photos"], default="iconic")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--distractors", type=Path, help="WordNet's data.noun")
    parser.add_argument("--work", type=Path, help="keep dataset, model and run here; else they are deleted")
    arguments = parser.parse_args()
    if not (arguments.source / "classes.csv").is_file():
        print(f"Skipped: the Grocery Store Dataset is not in {arguments.source} (no classes.csv).")
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        measure(arguments.source, arguments.base, arguments.seed, arguments.distractors, work)
    results = grocery_results(summaries("grocery"), GROUPS, KINDS)
    path = write("grocery.json", results)
    write("causes.json", causes_results())
    rewrite_documents()
    print(f"\n{grocery_table(results, 'en')}\n\nWrote {path}.")


if __name__ == "__main__":
    main()
