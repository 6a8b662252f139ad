"""What all tests share: checks of shapes and types while they run, and a small model with its run.

Importing the product alone checks nothing.
"""

import sys
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

from coloured_dataset import TINY, write_coloured

_CHECKED = ["ravlm.tensors", "ravlm.encoders", "ravlm.fusion", "ravlm.heads", "ravlm.model.vlm", "ravlm.training.match"]
_CHECKED += ["ravlm.training.pretrain.views", "ravlm.training.pretrain.visual_stages"]
_TEXTS = ("alignment", "alignment_stage", "language", "language_stages", "pairs", "reading", "tokens")
_CHECKED += [f"ravlm.training.pretrain.{name}" for name in _TEXTS]
install_import_hook(_CHECKED, "beartype.beartype")


@pytest.fixture(scope="session")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of coloured things. Leave it as it is."""
    return write_coloured(tmp_path_factory.mktemp("coloured") / "data")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with which a model learns to read the coloured things in seconds."""
    path = tmp_path_factory.mktemp("config") / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def trained(coloured: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the coloured things. Leave it as it is; `model` is a copy to change."""
    from ravlm.training.config import read_run_config
    from ravlm.training.run import train

    out = tmp_path_factory.mktemp("trained") / "model"
    train(read_run_config(tiny), coloured, out)
    return out


@pytest.fixture(scope="session")
def run(trained: Path, coloured: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of that model on its test questions, under every kind of evidence. Leave it as it is."""
    from ravlm.cli.main import main

    out = tmp_path_factory.mktemp("evaluated") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ravlm", "evaluate", *map(str, (trained, "--data", coloured, "--out", out))])
        with pytest.raises(SystemExit) as stop:
            main()
    assert stop.value.code in (None, 0)
    return out
