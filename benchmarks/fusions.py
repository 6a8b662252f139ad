"""Every mode of fusion on the same budget: the default model on flags, its eye given, with one fusion after another.

    OMP_NUM_THREADS=1 python benchmarks/fusions.py [--seeds 0 1 2] [--modes attention gated] [--work DIR]

For each seed, world and default model are those of benchmarks/flags.py, made where WORK lacks them. Every mode then
trains with that model's eye, which stands still, and with the same settings and seed, answers the unseen questions, and
a sample of them without each input. Seconds are the process's CPU seconds, so with one thread other processes don't
change them. What is in WORK is not made again; several processes may share it, each with seeds or modes of its own.

Writes benchmarks/results/runs/fusions-MODE-SEED.json (the summaries of the runs), benchmarks/results/fusions.json (what
follows from them, and what was measured beside) and the tables of the documents. About 10 minutes a mode and seed.
"""

import argparse
import contextlib
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from flags import make_model
from ravlm.answering.answerer import Answerer, Asked
from ravlm.cli.console import progress
from ravlm.data.dataset import Dataset
from ravlm.device import choose_device
from ravlm.encoders.features.cache import FeatureCache
from ravlm.evaluation.modalities import without_each
from ravlm.evaluation.runs.folder import Run, read_run
from ravlm.evaluation.runs.make import make_run
from ravlm.model.config import PretrainedVisualConfig
from ravlm.model.folder import encoders_of
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.safe.images import read_image
from ravlm.training.config import RunConfig, read_run_config
from ravlm.training.read import ReadStage
from ravlm.training.run import train
from results_file import FOLDER, measured_with, rounded, write
from results_tables import fusions_table
from run_summaries import fusions_results, keep, summaries
from tables import rewrite_documents

CONFIGS = Path(__file__).parents[1] / "configs"
MODES = {
    "attention": "default.toml",
    "multi-head attention": "multi-head-fusion.toml",
    "concatenation": "feature-fusion.toml",
    "weighted-sum": "weighted-sum-fusion.toml",
    "gated": "gated-fusion.toml",
    "interaction": "interaction-fusion.toml",
    "hierarchical": "hierarchical-fusion.toml",
}
GROUPS = ("unseen", "unseen_zh")
RESULTS = "fusions.json"
_TIMED = 100  # questions that are answered alone, after as many as are not counted
_WARM_UP = 10
Progress = Callable[[str, int, int], None]


def name_of(mode: str, seed: int) -> str:
    """The name of a mode's run of a seed, as files have it."""
    return f"{mode.replace(' ', '-')}-{seed}"


def config_of(mode: str, seed: int) -> RunConfig:
    """The default model with a mode's fusion and the eye of `model-SEED`, which is looked for where one works."""
    config = read_run_config(CONFIGS / MODES[mode], seed=seed)
    eye = PretrainedVisualConfig(source=f"model-{seed}/visual")
    return config.model_copy(update={"model": config.model.model_copy(update={"visual": eye})})


def measure(mode: str, seed: int, work: Path, sample: int) -> None:
    """Train a mode and evaluate it in `work/fusions/MODE-SEED`, where that is not done yet; keep the summary."""
    world, here = work / f"flags-{seed}", work / "fusions" / name_of(mode, seed)
    model, run, trained, measured = (here / name for name in ("model", "run", "trained.json", "measured.json"))
    if not trained.exists():
        shutil.rmtree(here, ignore_errors=True)  # a training that was stopped can't tell what it took
        with progress(f"{mode}, seed {seed}") as report, contextlib.chdir(work):  # the eye's place stays out of the run
            seconds = _train(config_of(mode, seed), world, model, FeatureCache(work / "features"), report)
        trained.write_text(json.dumps({"read, CPU seconds": seconds}), encoding="utf-8")
    if not measured.exists():
        dataset, answerer = Dataset.open(world), Answerer.open(model, choose_device())
        with progress(f"{mode}, seed {seed}") as report:
            if not run.exists():
                make_run(answerer, model, dataset, run, ("retrieved", "removed"), groups=GROUPS, progress=report)
            found = _beside(answerer, dataset, read_run(run), seed, sample, report)
        found |= json.loads(trained.read_text(encoding="utf-8"))
        measured.write_text(json.dumps(found), encoding="utf-8")
    keep(run, f"fusions-{name_of(mode, seed)}")


def _train(config: RunConfig, data: Path, out: Path, cache: FeatureCache, report: Progress) -> float:
    """Train a model; CPU seconds from the first step of the read stage to its last."""
    at: list[float] = []

    def told(stage: str, done: int, total: int) -> None:
        if stage == ReadStage.title:
            at.append(time.process_time())
        report(stage, done, total)

    train(config, data, out, cache=cache, progress=told)
    return at[-1] - at[0]


def _beside(answerer: Answerer, dataset: Dataset, run: Run, seed: int, sample: int, report: Progress) -> dict[str, Any]:
    """What a run does not say: parameters, milliseconds a question, and what is lost without each input."""
    rows = [i for i, question in enumerate(run.questions) if GROUPS[0] in question.example.groups]
    drawn = sorted(np.random.default_rng(seed).permutation(rows)[:sample].tolist())
    questions, answers = [run.questions[i] for i in drawn], [run.answers["retrieved"][i] for i in drawn]
    worth = without_each(answerer, dataset, questions, answers, progress=report)
    some = [question.example for question in questions[: _WARM_UP + _TIMED]]
    asked = [Asked(read_image(dataset.image_path(e.images[0])), e.question or "", e.language) for e in some]
    return {
        "parameters": parameters_of(answerer.model),
        "answer, CPU ms": statistics.median(_milliseconds(answerer, asked)[_WARM_UP:]),
        "inputs": asdict(worth),
    }


def _milliseconds(answerer: Answerer, asked: Sequence[Asked]) -> list[float]:
    """What it takes to answer each question alone, its picture seen and its passages found, which no fusion changes."""
    taken = []
    for one in asked:
        found = answerer.find([one])
        began = time.process_time()
        answerer.answer([one], found.seen, found.hits)
        taken.append(1000 * (time.process_time() - began))
    return taken


def parameters_of(model: RetrievalAugmentedVLM) -> dict[str, int]:
    """How many weights the parts have, and all of them together."""

    def count(part: object) -> int:
        return sum(p.numel() for p in part.parameters()) if isinstance(part, nn.Module) else 0

    eye, reader = encoders_of(model)
    parts = {"visual": eye, "language": reader, "fusion": model.fusion_module, "output": model.output_layer}
    return {**{name: count(part) for name, part in parts.items()}, "model": count(model)}


def measured_in(work: Path) -> dict[str, dict[str, Any]]:
    """What was measured beside the runs, by mode and seed, rounded: of `work`, and of the results what it lacks."""
    found: dict[str, dict[str, Any]] = {}
    if (FOLDER / RESULTS).is_file():
        found = json.loads((FOLDER / RESULTS).read_text(encoding="utf-8"))["measured"]
    for mode in MODES:
        for path in work.glob(f"fusions/{name_of(mode, 0)[:-1]}[0-9]*/measured.json"):
            seed = path.parent.name.rpartition("-")[2]
            found.setdefault(mode, {})[seed] = json.loads(path.read_text(encoding="utf-8"))
    return {mode: rounded(dict(sorted(found[mode].items()))) for mode in MODES if mode in found}


def results_of(measured: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What `fusions.json` says: what follows from the kept summaries, and what was measured beside."""
    found = summaries("fusions")
    by_mode = {mode: {seed: found[name_of(mode, int(seed))] for seed in seeds} for mode, seeds in measured.items()}
    return {"measured": measured, "modes": fusions_results(by_mode, measured, GROUPS)}


def main() -> None:
    """Measure the modes, write the results, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES), metavar="MODE", help=", ".join(MODES))
    parser.add_argument("--sample", type=int, default=300, help="unseen questions that are asked without each input")
    parser.add_argument("--work", type=Path, help="keep worlds, models and runs here; else they are deleted")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (asked.work or Path(temporary)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        for seed in asked.seeds:
            make_model(seed, work)
            for mode in asked.modes:
                measure(mode, seed, work, asked.sample)
        results = {"measured_with": measured_with(), **results_of(measured_in(work))}
    path = write(RESULTS, results)
    rewrite_documents()
    print(f"\n{fusions_table(results, 'en')}\n\nWrote {path}.")


if __name__ == "__main__":
    main()
