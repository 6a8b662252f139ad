import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from picture_folders import CLASSES, settings, write_pictures
from ravlm.encoders.choose import load_encoder
from ravlm.errors import ConfigError, DatasetError, PathError, TrainingError
from ravlm.safe.images import read_image
from ravlm.training.pretrain.config import PretrainRunConfig
from ravlm.training.pretrain.run import pretrain

OBJECTIVES = ("classes", "pictures", "texts")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures")


def weights(out: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(out / "model.safetensors")
    return found


class Stop(Exception):
    """As when a process is ended."""


def stopped(config: PretrainRunConfig, data: Path, out: Path, at: int) -> None:
    def report(what: str, done: int, total: int) -> None:
        if (what, done) == ("pre-training the visual encoder", at):
            raise Stop

    with pytest.raises(Stop):
        pretrain(config, data, out, progress=report)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_resumed_run_ends_with_the_same_weights_bit_for_bit(objective: str, folder: Path, tmp_path: Path):
    config = settings(objective)
    whole = pretrain(config, folder, tmp_path / "whole")
    stopped(config, folder, tmp_path / "parts", at=3)
    assert not (tmp_path / "parts" / "config.json").exists()
    made: list[int] = []
    steps = "pre-training the visual encoder"
    resumed = pretrain(
        config,
        folder,
        tmp_path / "parts",
        resume=True,
        progress=lambda what, done, _: made.append(done) if what == steps else None,
    )
    assert made == [3, 4, 5]
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert [row["loss"] for row in whole.curve] == [row["loss"] for row in resumed.curve]


def test_classes_are_learned_and_the_folder_is_an_encoder_s(folder: Path, tmp_path: Path):
    config = settings("classes", steps=40, batch=12, permuted=0.2, learning_rate=0.01)
    report = pretrain(config, folder, tmp_path / "eye")
    assert report.curve[-1]["loss"] < report.curve[0]["loss"]
    eye: Any = load_encoder(tmp_path / "eye", side="visual")
    assert (eye.kind, eye.learns) == ("compact-visual", False)
    files = sorted(folder.rglob("*.png"))
    with torch.no_grad():
        keys = eye(torch.stack([eye.preprocess(read_image(file)) for file in files])).pooled
    keys = torch.nn.functional.normalize(keys, dim=-1)
    nearest = (keys @ keys.T).fill_diagonal_(-2).argmax(1).tolist()
    assert [files[n].parent for n in nearest] == [file.parent for file in files]
    assert sorted(path.name for path in (tmp_path / "eye").iterdir()) == [
        *("README.md", "config.json", "model.safetensors", "pretraining.json")
    ]
    about = json.loads((tmp_path / "eye" / "pretraining.json").read_text())
    assert PretrainRunConfig.model_validate(about["config"]) == config
    assert about["data"]["names"] == list(CLASSES)
    assert about["curve"] == report.curve


def test_a_run_goes_on_from_a_folder_and_is_another_one_from_another(folder: Path, tmp_path: Path):
    pretrain(settings("pictures"), folder, tmp_path / "first")
    given = {"kind": "pretrained", "source": str(tmp_path / "first"), "trainable": "all"}
    config = settings("classes", encoder=given, pretrained_learning_rate=1e-9)
    stopped(config, folder, tmp_path / "second", at=2)
    pretrain(config, folder, tmp_path / "second", resume=True)
    before, after = weights(tmp_path / "first"), weights(tmp_path / "second")
    learned = {name for name in before if not torch.allclose(before[name], after[name], atol=1e-6)}
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    assert learned == {name for name in before if name.endswith(statistics)}  # the rate is too low for anything else
    stopped(config, folder, tmp_path / "third", at=2)
    pretrain(settings("pictures", steps=6), folder, tmp_path / "other")
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "first" / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(ConfigError, match="not the same now is its encoders"):
        pretrain(config, folder, tmp_path / "third", resume=True)


def test_an_architecture_of_timm_and_views_that_grow(folder: Path, tmp_path: Path):
    encoder = {"kind": "timm", "architecture": "test_resnet", "image_size": 64}
    pretrain(settings("classes", encoder=encoder, sizes=[32, 48], steps=4), folder, tmp_path / "eye")
    eye: Any = load_encoder(tmp_path / "eye", side="visual")
    assert eye.image_size == (64, 64)


def test_a_folder_that_changed_is_not_resumed(folder: Path, tmp_path: Path):
    config = settings("classes")
    stopped(config, folder, tmp_path / "out", at=3)
    (folder / "red").rename(folder / "crimson")
    with pytest.raises(ConfigError, match=r"its data \(gone are 'red'; new are 'crimson'\)"):
        pretrain(config, folder, tmp_path / "out", resume=True)
    (folder / "crimson").rename(folder / "red")
    (folder / "red" / "0.png").rename(folder / "blue" / "9.png")
    with pytest.raises(ConfigError, match=r"its data \(the same names, other content\)"):
        pretrain(config, folder, tmp_path / "out", resume=True)
    (folder / "blue" / "9.png").rename(folder / "red" / "0.png")
    with pytest.raises(ConfigError, match="its config"):
        pretrain(settings("pictures"), folder, tmp_path / "out", resume=True)
    pretrain(config, folder, tmp_path / "out", resume=True)
    with pytest.raises(PathError, match="It holds a finished encoder"):
        pretrain(config, folder, tmp_path / "out", resume=True)
    with pytest.raises(PathError, match="nothing is written over"):
        pretrain(config, folder, tmp_path / "out")
    with pytest.raises(PathError, match="No run was begun there"):
        pretrain(config, folder, tmp_path / "new", resume=True)


def test_too_little_to_learn_from_is_refused_before_anything_is_written(folder: Path, tmp_path: Path):
    for name in ("red", "green"):
        for path in (folder / name).iterdir():
            path.unlink()
        (folder / name).rmdir()
    for objective in ("classes", "texts"):
        with pytest.raises(TrainingError, match="there is only one class in it"):
            pretrain(settings(objective), folder, tmp_path / "out")
    with pytest.raises(TrainingError, match="there is only one class in it"):
        pretrain(settings("pictures", pairs="classes"), folder, tmp_path / "out")
    for path in sorted((folder / "blue").iterdir())[1:]:
        path.unlink()
    with pytest.raises(TrainingError, match="there is only one picture in it"):
        pretrain(settings("pictures"), folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pictures_that_cannot_be_decoded_are_named(folder: Path, tmp_path: Path):
    (folder / "red" / "1.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"red/1\.png is not a JPEG, PNG, WebP or GIF file"):
        pretrain(settings("classes"), folder, tmp_path / "out")


def test_sizes_that_the_encoder_does_not_see_are_refused(folder: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"sizes has 48 pixels, .* only of 32"):
        pretrain(settings("classes", sizes=[32, 48]), folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_loss_that_is_no_number_names_the_settings_of_pre_training(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from ravlm.training.pretrain.visual_stages import ClassesStage

    right = ClassesStage.loss
    monkeypatch.setattr(
        ClassesStage, "loss", lambda stage, step, drawn: right(stage, step, drawn) * (math_nan if step else 1)
    )
    math_nan = float("nan")
    with pytest.raises(TrainingError, match=r"at step 2.*Lower pretrain\.visual\.learning_rate \(now 0\.003\)"):
        pretrain(settings("classes"), folder, tmp_path / "out")
