"""A copy of an encoder that computes the same, made ready to run fast and never to learn."""

import copy
from collections.abc import Callable
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ravlm.tensors import Encoded

_TOLERANCE = 1e-5  # of the largest number


def ready(encoder: nn.Module, device: torch.device, probe: Callable[[nn.Module], Encoded]) -> nn.Module:
    """A copy in evaluation mode on a device; the encoder stays as it is, and weights that need not change are shared.

    Batch norms are folded into the convolutions before them: a convolution is linear, and so is a batch norm that
    learns no more (Jacob et al. 2018, sec. 3.2). Weights of convolutions lie channels last. Where the folded copy
    does not give what the encoder gives, nothing is folded.

    Args:
        encoder: the model.
        device: where the copy computes.
        probe: runs a model of this kind once, on a small input.
    """
    plain = _placed(_copied(encoder), device)
    pairs = _pairs(plain, probe)
    if not pairs:
        return plain
    folded = _placed(_folded(plain, pairs), device)
    return folded if _same(probe(plain), probe(folded)) else plain


def _copied(module: nn.Module) -> nn.Module:
    """The same modules anew, in evaluation mode, over the same tensors and all else that is no module."""
    shared = chain(module.parameters(), module.buffers(), (v for v in vars(module).values() if not _holds_modules(v)))
    return copy.deepcopy(module, {id(value): value for value in shared}).eval()


def _holds_modules(value: object) -> bool:
    return isinstance(value, nn.Module | dict | list | tuple)


def _placed(module: nn.Module, device: torch.device) -> nn.Module:
    """Put other tensors in the place of those that are elsewhere or lie otherwise; tied weights stay tied."""
    made: dict[int, Tensor] = {}
    for part in module.modules():
        for tensors in (part._parameters, part._buffers):
            for name, value in tensors.items():
                if value is None:
                    continue
                if id(value) not in made:
                    made[id(value)] = _moved(value, device)
                tensors[name] = made[id(value)]  # type: ignore[assignment]
    return module


def _moved(value: Tensor, device: torch.device) -> Tensor:
    form = torch.channels_last if value.ndim == 4 else torch.contiguous_format
    moved = value.detach().to(device).contiguous(memory_format=form)
    return nn.Parameter(moved, requires_grad=False) if isinstance(value, nn.Parameter) else moved


def _pairs(module: nn.Module, probe: Callable[[nn.Module], Encoded]) -> list[tuple[str, str]]:
    """The names of each convolution and the batch norm that gets what it gives."""
    names = {part: name for name, part in module.named_modules()}
    given: dict[int, tuple[nn.Module, Tensor]] = {}  # the outputs are held: an id stays one's own
    pairs: list[tuple[str, str]] = []

    def look(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(part, nn.Conv2d):
            given[id(output)] = part, output
        elif id(inputs[0]) in given:
            pairs.append((names[given[id(inputs[0])][0]], names[part]))

    watched = [p for p in module.modules() if isinstance(p, nn.Conv2d) or _foldable(p)]
    if not any(isinstance(part, nn.BatchNorm2d) for part in watched):
        return []
    hooks = [part.register_forward_hook(look) for part in watched]
    try:
        probe(module)
    finally:
        for hook in hooks:
            hook.remove()
    return pairs


def _foldable(part: nn.Module) -> bool:
    """Whether this is a batch norm, alone or timm's with an activation behind it."""
    if not isinstance(part, nn.BatchNorm2d) or part.running_var is None:
        return False
    return type(part) is nn.BatchNorm2d or _has_activation(part)


def _has_activation(part: nn.Module) -> bool:
    return all(isinstance(getattr(part, name, None), nn.Module) for name in ("drop", "act"))


def _folded(plain: nn.Module, pairs: list[tuple[str, str]]) -> nn.Module:
    folded = _copied(plain)
    for convolution, norm in pairs:
        before, after = folded.get_submodule(convolution), folded.get_submodule(norm)
        if not isinstance(before, nn.Conv2d) or not isinstance(after, nn.BatchNorm2d):
            continue  # folded already: one that is used twice
        folded.set_submodule(convolution, fuse_conv_bn_eval(before, after))
        left = nn.Sequential(after.drop, after.act) if _has_activation(after) else nn.Identity()  # type: ignore[arg-type]
        folded.set_submodule(norm, left)
    return folded.eval()


def _same(one: Encoded, other: Encoded) -> bool:
    def close(a: Tensor, b: Tensor) -> bool:
        return a.shape == b.shape and bool((a - b).abs().max() <= _TOLERANCE * a.abs().max())

    return close(one.tokens, other.tokens) and close(one.pooled, other.pooled)
