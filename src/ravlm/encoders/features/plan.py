"""What computing features takes: the cores that decode, a small input to try, memory."""

import os
import random
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from ravlm.encoders.pictures import stack_pictures
from ravlm.tensors import Encoded

_TOKENS = 128  # of a text, where its memory is told
_SIDE = 256  # pixels of the picture that is tried


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tried(encoder: Any, model: nn.Module, device: torch.device) -> Encoded:
    """What a model makes of one small picture or text, in float32; `encoder` prepares it."""
    with torch.inference_mode():
        encoded: Encoded = model(_small(encoder, device))
        return encoded


def memory(encoder: Any, model: nn.Module, device: torch.device, batch: int) -> int:
    """Roughly the bytes that a batch takes: the weights, and twice the layer that holds most; texts of 128 tokens."""
    most = 0

    def look(part: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal most
        held = (x for x in (*inputs, output) if isinstance(x, Tensor))
        most = max(most, sum(x.numel() * x.element_size() for x in held))

    hooks = [part.register_forward_hook(look) for part in model.modules() if not any(part.children())]
    try:
        n = tried(encoder, model, device).tokens.shape[1]
    finally:
        for hook in hooks:
            hook.remove()
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    longer = _TOKENS / n if hasattr(encoder, "tokenize") else 1
    return weights + int(2 * most * longer * batch)


def _small(encoder: Any, device: torch.device) -> Any:
    if hasattr(encoder, "tokenize"):
        return encoder.tokenize(["one text"]).to(device)
    noise = Image.frombytes("RGB", (_SIDE, _SIDE), random.Random(0).randbytes(3 * _SIDE**2))
    return stack_pictures([encoder.preprocess(noise)]).to(device)
