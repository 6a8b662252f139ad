"""`torchrun -m ravlm train`: two processes train the model that one trains."""

import json
from pathlib import Path

import pytest

from command import Ravlm
from events import scalars
from two_processes import torchrun

SMALL = """
[model.visual]
kind = "timm"
architecture = "test_convnext"
image_size = 32

[model.language]
vocabulary = 70
width = 16
layers = 1
heads = 2
noise = 0.0

[model.fusion]
width = 16

[training]
precision = "float32"

[training.match]
steps = 1
batch = 10
learning_rate = 1e-9

[training.read]
steps = 1
batch = 10
wrong = 1.0
no_evidence = 0.0
rates = { visual = 0.0001 }
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """An eye without batch normalisation, no chance; it learns in both stages, in the first next to nothing: Adam makes
    a step of its full length of a gradient that is rounding alone.
    """
    (tmp_path / "small.toml").write_text(SMALL)
    return tmp_path / "small.toml"


def test_two_processes_have_the_losses_and_gradients_of_one(
    ravlm: Ravlm, settings: Path, coloured: Path, tmp_path: Path
) -> None:
    pytest.importorskip("accelerate")
    pytest.importorskip("tensorboardX")
    out, words = tmp_path / "two", ("train", settings, "--data", coloured, "--json")
    ran = torchrun("-m", "ravlm", *words, "--out", out, "--tensorboard", tmp_path / "two-logs")
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert json.loads(ran.stdout)["model"] == str(out)  # one process prints
    assert ran.stderr.count("Training on CPU (1 thread) in float32, seed 0, 2 processes.") == 1
    assert ran.stderr.count("reading pictures: 96 of 96") == 1
    assert ravlm(*words, "--out", tmp_path / "one", "--tensorboard", tmp_path / "one-logs").code == 0
    two, one = scalars(tmp_path / "two-logs"), scalars(tmp_path / "one-logs")
    assert two.keys() == one.keys() > {"match/loss", "read/loss", "read/rate", "match/gradient_norm"}
    for tag, close in {"match/loss": 1e-5, "match/gradient_norm": 1e-5, "read/loss": 0.02}.items():
        ((_, value),), ((_, expected),) = two[tag], one[tag]
        assert value == pytest.approx(expected, rel=close), tag  # what reads has batch normalisation
    about = json.loads((out / "config.json").read_text())["training"]["run"]
    assert (about["processes"], about["threads"]) == (2, 1)
    assert ravlm("ask", out, coloured / "images" / "red-green.png", "Who keeps it?").code == 0
    assert not (out / "checkpoints").exists()
