"""`ravlm demo`: the main job once, end to end, on the flags of the world."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravlm import __version__
from ravlm.cli.console import duration, examples, progress, say, warn
from ravlm.cli.demo_text import CLOSELY, GROUPS, Paths, tell_outcome, tell_plan

if TYPE_CHECKING:
    from ravlm.data.dataset import Dataset
    from ravlm.evaluation.report import Table
    from ravlm.evaluation.trial import Trial
    from ravlm.training.run import TrainingReport

CARD = "demo.json"
STOPPED = 130
ASKED = ("en", "en", "zh")
EPILOG = examples("ravlm demo", "ravlm demo --out demo --seed 1 --json demo.json")


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write: new, empty, or an earlier demo's.")] = (
        Path("demo")
    ),
    seed: Annotated[int, typer.Option(min=0, help="Decides everything that is drawn by lot.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures as JSON.")] = None,
) -> None:
    """Draw a world of flags, train on it, answer questions about countries never trained on, and report.

    The world is kept for the next time; an earlier demo's model and report in the same folder are replaced.
    """
    from ravlm.cli.extras import require_models, require_world
    from ravlm.safe.files import check_writable

    require_models()
    require_world()
    if json_file is not None:
        check_writable(json_file)
    began = time.perf_counter()
    paths = Paths(out)
    claim(paths, seed)
    try:
        tell_plan(paths, seed)
        figures = _run(paths, seed, began)
    except KeyboardInterrupt:
        warn(f"The demo is not finished; a world that is whole stays in {paths.world}. The same command begins again.")
        raise typer.Exit(STOPPED) from None
    if json_file is not None:
        from ravlm.safe.files import write_text_atomic

        write_text_atomic(json_file, json.dumps(figures, ensure_ascii=False, indent=1) + "\n")
        say(f"Wrote the figures to {json_file}.")


def claim(paths: Paths, seed: int) -> None:
    """Make the folder the demo's own: of an earlier demo, the model and the report go, and a world of another seed.

    Raises:
        PathError: it holds something that no demo wrote.
    """
    from ravlm.safe.files import check_free, remove_folder, write_text_atomic

    about = {"demo": 1, "seed": seed, "ravlm": __version__}
    before = _card(paths.out)
    if before is None:
        check_free(paths.out)
    else:
        remove_folder(paths.model)
        paths.report.unlink(missing_ok=True)
        if before != about:
            remove_folder(paths.world)
    write_text_atomic(paths.out / CARD, json.dumps(about))


def _card(out: Path) -> Any:
    """What an earlier demo wrote about itself, None where there is no such thing."""
    try:
        about = json.loads((out / CARD).read_bytes())
    except (OSError, ValueError):
        return None
    return about if isinstance(about, dict) and "demo" in about else None


def _run(paths: Paths, seed: int, began: float) -> dict[str, Any]:
    from ravlm.answering.answerer import Answerer
    from ravlm.data.dataset import Dataset
    from ravlm.data.flags.world import write_world
    from ravlm.device import choose_device
    from ravlm.evaluation.trial import draw_examples, run_trial
    from ravlm.training.config import read_run_config
    from ravlm.training.run import train

    warn(f"\n1. World: {paths.world}" + (", already there" if paths.world.exists() else ""))
    if not paths.world.exists():
        with progress() as report:
            write_world(paths.world, seed, report)
    dataset = Dataset.open(paths.world)
    warn(f"\n2. Training: {paths.model}")
    with progress() as report:
        trained = train(read_run_config(None, seed=seed), paths.world, paths.model, progress=report)
    warn("\n3. Evaluation: all test questions, then the baselines")
    answerer = Answerer.open(paths.model, choose_device())
    with progress() as report:
        trial = run_trial(answerer, dataset, list(GROUPS), closely=CLOSELY, seed=seed, progress=report)
    warn(f"\n4. Report: {paths.report}\n")
    unseen = [r for r in trial.answered if not {"seen"} & set(r.groups)]
    shown = draw_examples(unseen, ASKED, seed)
    tables = _tables(trial)
    _write_report(paths, dataset, answerer, trial, trained, seed)
    seconds = {"training": trained.seconds["training"], "total": round(time.perf_counter() - began, 1)}
    tell_outcome(paths, trial, tables, shown, seconds)
    return _figures(trial, seconds, seed)


def _tables(trial: "Trial") -> list["Table"]:
    from ravlm.evaluation.trial_report import accuracy_table, modality_table, retrieval_table

    return [accuracy_table(trial, GROUPS), retrieval_table(trial, GROUPS, CLOSELY), modality_table(trial)]


def _write_report(
    paths: Paths, dataset: "Dataset", answerer: Any, trial: "Trial", trained: "TrainingReport", seed: int
) -> None:
    from ravlm.evaluation.report import choose_examples, write_report
    from ravlm.evaluation.trial_report import curve_rows, interval_note, relation_table
    from ravlm.safe.images import read_image_bytes

    write_report(
        paths.report,
        title="ravlm demo: questions about flags",
        summary=f"Seed {seed}; trained in {duration(trained.seconds['training'])}. {interval_note(trial, GROUPS)}",
        tables=[*_tables(trial), relation_table(trial, GROUPS)],
        learning_curve=curve_rows(trained.curve),
        examples=choose_examples(trial.answered, seed=seed),
        photos=lambda path: read_image_bytes(dataset.image_path(path)),
        pictures=answerer.knowledge.picture,
    )


def _figures(trial: "Trial", seconds: dict[str, float], seed: int) -> dict[str, Any]:
    """What `--json` writes."""
    return {
        **trial.table,
        "relations": trial.relations,
        "floors": {**trial.floors, "n": trial.floor_photos},
        "modalities": asdict(trial.modalities),
        "seconds": seconds,
        "seed": seed,
    }
