"""Learning rates, weight averages and random states that depend on the step alone, so that a resume is exact."""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Generator, Tensor, nn

from ravlm.encoders.base import Encoder


def warm_up_then_cosine(step: int, total: int, warm_up: int) -> float:
    """The factor of the learning rate at `step` of `total`: linear up, then half a cosine down to 2 %."""
    if step < warm_up:
        return (step + 1) / warm_up
    progress = (step - warm_up) / max(total - warm_up, 1)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def step_generator(seed: int, stage: str, step: int, *part: int, rank: int = 0) -> Generator:
    """The random numbers of one step, or a part of it; also seeds torch's global generator (dropout) for it.

    The generator is the same on all processes of a run, and draws the batch; dropout differs by their `rank`.
    """
    mixed = hash_seed(seed, stage, step, *part)
    torch.manual_seed(hash_seed(mixed, "rank", rank) if rank else mixed)
    return torch.Generator().manual_seed(mixed)


def hash_seed(*parts: object) -> int:
    """A 63-bit seed from any values with a stable text."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def trainable(part: object) -> nn.Module:
    """The part as a torch module.

    Raises:
        TypeError: it is none, so it has no weights to train.
    """
    if not isinstance(part, nn.Module):
        raise TypeError(f"a {type(part).__name__} can't be trained: it is no torch module")
    return part


def learning(encoder: object) -> list[nn.Module]:
    """The encoder, where any of its weights learns; else nothing."""
    module = trainable(encoder)
    return [module] if any(p.requires_grad for p in module.parameters()) else []


def make_optimizers(
    modules: Iterable[nn.Module],
    *,
    learning_rate: float,
    weight_decay: float,
    matrices: float | None = None,
    pretrained: float | None = None,
    rates: Mapping[nn.Module, float] | None = None,
) -> list[torch.optim.Optimizer]:
    """AdamW over the parameters that train; biases, norms and gains are not decayed.

    With `matrices`, a learning rate, the weights of linear layers of more than one row are trained by Muon instead,
    whose steps have the same length in every direction (Jordan et al. 2024); the layer of classes, too.
    With `pretrained`, a learning rate, it is that of all weights of encoders and decoders that did not begin at random.
    `rates` are those of single modules: all weights of one have its rate, whatever else is said here.
    Each group keeps its highest rate as `initial_lr`.
    """
    modules = list(modules)
    parts = [part for module in modules for part in module.modules()]
    gentle = {id(p) for part in parts for p in _brought(part)} if pretrained is not None else set()
    linear = [part.weight for part in parts if isinstance(part, nn.Linear)]
    turned = {id(w) for w in linear if matrices is not None and min(w.shape) > 1 and w.requires_grad} - gentle
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    own = {id(p): rate for module, rate in (rates or {}).items() for p in module.parameters()}
    rate_of = {id(p): own.get(id(p), pretrained if id(p) in gentle else learning_rate) for p in parameters}
    rest, chosen = ([p for p in parameters if (id(p) in turned) is muon] for muon in (False, True))
    groups = [
        {"params": [p for p in some if (p.ndim >= 2) is decayed], "weight_decay": weight_decay * decayed, "lr": rate}
        for rate, some in _by_rate(rest, rate_of)
        for decayed in (True, False)
    ]
    groups = [group for group in groups if group["params"]]
    optimizers: list[torch.optim.Optimizer] = []
    if groups:
        optimizers.append(torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98), fused=True))
    if matrices is not None and chosen:
        of_matrices = {id(p): own.get(id(p), matrices) for p in chosen}
        sets = [{"params": some, "lr": rate} for rate, some in _by_rate(chosen, of_matrices)]
        optimizers.append(torch.optim.Muon(sets, lr=matrices, weight_decay=weight_decay))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers


def _by_rate(
    parameters: Sequence[nn.Parameter], rate_of: Mapping[int, float | None]
) -> list[tuple[float, list[nn.Parameter]]]:
    """The parameters of each rate, rates in the order in which they come."""
    found: dict[Any, list[nn.Parameter]] = {}
    for parameter in parameters:
        found.setdefault(rate_of[id(parameter)], []).append(parameter)
    return list(found.items())


def keep_statistics(module: nn.Module) -> None:
    """Let batch normalisation keep the statistics that it has, while the weights learn.

    A batch of questions shows few different photos, some of them many times: its statistics are not those of photos.
    """
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.eval()


@contextmanager
def standing_still(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Within the block nothing in these modules gets a gradient; afterwards what learned before learns again."""
    learning = [p for module in modules for p in module.parameters() if p.requires_grad]
    try:
        for parameter in learning:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def _brought(part: nn.Module) -> Iterable[nn.Parameter]:
    """The weights that an encoder or a decoder did not begin with at random."""
    if isinstance(part, Encoder):
        return part.parameters() if part.origin is not None else ()
    given: Callable[[], Iterable[nn.Parameter]] = getattr(part, "pretrained_parameters", tuple)
    return given()


class Average:
    """The exponential moving average of a module's weights and buffers (Polyak averaging)."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state: dict[str, Tensor] = {name: value.detach().clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move towards the module's weights; faster in the first steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - decay)
            else:
                self.state[name].copy_(value)

    @contextmanager
    def within(self, module: nn.Module) -> Iterator[None]:
        """Within the block the module has the average; afterwards what it had, bit for bit."""
        before = {name: value.detach().clone() for name, value in module.state_dict().items()}
        try:
            module.load_state_dict(self.state)
            yield
        finally:
            module.load_state_dict(before)
