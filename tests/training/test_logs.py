"""What TensorBoard is told."""

from pathlib import Path

import pytest

from events import scalars
from ravlm.errors import MissingExtra, PathError
from ravlm.training.logs import Logs
from small_stage import Product, trained

pytest.importorskip("tensorboardX")


def test_what_is_measured_is_written_and_a_run_that_goes_on_adds_to_it(tmp_path: Path) -> None:
    def log(**more: object) -> None:
        logs = Logs(tmp_path / "logs")
        stage = Product((3.0, 2.0, 1.0), validate_every=10)
        try:
            trained(stage, tmp_path / "out", measured=logs, **more)
        finally:
            logs.close()

    def stop(_: str, done: int, total: int) -> None:
        if done == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        log(progress=stop)
    log(resume=True)
    found = scalars(tmp_path / "logs")
    names = {"loss", "rate", "gradient_norm", "steps_a_second", "validation"}
    assert found.keys() == {f"product/{name}" for name in names}
    assert [step for step, _ in found["product/loss"]] == [10, 20]
    assert [step for step, _ in found["product/validation"]] == [0, 10, 20]
    assert found["product/validation"][0][1] == 3.0


def test_logs_are_refused_where_they_can_not_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PathError, match="can't be written"):
        Logs(tmp_path / "file")
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    with pytest.raises(MissingExtra, match=r"ravlm\[logs\]"):
        Logs(tmp_path / "logs")
