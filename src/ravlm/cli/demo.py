"""`ravlm demo`: the main job once, end to end, on the flags of the world."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravlm import __version__
from ravlm.cli.console import examples, progress, say, warn
from ravlm.cli.demo_text import CLOSELY, GROUPS, Paths, tell_outcome, tell_plan

if TYPE_CHECKING:
    from ravlm.answering.answerer import Answerer
    from ravlm.cli.console import Progress
    from ravlm.data.dataset import Dataset
    from ravlm.evaluation.report.tables import Table
    from ravlm.evaluation.runs.folder import Run

CARD = "demo.json"
STOPPED = 130
SAMPLE = 400  # unseen questions asked without each input
EPILOG = examples("ravlm demo", "ravlm demo --out demo --seed 1 --json demo.json")


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write: new, empty, or an earlier demo's.")] = (
        Path("demo")
    ),
    seed: Annotated[int, typer.Option(min=0, help="Decides everything that is drawn by lot.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures as JSON.")] = None,
) -> None:
    """Draw a world of flags, train on it, answer questions about countries never trained on, and report.

    The world is kept for the next time; an earlier demo's model, run and report in the same folder are replaced.
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
    """Make the folder the demo's own: of an earlier demo, model, run and report go, and a world of another seed.

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
        remove_folder(paths.run)
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
    from ravlm.evaluation.runs.make import make_run
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
    warn(f"\n3. Evaluation: {paths.run}")
    answerer = Answerer.open(paths.model, choose_device())
    with progress() as report:
        run = make_run(answerer, paths.model, dataset, paths.run, groups=GROUPS, progress=report)
        extra = _beside(dataset, answerer, run, seed, report)
    warn(f"\n4. Report: {paths.report}\n")
    _write_report(paths, dataset, answerer, run, extra, seed)
    seconds = {"training": trained.seconds["training"], "total": round(time.perf_counter() - began, 1)}
    tell_outcome(paths, run, extra.tables, seconds, seed)
    return {"scores": run.summary["scores"], **extra.figures, "seconds": seconds, "seed": seed}


@dataclass(frozen=True)
class _Beside:
    """What the demo measures beside the run: as figures, and as tables."""

    figures: dict[str, Any]
    tables: list["Table"]


def _beside(dataset: "Dataset", answerer: "Answerer", run: "Run", seed: int, report: "Progress") -> _Beside:
    """Floors without learning on unseen photos, and what each input is worth on a sample of unseen questions."""
    import numpy as np

    from ravlm.evaluation.baseline_tables import floor_table, modality_table
    from ravlm.evaluation.floors import dataset_floors
    from ravlm.evaluation.modalities import without_each

    rows = [i for i, question in enumerate(run.questions) if CLOSELY in question.example.groups]
    photos = {run.questions[i].example.images[0]: run.questions[i].example for i in rows}
    floors = dataset_floors(dataset, answerer.knowledge, list(photos.values()), report)
    drawn = sorted(np.random.default_rng(seed).permutation(rows)[:SAMPLE].tolist())
    answers = run.answers["retrieved"]
    worth = without_each(
        answerer, dataset, [run.questions[i] for i in drawn], [answers[i] for i in drawn], progress=report
    )
    figures = {"floors": {**floors, "n": len(photos)}, "modalities": asdict(worth)}
    return _Beside(figures, [floor_table(floors, len(photos), CLOSELY), modality_table(worth)])


def _write_report(
    paths: Paths, dataset: "Dataset", answerer: "Answerer", run: "Run", extra: _Beside, seed: int
) -> None:
    from ravlm.evaluation.report.page import write_report
    from ravlm.evaluation.report.pictures import Source
    from ravlm.safe.images import read_image_bytes

    write_report(
        paths.report,
        [run],
        sources=[Source(lambda path: read_image_bytes(dataset.image_path(path)), answerer.knowledge.picture)],
        extra=extra.tables,
        seed=seed,
    )
