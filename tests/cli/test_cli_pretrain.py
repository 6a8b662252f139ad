"""`ravlm train` with a configuration that has a table `pretrain`."""

import json
from pathlib import Path
from typing import Any

import pytest

from coloured_dataset import TINY
from command import Ravlm
from events import scalars
from picture_folders import write_pictures
from ravlm.encoders.choose import load_encoder
from ravlm.training.pretrain.visual_stages import ClassesStage
from ravlm.training.processes import Share

EYE = """
[pretrain.visual]
objective = "classes"
steps = 30
batch = 12
learning_rate = 0.01

[pretrain.visual.encoder]
image_size = 32
channels = [8, 16]
width = 16

[training]
checkpoint_every = 4
"""


def written(folder: Path, text: str, name: str = "eye.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_an_eye_is_pre_trained_on_a_dataset_and_a_model_looks_through_it(
    ravlm: Ravlm, coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = written(tmp_path, EYE)
    made = ravlm("train", config, "--data", coloured, "--out", "eye", "--seed", 3, "--json")
    assert (made.code, made.json["encoder"], made.json["seed"]) == (0, "eye", 3)
    assert made.json["curve"][-1]["step"] == 30
    assert json.loads((tmp_path / "eye" / "pretraining.json").read_text())["config"]["training"]["seed"] == 3
    eye = TINY[TINY.index("[model.visual]\n") : TINY.index("\n[", TINY.index("[model.visual]") + 1)]
    looking = TINY.replace(eye, '[model.visual]\nkind = "pretrained"\nsource = "eye"\n')
    model = written(tmp_path, looking, "model.toml")
    assert ravlm("train", model, "--data", coloured, "--out", "model").code == 0
    assert load_encoder(tmp_path / "model" / "visual").fingerprint() == load_encoder(tmp_path / "eye").fingerprint()


def test_every_fault_is_told_at_once_and_nothing_is_written(ravlm: Ravlm, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    wrong = EYE.replace('"classes"', '"class"') + "[model]\n[training.match]\nsteps = 1\n"
    told = ravlm("train", written(tmp_path, wrong), "--data", pictures, "--out", tmp_path / "out")
    assert told.code == 2
    for fault in (
        "has 3 faults",
        "pretrain.visual.objective: there is no objective 'class', only classes, pictures, texts; did you mean",
        "model: there is no such setting here, only pretrain, training",
        "training.match: there is no such setting here, only seed, precision, checkpoint_every",
    ):
        assert fault in told.err
    wrong = EYE.replace("image_size = 32", 'kind = "timm"\narchitecture = "resnet10"').replace("steps = 30", "step = 3")
    told = ravlm("train", written(tmp_path, wrong), "--data", pictures, "--out", tmp_path / "out")
    for fault in (
        "pretrain.visual.step: there is no such setting here",
        "pretrain.visual.encoder.channels: there is no such setting here, only kind, architecture",
        "pretrain.visual.encoder: there is no architecture of timm 'resnet10'. Nearest: resnet10t",
    ):
        assert fault in told.err
    encoder = EYE[EYE.index("image_size") : EYE.index("\n[training]")]
    still = EYE.replace(encoder, f'kind = "pretrained"\nsource = "{tmp_path}"\n')
    told = ravlm("train", written(tmp_path, still), "--data", pictures, "--out", tmp_path / "out")
    assert 'pretrain.visual.encoder: its trainable is "none", so nothing would learn: write trainable' in told.err
    assert "There is no encoder in" in told.err
    told = ravlm("train", written(tmp_path, "[pretrain]\n"), "--data", pictures, "--out", tmp_path / "out")
    assert "pretrain: one run pre-trains one thing: give exactly one of visual" in told.err
    idle = EYE.replace("steps = 30", "steps = 30\nvalidate_every = 5\nrates = { vizual = 0.1 }")
    told = ravlm("train", written(tmp_path, idle), "--data", pictures, "--out", tmp_path / "out")
    assert "validate_every: pre-training is not validated while it goes on: leave it out" in told.err
    assert "rates: there is no part 'vizual' here, only visual, classes" in told.err
    told = ravlm("train", written(tmp_path, EYE), "--data", pictures, "--out", tmp_path / "out", "--cache", tmp_path)
    assert "pre-trains an encoder, which uses no --cache: leave that out here" in told.err
    assert not (tmp_path / "out").exists()


def test_one_that_is_stopped_says_how_to_go_on(ravlm: Ravlm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures, config, out = write_pictures(tmp_path / "pictures"), written(tmp_path, EYE), tmp_path / "out"
    right = ClassesStage.loss

    def stopping(stage: ClassesStage, step: int, generator: Any) -> Any:
        if step == 6:
            raise KeyboardInterrupt
        return right(stage, step, generator)

    monkeypatch.setattr(ClassesStage, "loss", stopping)
    stopped = ravlm("train", config, "--data", pictures, "--out", out)
    assert (stopped.code, (out / "config.json").exists()) == (130, False)
    assert f"The last checkpoint is kept in {out}" in stopped.err
    again = f"ravlm train {config} --data {pictures} --out {out} --resume"
    assert again in stopped.err
    monkeypatch.undo()
    written(tmp_path, EYE.replace("batch = 12", "batch = 6"))
    assert "not the same now is its config" in ravlm(*again.split()[1:]).err
    written(tmp_path, EYE.replace("batch = 12", "batch = 6\naccumulate = 2"))  # as too little memory is answered
    finished = ravlm(*again.split()[1:])
    assert finished.code == 0
    assert f'kind = "pretrained", source = "{out}"' in finished.out


def test_pictures_that_cannot_be_decoded_leave_nothing_behind(ravlm: Ravlm, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    (pictures / "red" / "2.png").write_bytes(b"no picture")
    told = ravlm("train", written(tmp_path, EYE), "--data", pictures, "--out", tmp_path / "out")
    assert told.code == 2
    assert "red/2.png" in told.err
    assert not (tmp_path / "out").exists()


def test_what_pre_training_does_not_use_is_refused(
    ravlm: Ravlm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "pictures")
    run = (
        "train",
        written(tmp_path, EYE.replace("steps = 30", "steps = 2")),
        "--data",
        tmp_path / "pictures",
        "--out",
        tmp_path / "eye",
    )
    told = ravlm(*run, "--from", tmp_path / "model")
    assert (told.code, "uses no --from" in told.err) == (2, True)
    monkeypatch.setattr("ravlm.training.processes.join_processes", lambda: Share(1, 2))
    told = ravlm(*run)
    assert (told.code, "runs in one process, and torchrun started 2" in told.err) == (2, True)
    assert not (tmp_path / "eye").exists()


def test_pre_training_is_logged(ravlm: Ravlm, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    write_pictures(tmp_path / "pictures")
    run = (
        "train",
        written(tmp_path, EYE.replace("steps = 30", "steps = 2")),
        "--data",
        tmp_path / "pictures",
        "--out",
        tmp_path / "eye",
    )
    assert ravlm(*run, "--tensorboard", tmp_path / "logs").code == 0
    assert any(name.endswith("/loss") for name in scalars(tmp_path / "logs"))
