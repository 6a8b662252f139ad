"""Short texts about what a picture shows, written from an article: how many are right, and stand on their evidence.

    OMP_NUM_THREADS=1 python benchmarks/texts.py [SOURCE] [--datasets flags grocery] [--seeds 0]
                                                 [--distractors data.noun] [--work DIR]

Of flags, world and eye are those of benchmarks/flags.py; of groceries, whose base has the products' photos, those of
benchmarks/grocery.py. They are made where WORK lacks them. The eye stands still, and a generation layer learns to write
a sentence of the section of the right article that was asked for. A text is right where it is such a sentence, word
by word, and grounded where it changes when the passages that have it go.

Countries and products that training never saw are asked about.

Writes benchmarks/results/runs/texts-DATASET-SEED.json (the summaries of the runs), benchmarks/results/texts.json (what
follows from them) and the table of the document. About 40 minutes of one core a dataset and seed.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flags
import grocery
from ravlm.evaluation.bootstrap import clustered_score
from ravlm.evaluation.measures import mean
from ravlm.evaluation.runs.columns import from_columns
from ravlm.evaluation.runs.records import EvidenceKind
from results_file import write
from results_tables import texts_table
from run_summaries import made_run, ravlm, summaries
from tables import rewrite_documents

RESULTS = "texts.json"
DATASETS = ("flags", "grocery")
GROUPS: Mapping[str, tuple[str, ...]] = {"flags": ("unseen", "unseen_zh"), "grocery": ("unseen",)}
ABOUT: Mapping[str, tuple[str, ...]] = {  # of these, what is told apart
    "flags": (),
    "grocery": ("about:description", "about:label", "about:nutrition"),
}
KINDS: tuple[EvidenceKind, ...] = ("prior", "none", "retrieved", "removed")
CONFIG = """# Made by benchmarks/texts.py: short texts, on an eye that learned before and stands still.

[model.visual]
kind = "pretrained"
source = "{eye}"

[model.output]
kind = "generation"
longest = 64

[training.read]
steps = 250
batch = 32
together = 8
"""


def measure(dataset: str, seed: int, work: Path, source: Path, distractors: Path | None) -> None:
    """Train and evaluate in `work/texts-DATASET-SEED`, where that is not done yet; keep the summary."""
    here = work / f"texts-{dataset}-{seed}"
    here.mkdir(exist_ok=True)
    config, data = here / "config.toml", here / "data"
    if dataset == "flags":
        _, model = flags.make_model(seed, work)
        eye = f"{model.name}/visual"
        if not data.exists():
            ravlm("dataset", "make", "flags", "--ask", "texts", "--seed", seed, "--out", data)
    else:
        grocery.make_data(source, data, "photos", seed, distractors, "texts")
        eye = grocery.make_eye(data, seed, work).name
    config.write_text(CONFIG.format(eye=eye), encoding="utf-8")
    groups = GROUPS[dataset]
    made_run(here, here.name, config, data, KINDS, seed=seed, groups=groups, within=work)  # so the eye is found


def texts_results(found: Mapping[str, Any]) -> dict[str, Any]:
    """For each dataset, seed and group: the share of right texts from each kind of evidence, of these the grounded."""
    told: dict[str, Any] = {}
    for name, summary in found.items():
        outcomes = from_columns(summary["columns"])
        told[name] = {}
        dataset = name.split("-")[0]
        for group in GROUPS[dataset] + ABOUT[dataset]:
            some = [o for o in outcomes if group in o.groups]
            clusters = [o.cluster for o in some]
            right = {kind: clustered_score([float(o.right[kind]) for o in some], clusters).as_json() for kind in KINDS}
            held = [not o.same["removed"] for o in some if o.right["retrieved"]]
            recall = mean(1 in o.gold_ranks for o in some)
            told[name][group] = {**right, "grounded": mean(held), "R@1": recall, "n": len(some)}
    return {"runs": told}


def main() -> None:
    """Measure the datasets and seeds, write the results, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", default=grocery.SHARED, help="the Grocery Store Dataset")
    parser.add_argument("--datasets", nargs="+", choices=DATASETS, default=list(DATASETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--distractors", type=Path, help="WordNet's data.noun")
    parser.add_argument("--work", type=Path, help="keep datasets, models and runs here; else they are deleted")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (asked.work or Path(temporary)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        for dataset in asked.datasets:
            if dataset == "grocery" and not (asked.source / "classes.csv").is_file():
                print(f"Skipped: the Grocery Store Dataset is not in {asked.source} (no classes.csv).")
                continue
            for seed in asked.seeds:
                measure(dataset, seed, work, asked.source, asked.distractors)
    results = texts_results(summaries("texts"))
    path = write(RESULTS, results)
    rewrite_documents()
    print(f"\n{texts_table(results, 'en')}\n\nWrote {path}.")


if __name__ == "__main__":
    main()
