import shutil
import sys
from pathlib import Path

import pytest

from command import Outcome, Ravlm
from ravlm.cli.main import main
from ravlm.knowledge.build import build
from ravlm.knowledge.sources.dataset import DatasetSource
from small_dataset import write_dataset


@pytest.fixture
def ravlm(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ravlm:
    """The command line as a user calls it, in this process."""

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["ravlm", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        written = capsys.readouterr()
        code = stop.value.code
        return Outcome(code if isinstance(code, int) else int(code is not None), written.out, written.err)

    return run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data")


@pytest.fixture
def kb(data: Path, tmp_path: Path) -> Path:
    build(DatasetSource(data), tmp_path / "kb")
    return tmp_path / "kb"


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tiny models are fastest so, also on a machine that has other things to do."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "model"))
