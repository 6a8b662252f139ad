"""Real photos: questions about groceries, one product in three never trained on.

    python benchmarks/grocery.py [SOURCE] [--base iconic|photos] [--seed 0] [--distractors data.noun] [--work DIR]

SOURCE is the folder of the Grocery Store Dataset with classes.csv; without it, ../shared/data/grocery, and where that
is absent nothing is done. An eye is pre-trained first, once for both bases. Writes
benchmarks/results/runs/grocery-BASE.json (the summary of the run), benchmarks/results/grocery.json (what follows from
both) and the tables of the documents. About half an hour of one core for the eye, and as much again for each base.
"""

import argparse
import json
import resource
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ravlm.evaluation.runs.folder import read_run
from results_file import FOLDER, rounded, write
from run_summaries import by_photo_results, causes_results, grocery_results, keep, ravlm, summaries
from tables import grocery_table, rewrite_documents

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data" / "grocery"
CONFIG, EYE_CONFIG = ROOT / "configs" / "grocery.toml", ROOT / "configs" / "grocery-eye.toml"
RESULTS, EYE_TIME = "grocery.json", "grocery-eye-time.json"
GROUPS = ("seen", "unseen")
KINDS = ("numbers", "country", "other", "all")
# Recall@1 and @5 by photo, of products seen and unseen: what an eye that is trained from scratch in 30 CPU minutes
# should reach, and what a plain network of the same size and time with a cosine classifier does.
AIMS: Mapping[tuple[str, str], Mapping[str, float]] = {
    ("seen", "iconic"): {"R@1": 0.74, "R@5": 0.90},
    ("seen", "photos"): {"R@1": 0.74, "R@5": 0.90},
    ("unseen", "iconic"): {"R@1": 0.33, "R@5": 0.73},
    ("unseen", "photos"): {"R@1": 0.67, "R@5": 0.95},
}
FLOORS: Mapping[tuple[str, str], Mapping[str, float]] = {
    ("seen", "iconic"): {"R@1": 0.67, "R@5": 0.85},
    ("seen", "photos"): {"R@1": 0.63, "R@5": 0.85},
    ("unseen", "iconic"): {"R@1": 0.25, "R@5": 0.66},
    ("unseen", "photos"): {"R@1": 0.60, "R@5": 0.94},
}


def make_model(source: Path, base: str, seed: int, distractors: Path | None, work: Path) -> tuple[Path, Path]:
    """The dataset, the eye and the model of a base in `work`, made where they are not there already.

    Seeds share what is there first, dataset and eye; the model is each seed's own.
    """
    data, model = work / f"grocery-{base}", work / f"model-{base}-{seed}"
    make_data(source, data, base, seed, distractors)
    make_eye(data, seed, work)
    if not (model / "config.json").exists():  # within `work`: there the configuration finds the eye
        ravlm("train", CONFIG, "--data", data, "--out", model, "--seed", seed, within=work)
    return data, model


def make_eye(data: Path, seed: int, work: Path) -> Path:
    """The eye in `work`, pre-trained where it is not there already; of both bases it learns from the same pictures."""
    eye, told = work / "grocery-eye", work / EYE_TIME
    if not (eye / "config.json").exists():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ravlm("train", EYE_CONFIG, "--data", data, "--out", eye, "--seed", seed)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        told.write_text(json.dumps({"CPU minutes": round(seconds / 60, 1)}), encoding="utf-8")
    return eye


def make_data(source: Path, out: Path, base: str, seed: int, distractors: Path | None, ask: str = "facts") -> None:
    """The dataset of a base that asks for facts, classes or texts, made where it is not there already."""
    more = ["--distractors", distractors] if distractors else []
    if not out.exists():
        options = ["--base", base, "--seed", seed, "--ask", ask, *more]
        ravlm("dataset", "make", "grocery", source, "--out", out, *options)


def measure(source: Path, base: str, seed: int, distractors: Path | None, work: Path) -> dict[str, Any]:
    """Make the dataset, train, evaluate, verify with a replay, keep the summary; returns what is not in it.

    What is in `work` already is not made again; the replay tells a run that another model made.
    """
    data, model = make_model(source, base, seed, distractors, work)
    run = work / f"run-{base}-{seed}"
    if not run.exists():
        ravlm("evaluate", model, "--data", data, "--out", run)
    ravlm("verify", run, "--replay", "--model", model, "--data", data)
    keep(run, f"grocery-{base}")
    read = read_run(run)
    by_photo = by_photo_results([q.photo for q in read.questions], read.outcomes, GROUPS)
    return {"by photo": by_photo, "eye": json.loads((work / EYE_TIME).read_text(encoding="utf-8"))}


def results_of(measured: Mapping[str, Any]) -> dict[str, Any]:
    """What `grocery.json` says: what follows from the kept summaries, and what was measured beside, by base."""
    by_photo = {
        base: {
            group: found["by photo"][group] | {"aim": AIMS[group, base], "floor": FLOORS[group, base]}
            for group in GROUPS
        }
        for base, found in sorted(measured.items())
    }
    found = grocery_results(summaries("grocery"), GROUPS, KINDS)
    return {"measured": measured, **found, "by photo": by_photo}


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
        work = (arguments.work or Path(temporary)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        found = measure(arguments.source, arguments.base, arguments.seed, arguments.distractors, work)
    measured: dict[str, Any] = {}
    if (FOLDER / RESULTS).is_file():
        measured = json.loads((FOLDER / RESULTS).read_text(encoding="utf-8")).get("measured", {})
    results = rounded(results_of(measured | {arguments.base: found}))
    path = write(RESULTS, results)
    write("causes.json", causes_results())
    import outputs  # needs this module, and stands beside its figures

    if (FOLDER / outputs.RESULTS).is_file():
        medians = json.loads((FOLDER / outputs.RESULTS).read_text(encoding="utf-8"))["medians"]
        write(outputs.RESULTS, outputs.results_of(medians))
    rewrite_documents()
    print(f"\n{grocery_table(results, 'en')}\n\nWrote {path}.")


if __name__ == "__main__":
    main()
