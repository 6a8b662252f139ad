"""Where a run computes, and how precisely."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch


def choose_device() -> torch.device:
    """The accelerator where there is one, else the CPU."""
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return accelerator or torch.device("cpu")


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """The type asked for; on `auto` bfloat16 where the processor computes in it (AVX512-BF16, any recent GPU)."""
    if precision == "float32" or (precision == "auto" and not _has_bfloat16(device)):
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: dict[str, Any] = getattr(
        torch.cpu, "get_capabilities", dict
    )()  # newer than torch 2.11 on some platforms
    return device.type == "cpu" and bool(capabilities.get("avx512_bf16"))
