"""A checkpoint is there whole or not at all, wherever its save is cut short."""

import builtins
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ravlm.errors import FormatError
from ravlm.training.checkpoint import FOLDER, has_checkpoint, last_checkpoint
from small_stage import Product, same, trained

TOUCHES = [(os, "fsync"), (os, "replace"), (os, "rename"), (os, "unlink"), (os, "rmdir"), (os, "mkdir"), (os, "open")]
"""What changes the disk; a file's bytes are cut between its opening and its flush."""
KILLED = 77


def killed_at(count: int, work: Callable[[], Any]) -> bool:
    """Whether a process that does this ends, by itself, before it comes to touch the disk for the `count`-th time."""
    child = os.fork()
    if child == 0:
        left = [count]

        def counted(touch: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **options: Any) -> Any:
                left[0] -= 1
                if left[0] == 0:
                    os._exit(KILLED)
                return touch(*arguments, **options)

            return call

        for module, name in [*TOUCHES, (builtins, "open")]:
            setattr(module, name, counted(getattr(module, name)))
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED)
    return code == 0


@pytest.mark.filterwarnings("ignore:lance is not fork-safe")  # which these processes don't use
def test_a_save_that_is_killed_anywhere_loses_nothing(tmp_path: Path) -> None:
    whole, _ = trained(Product(steps=10), tmp_path / "whole")
    begun = tmp_path / "begun"
    with pytest.raises(KeyboardInterrupt):
        trained(Product(steps=10), begun, progress=_stop_at(5))
    found = []
    for count in range(1, 200):
        out = tmp_path / str(count)
        shutil.copytree(begun, out)
        done = killed_at(count, lambda: trained(Product(steps=10), out, resume=True))  # noqa: B023  called at once
        kept = last_checkpoint(out)
        assert kept is not None
        found.append(kept.step)
        assert same(trained(Product(steps=10), out, resume=True)[0], whole), f"killed at {count}"
        newest = last_checkpoint(out)
        assert newest is not None
        assert newest.step == 10
        shutil.rmtree(out)
        if done:
            break
    assert set(found) == {5, 10}
    assert found == sorted(found)
    assert found.count(5) > 8


def _stop_at(step: int) -> Callable[[str, int, int], None]:
    def progress(_: str, done: int, total: int) -> None:
        if done == step:
            raise KeyboardInterrupt

    return progress


def test_a_checkpoint_that_is_there_already_is_left_as_it_is(tmp_path: Path) -> None:
    trained(Product(), tmp_path)
    (folder,) = (tmp_path / FOLDER).iterdir()
    before = (folder / "state.safetensors").stat().st_mtime_ns, (folder / "state.json").stat().st_ino
    trained(Product(), tmp_path)
    assert ((folder / "state.safetensors").stat().st_mtime_ns, (folder / "state.json").stat().st_ino) == before


@pytest.mark.parametrize("name", ["state.safetensors", "state.json"])
@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_a_damaged_checkpoint_is_told(tmp_path: Path, name: str, harm: str) -> None:
    trained(Product(), tmp_path)
    (folder,) = (tmp_path / FOLDER).iterdir()
    if harm == "cut":
        (folder / name).write_bytes((folder / name).read_bytes()[:-20])
    else:
        (folder / name).unlink()
    with pytest.raises(FormatError, match=r"product-0000020 can't be read .*damaged"):
        last_checkpoint(tmp_path)


def test_nothing_is_no_checkpoint(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path) is None
    (tmp_path / FOLDER / ".0-product-0000005.partial").mkdir(parents=True)
    assert not has_checkpoint(tmp_path)
