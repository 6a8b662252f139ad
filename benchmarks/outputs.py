"""Output layers on groceries: nutrients estimated by regression, products and kinds of product by classification.

    python benchmarks/outputs.py [SOURCE] [--bases iconic photos] [--parts regression classification candidates]
                                 [--seed 0] [--distractors data.noun] [--work DIR]

SOURCE and WORK are those of benchmarks/grocery.py, whose model of the same base lends its eye, which stands still:

- regression: learns from all questions for numbers of the facts, and is asked for nutrients per 100 gram;
- classification: learns from and is asked for the classes of products, fine and coarse;
- candidates: the same, read out of the passages where they say it, so that its vocabulary is open.

Beside regression stand the median of the training values of the same nutrient, and what the model of
benchmarks/grocery.py, which copies numbers, answers to the same questions. Writes
benchmarks/results/runs/outputs-PART-BASE.json (the summaries of the runs), benchmarks/results/outputs.json (what
follows from them, and the medians) and the tables of the documents. About 20 minutes a part and base.
"""

import argparse
import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grocery import SHARED, make_data, make_model
from output_results import KINDS, SEEN, classes_results, nutrients_results
from ravlm.data.dataset import Dataset
from ravlm.evaluation.measures import mean
from ravlm.records import Example
from results_file import FOLDER, rounded, write
from results_tables import outputs_table
from run_summaries import made_run, summaries
from tables import rewrite_documents

BASES = ("iconic", "photos")
PARTS = ("regression", "classification", "candidates")
RESULTS = "outputs.json"
CONFIG = """# Made by benchmarks/outputs.py: an output layer on the eye of another model, which stands still.

[model.visual]
kind = "pretrained"
source = "model-{base}-{seed}/visual"

[model.output]
kind = "{kind}"
"""
_FIELD, _NO_NUTRIENT = "field:", "field:volume"


def nutrient_of(example: Example) -> str | None:
    """The nutrient that an example asks for, as its group is called; None where it asks for something else."""
    field = next((name for name in example.groups if name.startswith(_FIELD)), None)
    return field if example.kind == "number" and field != _NO_NUTRIENT else None


def medians_of(train: Sequence[Example], test: Sequence[Example]) -> dict[str, dict[str, Any]]:
    """For each nutrient the median of its training values, and the mean absolute error of answering with it.

    `off` is by how much it is off for each product.
    """
    values, asked = _by_nutrient(train), _by_nutrient(test)
    told: dict[str, dict[str, Any]] = {}
    for nutrient in sorted(asked):
        median = statistics.median(e.value or 0.0 for e in values[nutrient])
        off = {seen: [abs((e.value or 0.0) - median) for e in asked[nutrient] if seen in e.groups] for seen in SEEN}
        by_product = {e.entries[0]: abs((e.value or 0.0) - median) for e in asked[nutrient]}
        told[nutrient] = {"median": median, **{seen: mean(of) for seen, of in off.items()}, "off": by_product}
    return told


def _by_nutrient(examples: Sequence[Example]) -> dict[str, list[Example]]:
    found: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if (nutrient := nutrient_of(example)) is not None:
            found[nutrient].append(example)
    return found


def measure(part: str, base: str, data: Path, groups: Sequence[str], seed: int, work: Path) -> None:
    """Train and evaluate an output layer in `work/outputs/PART-BASE`, where that is not done yet; keep the summary."""
    here = work / "outputs" / f"{part}-{base}"
    here.mkdir(parents=True, exist_ok=True)
    config = here / "config.toml"
    config.write_text(CONFIG.format(base=base, seed=seed, kind=part), encoding="utf-8")
    name = f"outputs-{part}-{base}"
    made_run(here, name, config, data, KINDS, seed=seed, groups=groups, within=work)  # the eye's place stays out of it


def results_of(medians: Mapping[str, Any]) -> dict[str, Any]:
    """What `outputs.json` says: what follows from the kept summaries, and the medians of the datasets."""
    found, copied = summaries("outputs"), summaries("grocery")
    bases = {part: [base for base in BASES if f"{part}-{base}" in found] for part in PARTS}
    return {
        "medians": medians,
        "nutrients": {
            base: nutrients_results(found[f"regression-{base}"], copied[base], medians[base])
            for base in bases["regression"]
        },
        "classes": {
            part: {base: classes_results(found[f"{part}-{base}"]) for base in bases[part]} for part in PARTS[1:]
        },
    }


def main() -> None:
    """Measure the parts on each base and keep what was measured of the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", default=SHARED)
    parser.add_argument("--bases", nargs="+", choices=BASES, default=list(BASES))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--distractors", type=Path, help="WordNet's data.noun")
    parser.add_argument("--work", type=Path, help="keep datasets, models and runs here; else they are deleted")
    asked = parser.parse_args()
    if not (asked.source / "classes.csv").is_file():
        print(f"Skipped: the Grocery Store Dataset is not in {asked.source} (no classes.csv).")
        return
    medians: dict[str, Any] = {}
    if (FOLDER / RESULTS).is_file():
        medians = json.loads((FOLDER / RESULTS).read_text(encoding="utf-8"))["medians"]
    with tempfile.TemporaryDirectory() as temporary:
        work = (asked.work or Path(temporary)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        for base in asked.bases:
            facts, _ = make_model(asked.source, base, asked.seed, asked.distractors, work)
            classes = work / f"classes-{base}"
            make_data(asked.source, classes, base, asked.seed, asked.distractors, "classes")
            dataset = Dataset.open(facts)
            medians[base] = rounded(medians_of(dataset.split("train"), dataset.split("test")))
            for part in asked.parts:
                data, groups = (facts, list(medians[base])) if part == "regression" else (classes, [])
                measure(part, base, data, groups, asked.seed, work)
    results = results_of(medians)
    path = write(RESULTS, results)
    rewrite_documents()
    print(f"\n{outputs_table(results, 'en')}\n\nWrote {path}.")


if __name__ == "__main__":
    main()
