"""Where a run computes, and how precisely."""

import time
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Literal

import torch

from ravlm.errors import UnknownChoice

Precision = Literal["auto", "float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("auto", "float32", "bfloat16")

_SIDE = 512  # of the matrices that are tried
_TRIES = 5
_WORTH = 1.3  # times as quick


def choose_device() -> torch.device:
    """The accelerator where there is one, else the CPU."""
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return accelerator or torch.device("cpu")


def device_name(device: torch.device) -> str:
    """A device as people know it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"CPU ({threads} thread{'s' * (threads != 1)})"
    return device.type.upper()


def precision_of(device: torch.device, asked: str) -> Precision:
    """`float32` or `bfloat16`, as asked; on `auto` bfloat16 where the processor is quicker in it.

    Raises:
        UnknownChoice: there is no such precision.
    """
    for precision in PRECISIONS:
        if asked == precision != "auto":
            return precision
    if asked != "auto":
        raise UnknownChoice("precision", asked, PRECISIONS)
    return "bfloat16" if quicker_in_bfloat16(device) else "float32"


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Computing in a precision that `precision_of` gave."""
    return nullcontext() if precision == "float32" else torch.autocast(device.type, dtype=torch.bfloat16)


def in_float32(device: torch.device) -> AbstractContextManager[object]:
    """Computing what is ranked in float32, whatever is computed around it: near scores are one in bfloat16."""
    return torch.autocast(device.type, enabled=False)


def quicker_in_bfloat16(device: torch.device) -> bool:
    """Whether a device computes faster in bfloat16 than in float32: recent GPUs do, and some CPUs.

    That a CPU has the instructions says little: with AMX it is several times as quick, with AVX512-BF16 alone some
    are half as quick. So a matrix product is tried, once a process.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    has = any(value for name, value in capabilities.items() if name.endswith("bf16"))
    return device.type == "cpu" and has and _times_as_quick() >= _WORTH


@cache
def _times_as_quick() -> float:
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
