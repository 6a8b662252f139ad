"""`ravlm train` with the tables `pretrain.language` and `pretrain.alignment`."""

import json
from pathlib import Path

import pytest

from command import Ravlm
from ravlm.training.loop import Run

READER = """
[pretrain.language]
steps = 4
batch = 4
encoder = { kind = "compact", vocabulary = 90, width = 16, layers = 1, heads = 2 }

[training]
checkpoint_every = 2
"""


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    said = [f"The {colour} house has {n} doors." for n in range(4) for colour in ("red", "green", "blue")]
    said += [f"{colour}色的房子有{n}扇门。" for n in range(4) for colour in "红绿蓝"]
    (tmp_path / "texts.txt").write_text("\n\n".join(said), encoding="utf-8")
    return tmp_path / "texts.txt"


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "settings.toml").write_text(text)
    return tmp_path / "settings.toml"


def test_a_reader_is_pre_trained_and_a_model_trains_with_it(
    ravlm: Ravlm, texts: Path, coloured: Path, tmp_path: Path
) -> None:
    made = ravlm("train", written(tmp_path, READER), "--data", texts, "--out", tmp_path / "reader", "--json")
    assert made.code == 0
    assert made.json["before"].keys() == made.json["after"].keys() == {"perplexity"}
    assert json.loads((tmp_path / "reader" / "config.json").read_text())["ravlm"]["kind"] == "compact-language"
    model = f"""
[model.language]
kind = "pretrained"
source = "{tmp_path / "reader"}"
trainable = "all"

[model.visual]
image_size = 32
channels = [8, 8]
width = 16

[training.match]
steps = 1
batch = 8

[training.read]
steps = 2
batch = 8
"""
    trained = ravlm("train", written(tmp_path, model), "--data", coloured, "--out", tmp_path / "model")
    assert trained.code == 0, trained.err


def test_a_stopped_run_says_how_to_go_on_and_does(
    ravlm: Ravlm, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, out = written(tmp_path, READER), tmp_path / "reader"
    with monkeypatch.context() as patch:
        patch.setattr("ravlm.training.loop.save_checkpoint", _stop)
        assert ravlm("train", wanted, "--data", texts, "--out", out).code == 130
    begun = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(begun | {"code": "another"}))
    again = ravlm("train", wanted, "--data", texts, "--out", out, "--resume")
    assert (again.code, "  ravlm's own code" in again.err) == (0, True)


def _stop(*_: Run) -> None:
    raise KeyboardInterrupt


def test_all_faults_are_told_at_once(ravlm: Ravlm, texts: Path, tmp_path: Path) -> None:
    bad = """
[pretrain.language]
objective = "masked"
shares = 0.2
steps = 0
encoder = { kind = "transformers", architecture = "bertt", options = { hidden = 3 } }
"""
    told = ravlm("train", written(tmp_path, bad), "--data", texts, "--out", tmp_path / "reader")
    assert told.code == 2
    assert "has 3 faults" in told.err
    assert "pretrain.language.shares: there is no such setting here" in told.err
    assert "did you mean 'share'?" in told.err
    assert "pretrain.language.steps: Input should be greater than 0" in told.err
    assert "pretrain.language.encoder: there is no architecture of transformers here 'bertt'" in told.err
    assert not (tmp_path / "reader").exists()


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('[pretrain.language]\nobjective = "maskd"', "there is no objective 'maskd', only masked, causal"),
        ("[pretrain.language]\n[pretrain.alignment]", "give exactly one of visual, language, alignment"),
        (
            '[pretrain.language]\nencoder = { kind = "pretrained", source = "x" }',
            'encoder.trainable is "none", so nothing would learn',
        ),
        (
            '[pretrain.alignment]\nloss = "hinge"',
            "pretrain.alignment.loss: found 'hinge', expected one of softmax, sigmoid",
        ),
        ('[pretrain.alignment]\nloss = "sigmoi"', "; did you mean 'sigmoid'?"),
        ("[pretrain.alignment]\nloss = 1", "found 1, expected one of softmax, sigmoid\n"),
        (
            '[pretrain.alignment]\nlanguage = { kind = "transformers", architecture = "bertt" }',
            "pretrain.alignment.language: there is no architecture of transformers here 'bertt'",
        ),
    ],
)
def test_settings_that_can_t_be(ravlm: Ravlm, texts: Path, tmp_path: Path, table: str, told: str) -> None:
    refused = ravlm("train", written(tmp_path, table), "--data", texts, "--out", tmp_path / "out")
    assert refused.code == 2
    assert told in refused.err


def test_the_wrong_objective_and_too_little_to_learn_from_leave_nothing_behind(
    ravlm: Ravlm, texts: Path, data: Path, tmp_path: Path
) -> None:
    causal = READER.replace("steps = 4", 'objective = "causal"')
    refused = ravlm("train", written(tmp_path, causal), "--data", texts, "--out", tmp_path / "out")
    assert refused.code == 2
    assert 'Allowed is "masked"' in refused.err
    few = ravlm("train", written(tmp_path, "[pretrain.alignment]"), "--data", data, "--out", tmp_path / "out")
    assert few.code == 2
    assert "tell 2 things apart" in few.err
    captions = written(tmp_path, '[pretrain.alignment]\ntexts = "captions"')
    none = ravlm("train", captions, "--data", data, "--out", tmp_path / "out")
    assert none.code == 2
    assert "no training example of" in none.err
    assert not (tmp_path / "out").exists()
