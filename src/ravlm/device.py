"""Where a run computes, and how precisely."""

import time
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch

_SIDE = 512  # of the matrices that are tried
_TRIES = 5
_WORTH = 1.3  # times as quick


def choose_device() -> torch.device:
    """The accelerator where there is one, else the CPU."""
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return accelerator or torch.device("cpu")


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """The type asked for; on `auto` bfloat16 where the processor is quicker in it."""
    if precision == "float32" or (precision == "auto" and not quicker_in_bfloat16(device)):
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def quicker_in_bfloat16(device: torch.device) -> bool:
    """Whether a device computes faster in bfloat16 than in float32: recent GPUs do, and some CPUs.

    That a CPU has the instructions says little: with AMX it is several times as quick, with AVX512-BF16 alone some
    are half as quick. So a matrix product is tried, once a process.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    has = any(value for name, value in capabilities.items() if name.endswith("bf16"))
    return device.type == "cpu" and has and _tried() >= _WORTH


@cache
def _tried() -> float:
    """How many times as quick a matrix product is in bfloat16 on this CPU: the best of a few, in milliseconds each."""

    def best(kind: torch.dtype) -> float:
        one = torch.ones(_SIDE, _SIDE, dtype=kind)
        taken = []
        for _ in range(1 + _TRIES):  # the first one makes the kernel
            began = time.perf_counter()
            one @ one
            taken.append(time.perf_counter() - began)
        return min(taken)

    return best(torch.float32) / best(torch.bfloat16)
