from pathlib import Path

import pytest

from small_dataset import write_dataset


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data")
