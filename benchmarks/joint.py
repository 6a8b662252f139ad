"""Joint training against frozen retrieval, at equal steps, on flags and groceries.

    python benchmarks/joint.py [SOURCE] [--datasets flags grocery grocery-photos] [--seeds 0 1 2] [--arms ...]
                               [--steps 150] [--distractors data.noun] [--work DIR]

All arms of a dataset and seed but the first go on from the same model, trained as benchmarks/flags.py or
benchmarks/grocery.py does (whose `--work` serves), by the same number of steps:

- untrained: an eye with random weights that stands still; the reader has the steps of the model's and these;
- frozen: the eye was trained by matching and stands still; the reader goes on learning;
- matching: the eye goes on learning by matching, the reader stands still: what more supervision alone brings;
- joint without gold: eye, query side and reader learn together from answers; which entries are right is not known;
- joint: the same, with the right entries;
- joint, taught: the same, and while it learns only entries that are right for some question can be found;
- joint, eye still: the same, and nothing of the query side learns but the scale of the scores.

The eye of groceries was pre-trained and stands still in all arms; a query encoder learns in its place in the joint
ones, on what the eye made of the photos once. Their seeds share the eye, and differ in the reader and in what is drawn.
Of `grocery` the base has the articles' own pictures, of `grocery-photos` the products' photos too. Beside frozen and
joint stand the prior, no evidence and the right entry, of the first seed, which benchmarks/grocery.py measured.

Writes benchmarks/results/runs/joint-DATASET-SEED-ARM.json (the summaries of the runs), benchmarks/results/joint.json
(what follows from them) and the tables of the documents. About 10 CPU minutes an arm.
"""

import argparse
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import flags
import grocery
from ravlm.evaluation.bootstrap import Score, interval_over_seeds
from ravlm.evaluation.measures import mean
from ravlm.evaluation.runs.columns import from_columns
from ravlm.evaluation.runs.records import Outcome
from results_file import measured_with, write
from results_tables import joint_table
from run_summaries import GROUPS, made_run, summaries
from tables import rewrite_documents

RESULTS = "joint.json"
BASES = {"grocery": "iconic", "grocery-photos": "photos"}
DATASETS = ("flags", *BASES)
ARMS = ("untrained", "frozen", "matching", "joint-without-gold", "joint", "joint-taught", "joint-eye-still")
LEARNS = {  # what learns of the query side in the joint arms
    "flags": "rates = { visual = 0.001 }",
    **dict.fromkeys(BASES, '[model.retriever]\nquery = "residual"'),
}
LEARNED = ("frozen", "joint", "joint-taught")  # the arms that stand beside prior, no evidence and right entry
KINDS = ("numbers", "country", "all")
_GOING_ON = """# Made by benchmarks/joint.py
[training]
checkpoint_every = 1000

[training.match]
steps = {match}
learning_rate = 0.001

[training.read]
steps = {read}
learning_rate = {rate}
matrix_learning_rate = {matrix_rate}

[training.joint]
steps = {joint}
learning_rate = 0.001
gold = {gold}
searched = "{searched}"
{learns}
"""
_READ = 500  # steps of the read stage of the models that are gone on from


def config_of(dataset: str, arm: str, steps: int) -> str:
    """The configuration of an arm."""
    of = {"match": 0, "read": 0, "joint": 0, "gold": "true", "searched": "base", "learns": ""}
    of |= {"rate": 0.002, "matrix_rate": 0.003}
    if arm == "untrained":
        of |= {"read": _READ + steps, "rate": 0.008, "matrix_rate": 0.012}
    elif arm == "frozen":
        of["read"] = steps
    elif arm == "matching":
        of["match"] = steps
    else:
        learns = "" if arm == "joint-eye-still" else LEARNS[dataset]
        of |= {"joint": steps, "gold": str(arm != "joint-without-gold").lower(), "learns": learns}
        of |= {"searched": "taught" if arm == "joint-taught" else "base"}
    return _GOING_ON.format(**of)


def measure(dataset: str, seed: int, arm: str, steps: int, work: Path, source: Path, distractors: Path | None) -> None:
    """Train and evaluate an arm in `work/joint/DATASET-SEED-ARM`, where that is not done yet; keep the summary."""
    if dataset == "flags":
        data, model = flags.make_model(seed, work)
    else:
        data, model = grocery.make_model(source, BASES[dataset], seed, distractors, work)
    name = f"{dataset}-{seed}-{arm}"
    here = work / "joint" / name
    here.mkdir(parents=True, exist_ok=True)
    config, start = here / "config.toml", None if arm == "untrained" else model
    config.write_text(config_of(dataset, arm, steps), encoding="utf-8")
    made_run(here, f"joint-{name}", config, data, ["retrieved"], seed=seed, start=start)


def results_of(found: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, Any]:
    """What `joint.json` says of the summaries `found` of arms, and of those of benchmarks/grocery.py, by base.

    For each dataset and arm what it reaches, and what it is better by than the frozen one; then, of groceries, what the
    kinds of evidence bring, by kind of question, where both were measured on the same dataset.
    """
    runs: dict[str, dict[str, dict[str, Any]]] = {dataset: {arm: {} for arm in ARMS} for dataset in DATASETS}
    for name, summary in found.items():
        of = re.fullmatch(r"(.+?)-(\d+)-(.+)", name)
        if of is not None:
            runs[of[1]][of[3]][of[2]] = summary
    outcomes = {dataset: {arm: _outcomes(seeds) for arm, seeds in arms.items()} for dataset, arms in runs.items()}
    return {
        "datasets": {
            dataset: {arm: _arm(seeds, arms["frozen"]) for arm, seeds in arms.items() if seeds}
            for dataset, arms in outcomes.items()
            if any(arms.values())
        },
        "groceries": {
            base: _ways(from_columns(measured[base]["columns"]), {arm: outcomes[dataset][arm] for arm in LEARNED})
            for dataset, base in BASES.items()
            if base in measured and all(_same_data(measured[base], runs[dataset][arm]) for arm in LEARNED)
        },
    }


def _outcomes(seeds: Mapping[str, Any]) -> dict[str, list[Outcome]]:
    return {seed: from_columns(run["columns"]) for seed, run in seeds.items()}


def _same_data(measured: Mapping[str, Any], seeds: Mapping[str, Any]) -> bool:
    """Whether there are runs, and all of the dataset that was measured."""
    data = measured["about"]["dataset"]["fingerprint"]
    return bool(seeds) and all(run["about"]["dataset"]["fingerprint"] == data for run in seeds.values())


def _ways(fixed: Sequence[Outcome], arms: Mapping[str, Mapping[str, Sequence[Outcome]]]) -> dict[str, Any]:
    """Accuracy by group and kind of question: prior, no evidence and right entry, and what learned, over its seeds.

    The seeds are those that all arms have; `fixed` is of the first.
    """
    seeds = sorted(set.intersection(*(set(of) for of in arms.values())))
    learned = {arm: [o for seed in seeds for o in of[seed]] for arm, of in arms.items()}
    told: dict[str, Any] = {}
    for group in GROUPS:
        told[group] = {}
        for kind in KINDS:
            within = {group} if kind == "all" else {group, kind}
            ways = {way: (fixed, way) for way in ("prior", "none", "oracle")}
            ways |= {arm: (outcomes, "retrieved") for arm, outcomes in learned.items()}
            told[group][kind] = {
                way: mean([float(o.right[evidence]) for o in outcomes if within <= set(o.groups)])
                for way, (outcomes, evidence) in ways.items()
            } | {"n": sum(within <= set(o.groups) for o in fixed), "seeds": seeds}
    return told


def _arm(seeds: Mapping[str, Sequence[Outcome]], frozen: Mapping[str, Sequence[Outcome]]) -> dict[str, Any]:
    told: dict[str, Any] = {"seeds": sorted(seeds)}
    for group in GROUPS:
        rows = [(seed, o) for seed in sorted(seeds) for o in seeds[seed] if group in o.groups]
        told[group] = {
            "retrieved": mean([_right(o) for _, o in rows]),
            "R@1": mean([_first(o) for _, o in rows]),
            "n": len(rows),
        }
        both = [seed for seed in sorted(seeds) if seed in frozen]
        beside = {(seed, o.id): o for seed in both for o in frozen[seed]}
        some = [[o for o in seeds[seed] if group in o.groups] for seed in both]
        for name, value in (("better", _right), ("R@1 better", _first)) if both else ():
            better = [
                [value(o) - value(beside[seed, o.id]) for o in found] for seed, found in zip(both, some, strict=True)
            ]
            interval = interval_over_seeds(better, [[o.cluster for o in found] for found in some])
            told[group][name] = Score(mean([d for each in better for d in each]), interval).as_json()
    return told


def _right(outcome: Outcome) -> float:
    return float(outcome.right["retrieved"])


def _first(outcome: Outcome) -> float:
    return float(1 in outcome.gold_ranks)


def main() -> None:
    """Measure the arms, write the results, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", default=grocery.SHARED, help="the Grocery Store Dataset")
    parser.add_argument("--datasets", nargs="+", choices=DATASETS, default=list(DATASETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--distractors", type=Path, help="WordNet's data.noun")
    parser.add_argument("--work", type=Path, help="keep datasets, models and runs here; else they are deleted")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (asked.work or Path(temporary)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        for dataset in asked.datasets:
            if dataset in BASES and not (asked.source / "classes.csv").is_file():
                print(f"Skipped: the Grocery Store Dataset is not in {asked.source} (no classes.csv).")
                continue
            for seed in asked.seeds:
                for arm in asked.arms:
                    if dataset in BASES and arm == "matching":
                        continue  # its eye stands still
                    measure(dataset, seed, arm, asked.steps, work, asked.source, asked.distractors)
    results = {"measured_with": measured_with(), **results_of(summaries("joint"), summaries("grocery"))}
    path = write(RESULTS, results)
    rewrite_documents()
    print(f"\n{joint_table(results, 'en')}\n\nWrote {path}.")


if __name__ == "__main__":
    main()
