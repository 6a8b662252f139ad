import json
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from command import Ravlm
from pictures import picture
from ravlm.cli.console import Progress
from ravlm.errors import TrainingError
from small_dataset import lines_of, write_lines

STEPS = {"steps = 40": "steps = 4", "steps = 150": "steps = 4", "checkpoint_every = 20": "checkpoint_every = 2"}


@pytest.fixture
def short(tiny: Path, tmp_path: Path) -> Path:
    """The tiny configuration with a few steps only."""
    text = tiny.read_text()
    for long, few in STEPS.items():
        text = text.replace(long, few)
    (tmp_path / "short.toml").write_text(text)
    return tmp_path / "short.toml"


def stop_at(monkeypatch: pytest.MonkeyPatch, stage: str, step: int, error: BaseException) -> None:
    """Let training end by this error when its progress is told of this step."""

    @contextmanager
    def stopping() -> Iterator[Progress]:
        def report(what: str, done: int, total: int) -> None:
            if what == stage and done == step:
                raise error

        yield report

    monkeypatch.setattr("ravlm.cli.train.progress", stopping)


def test_a_model_and_what_is_said(ravlm: Ravlm, short: Path, coloured: Path, tmp_path: Path) -> None:
    outcome = ravlm("train", short, "--data", coloured, "--out", tmp_path / "model", "--seed", 3)
    assert outcome.code == 0
    assert outcome.err.count("Training on CPU") == 1
    assert "in float32, seed 3" in outcome.err
    assert "learning to read answers: 4 of 4" in outcome.err
    assert f"Next: ravlm evaluate {tmp_path / 'model'} --data {coloured} --out {tmp_path / 'model-run'}" in outcome.out
    about = json.loads((tmp_path / "model" / "config.json").read_text())
    assert about["training"]["seed"] == 3
    assert not (tmp_path / "model" / "checkpoints").exists()
    assert ravlm("knowledge", "info", tmp_path / "model", "--json").json["entries"] == 30


@pytest.mark.parametrize("stage", ["learning to match pictures", "learning to read answers"])
def test_after_ctrl_c_the_command_it_names_ends_with_the_same_weights(
    ravlm: Ravlm, short: Path, coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "two parts"
    assert ravlm("train", short, "--data", coloured, "--out", whole, "--seed", 1, "--json").json["seed"] == 1
    with monkeypatch.context() as patch:
        stop_at(patch, stage, 3, KeyboardInterrupt())
        stopped = ravlm("train", short, "--data", coloured, "--out", out, "--seed", 1)
    assert (stopped.code, stopped.out) == (130, "")
    assert "The last checkpoint is kept" in stopped.err
    again = ravlm("train", short, "--data", coloured, "--out", out)
    assert (again.code, "already holds something" in again.err) == (2, True)
    command = next(line for line in stopped.err.splitlines() if line.startswith("  ravlm train"))
    assert ravlm(*shlex.split(command)[1:]).code == 0
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    done = ravlm(*shlex.split(command)[1:])
    assert (done.code, "nothing to resume" in done.err) == (2, True)


def test_ctrl_c_before_anything(
    ravlm: Ravlm, short: Path, coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, "reading pictures", 1, KeyboardInterrupt())
    stopped = ravlm("train", short, "--data", coloured, "--out", tmp_path / "model")
    assert stopped.code == 130
    assert "No checkpoint was due yet" in stopped.err
    assert stopped.err.rstrip().endswith(f"--out {tmp_path / 'model'} --resume\nravlm: stopped by Ctrl-C.")


def test_a_run_that_fails_later_keeps_its_checkpoint(
    ravlm: Ravlm, short: Path, coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, "learning to match pictures", 3, TrainingError("The loss became nan."))
    assert ravlm("train", short, "--data", coloured, "--out", tmp_path / "model").code == 2
    assert list((tmp_path / "model" / "checkpoints").iterdir())


def cut_a_picture(data: Path) -> None:
    path = next((data / "images").glob("train-*"))
    path.write_bytes(path.read_bytes()[:500])


def name_no_entry(data: Path) -> None:
    lines = lines_of(data / "train.jsonl")
    write_lines(data / "train.jsonl", [lines[0] | {"entries": ["zz"]}, lines[1] | {"colour": 1}, *lines[2:]])


def show_nothing(data: Path) -> None:
    lines = lines_of(data / "knowledge.jsonl")
    write_lines(data / "knowledge.jsonl", [{k: v for k, v in line.items() if k != "images"} for line in lines])


def newer(data: Path) -> None:
    card = json.loads((data / "dataset.json").read_text())
    (data / "dataset.json").write_text(json.dumps(card | {"format": 2}))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut_a_picture, "damaged or cut off"),
        (name_no_entry, "has 2 faults"),
        (show_nothing, "can't be trained on"),
        (newer, "upgrade"),
    ],
)
def test_a_dataset_with_faults_leaves_nothing(
    ravlm: Ravlm, short: Path, coloured: Path, tmp_path: Path, spoil: object, said: str
) -> None:
    data = Path(shutil.copytree(coloured, tmp_path / "data"))
    assert callable(spoil)
    spoil(data)
    outcome = ravlm("train", short, "--data", data, "--out", tmp_path / "model")
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "short.toml"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "nowhere", "--out", "new"), "no dataset in nowhere"),
        (("--data", "p.png", "--out", "new"), "found a file"),
        (("--data", "data", "--out", "data"), "already holds something"),
        (("--data", "data", "--out", "p.png"), "in the way"),
        (("--data", "data", "--out", "new", "--resume"), "nothing to resume"),
        (("nowhere.toml", "--data", "data", "--out", "new"), "no configuration file"),
        (("wrong.toml", "--data", "data", "--out", "new"), "has 2 faults"),
        (("p.png", "--data", "data", "--out", "new"), "is not TOML"),
        (("--data", "data", "--out", "new", "--seed", "-1"), "--seed"),
        (("--out", "new"), "--data"),
    ],
)
def test_bad_input_ends_in_2_and_writes_nothing(
    ravlm: Ravlm, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.png").write_bytes(picture(1))
    Path("wrong.toml").write_text("[training]\nsteps = 3\n[training.match]\nbatch = 1\n")
    before = sorted(Path().rglob("*"))
    outcome = ravlm("train", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert sorted(Path().rglob("*")) == before
