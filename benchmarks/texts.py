"""Short texts about the country of a flag, written from its article: how many are right, and stand on their evidence.

    OMP_NUM_THREADS=1 python benchmarks/texts.py [--seeds 0] [--work DIR]

World and eye are those of benchmarks/flags.py, made where WORK lacks them; the eye stands still, and a generation layer
learns to write a sentence of the right article that is about what was asked for. A text is right where it is such a
sentence, word by word, and grounded where it changes when the passages that have it go.

Countries that training never saw are asked about.

Writes benchmarks/results/runs/texts-SEED.json (the summaries of the runs), benchmarks/results/texts.json (what follows
from them) and the table of the document. About 15 minutes a seed beside the flags'.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flags import make_model
from ravlm.evaluation.bootstrap import clustered_score
from ravlm.evaluation.measures import mean
from ravlm.evaluation.runs.columns import from_columns
from ravlm.evaluation.runs.records import EvidenceKind
from results_file import write
from results_tables import texts_table
from run_summaries import made_run, ravlm, summaries
from tables import rewrite_documents

RESULTS = "texts.json"
GROUPS = ("unseen", "unseen_zh")
KINDS: tuple[EvidenceKind, ...] = ("none", "retrieved", "removed")
CONFIG = """# Made by benchmarks/texts.py: sentences about countries, on the eye of another model, which stands still.

[model.visual]
kind = "pretrained"
source = "model-{seed}/visual"

[model.output]
kind = "generation"
longest = 64

[training.read]
steps = 250
batch = 32
together = 8
"""


def measure(seed: int, work: Path) -> None:
    """Train and evaluate in `work/texts-SEED`, where that is not done yet; keep the summary."""
    make_model(seed, work)
    here = work / f"texts-{seed}"
    here.mkdir(exist_ok=True)
    config, data = here / "config.toml", here / "data"
    config.write_text(CONFIG.format(seed=seed), encoding="utf-8")
    if not data.exists():
        ravlm("dataset", "make", "flags", "--ask", "texts", "--seed", seed, "--out", data)
    made_run(here, here.name, config, data, KINDS, seed=seed, groups=GROUPS, within=work)  # so the eye is found


def texts_results(found: Mapping[str, Any]) -> dict[str, Any]:
    """For each seed and group: the share of right texts from each kind of evidence, and of these the grounded."""
    told: dict[str, Any] = {}
    for seed, summary in found.items():
        outcomes = from_columns(summary["columns"])
        told[seed] = {}
        for group in GROUPS:
            some = [o for o in outcomes if group in o.groups]
            clusters = [o.cluster for o in some]
            right = {kind: clustered_score([float(o.right[kind]) for o in some], clusters).as_json() for kind in KINDS}
            held = [not o.same["removed"] for o in some if o.right["retrieved"]]
            recall = mean(1 in o.gold_ranks for o in some)
            told[seed][group] = {**right, "grounded": mean(held), "R@1": recall, "n": len(some)}
    return {"runs": told}


def main() -> None:
    """Measure the seeds, write the results, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--work", type=Path, help="keep worlds, models and runs here; else they are deleted")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (asked.work or Path(temporary)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        for seed in asked.seeds:
            measure(seed, work)
    results = texts_results(summaries("texts"))
    path = write(RESULTS, results)
    rewrite_documents()
    print(f"\n{texts_table(results, 'en')}\n\nWrote {path}.")


if __name__ == "__main__":
    main()
