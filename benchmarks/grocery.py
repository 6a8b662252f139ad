"""Real photos: questions about groceries, one product in three never trained on.

    python benchmarks/grocery.py [SOURCE] [--base iconic|photos] [--seed 0] [--distractors data.noun]

SOURCE is the folder of the Grocery Store Dataset with classes.csv; without it, ../shared/data/grocery, and where that
is absent nothing is done. Writes its part of benchmarks/results/grocery.json and the tables of the documents.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ravlm.data.dataset import Dataset
from ravlm.evaluation.evaluate import evaluate_prior, questions_of
from ravlm.evaluation.measures import clustered_interval, mean, recall_at_k
from ravlm.evaluation.results import QuestionResult, read_results
from results_file import FOLDER, measured_with, write
from tables import grocery_table, rewrite_documents

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data" / "grocery"
CONFIG = ROOT / "configs" / "grocery.toml"
EVIDENCE = {"none": "none", "model": "retrieved", "oracle": "oracle"}
KINDS = ("numbers", "country", "other")


def ravlm(*arguments: object) -> None:
    """Run a command of the command line in a process of its own."""
    command = [sys.executable, "-c", "from ravlm.cli.main import main; main()", *map(str, arguments)]
    subprocess.run(command, check=True)


def scores(runs: Mapping[str, Sequence[QuestionResult]], groups: set[str]) -> dict[str, Any]:
    """Accuracy of every run over the questions in all of these groups, with intervals over products, and recall."""
    chosen = {name: [r for r in results if groups <= set(r.groups)] for name, results in runs.items()}
    found, model = {}, chosen["model"]
    for name, results in chosen.items():
        found[name] = mean(r.right for r in results)
        interval = clustered_interval([float(r.right) for r in results], [r.gold_entries for r in results])
        found[f"{name} interval"] = interval
    ranked, gold = [r.ranked for r in model], [r.gold_entries for r in model]
    recall = {f"recall@{k}": recall_at_k(ranked, gold, k) for k in (1, 5)}
    return {**found, **recall, "coverage": mean(r.covered for r in model), "n": len(model)}


def measure(source: Path, base: str, seed: int, distractors: Path | None, work: Path) -> dict[str, Any]:
    """Make the dataset, train, answer the test questions in every way."""
    data, model = work / "data", work / "model"
    more = ["--distractors", distractors] if distractors else []
    ravlm("dataset", "make", "grocery", source, "--out", data, "--base", base, "--seed", seed, *more)
    ravlm("train", CONFIG, "--data", data, "--out", model, "--seed", seed)
    runs: dict[str, Sequence[QuestionResult]] = {}
    for name, evidence in EVIDENCE.items():
        answers = work / f"{name}.jsonl"
        ravlm("evaluate", model, "--data", data, "--evidence", evidence, "--results", answers)
        runs[name] = read_results(answers)
    dataset = Dataset.open(data)
    runs["prior"] = evaluate_prior(questions_of(dataset, "train"), questions_of(dataset, "test"))
    about = json.loads((model / "config.json").read_text(encoding="utf-8"))["training"]
    return {
        "measured_with": measured_with(),
        "seed": seed,
        "distractors": bool(distractors),
        "steps": {stage: about[stage]["steps"] for stage in ("match", "read")},
        **{
            group: {"all": scores(runs, {group})} | {kind: scores(runs, {group, kind}) for kind in KINDS}
            for group in ("seen", "unseen")
        },
    }


def main() -> None:
    """Measure one base and keep what was measured of the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", default=SHARED)
    parser.add_argument("--base", choices=["iconic", "photos"], default="iconic")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--distractors", type=Path, help="WordNet's data.noun")
    parser.add_argument("--work", type=Path, help="keep dataset, model and answers here; else they are deleted")
    arguments = parser.parse_args()
    if not (arguments.source / "classes.csv").is_file():
        print(f"Skipped: the Grocery Store Dataset is not in {arguments.source} (no classes.csv).")
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        found = measure(arguments.source, arguments.base, arguments.seed, arguments.distractors, work)
    before = FOLDER / "grocery.json"
    results = json.loads(before.read_text(encoding="utf-8")) if before.is_file() else {}
    results[arguments.base] = found
    path = write("grocery.json", results)
    rewrite_documents()
    print(f"\n{grocery_table(results, 'en')}\n\nWrote {path}.")


if __name__ == "__main__":
    main()
