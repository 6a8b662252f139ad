"""Where a run computes, and in which numbers."""

from contextlib import nullcontext

import pytest
import torch

from ravlm import device
from ravlm.device import autocast, choose_device, precision_of, quicker_in_bfloat16
from ravlm.errors import UnknownChoice

CPU = torch.device("cpu")


@pytest.fixture
def instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)


@pytest.mark.parametrize(("times", "chosen"), [(0.5, "float32"), (1.2, "float32"), (1.4, "bfloat16"), (3, "bfloat16")])
@pytest.mark.usefixtures("instructions")
def test_auto_is_what_is_quicker(monkeypatch: pytest.MonkeyPatch, times: float, chosen: str) -> None:
    monkeypatch.setattr(device, "_times_as_quick", lambda: times)
    assert precision_of(CPU, "auto") == chosen
    assert isinstance(autocast(CPU, precision_of(CPU, "auto")), torch.autocast) == (chosen == "bfloat16")


def test_a_processor_without_the_instructions_is_not_times_as_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False, "avx2": True}, raising=False)
    monkeypatch.setattr(device, "_times_as_quick", lambda: pytest.fail("tried"))
    assert not quicker_in_bfloat16(CPU)


def test_what_is_asked_for_is_done() -> None:
    assert isinstance(autocast(CPU, "float32"), nullcontext)
    assert isinstance(autocast(CPU, "bfloat16"), torch.autocast)
    assert [precision_of(CPU, name) for name in ("float32", "bfloat16")] == ["float32", "bfloat16"]
    with pytest.raises(UnknownChoice, match="Did you mean 'float32'"):
        precision_of(CPU, "float23")


def test_the_trial_is_a_ratio() -> None:
    assert device._times_as_quick() > 0


def test_there_is_a_device() -> None:
    assert choose_device().type in {"cpu", "cuda", "mps", "xpu"}
