"""Augmentation of picture pairs, on batches of images [b, c, y, x] in 0..255, drawn from a passed generator."""

import torch
from jaxtyping import Float, Num
from torch import Generator, Tensor, nn

_GREY = (0.299, 0.587, 0.114)


def uniform(generator: Generator, low: float, high: float, *shape: int) -> Tensor:
    """Numbers between `low` and `high`."""
    return torch.rand(*shape, generator=generator) * (high - low) + low


def chance(generator: Generator, probability: float, *shape: int) -> Tensor:
    """True with the given probability."""
    return torch.rand(*shape, generator=generator) < probability


def view(
    images: Num[Tensor, "b c y x"], size: int, generator: Generator, strength: float
) -> Float[Tensor, "b c size size"]:
    """One view of each image: moved, turned and tilted a little, in other light and other colours, partly hidden.

    `strength` in [0, 1] scales everything. Nothing is mirrored: a mirrored picture can be another thing.
    """
    b = len(images)
    zoom = uniform(generator, 1 - 0.3 * strength, 1 + 0.12 * strength, b)
    stretch = uniform(generator, -0.15 * strength, 0.15 * strength, b).exp()
    turn = uniform(generator, -0.25 * strength, 0.25 * strength, b)
    shift = uniform(generator, -0.15 * strength, 0.15 * strength, b, 2)
    shear = uniform(generator, -0.12 * strength, 0.12 * strength, b)
    cos, sin = turn.cos() * zoom, turn.sin() * zoom
    rows = [cos * stretch, -sin + shear, shift[:, 0], sin, cos / stretch, shift[:, 1]]
    theta = torch.stack(rows, dim=1).view(b, 2, 3)
    grid = nn.functional.affine_grid(theta, [b, 3, size, size], align_corners=False)
    x = nn.functional.grid_sample(images.float(), grid, padding_mode="reflection", align_corners=False)

    contrast = uniform(generator, -0.4 * strength, 0.4 * strength, b, 1, 1, 1).exp()
    gain = uniform(generator, -0.3 * strength, 0.3 * strength, b, 1, 1, 1).exp()
    cast = uniform(generator, -0.12 * strength, 0.12 * strength, b, 3, 1, 1).exp()
    saturation = uniform(generator, 1 - 0.5 * strength, 1 + 0.4 * strength, b, 1, 1, 1)
    grey = (x * torch.tensor(_GREY).view(1, 3, 1, 1)).sum(1, keepdim=True)
    x = grey + (x - grey) * saturation
    x = (x - 127.5) * contrast + 127.5
    x = x * gain * cast
    x = _blur(x, chance(generator, 0.3 * strength, b))
    x = hide(x, generator, 0.4 * strength)
    x = x + torch.randn(x.shape, generator=generator) * uniform(generator, 0.0, 10.0 * strength, b, 1, 1, 1)
    return x.clamp(0.0, 255.0)


def _blur(x: Float[Tensor, "b c y x"], chosen: Tensor) -> Float[Tensor, "b c y x"]:
    soft = nn.functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
    return torch.where(chosen.view(-1, 1, 1, 1), soft, x)


def hide(x: Float[Tensor, "b c y x"], generator: Generator, probability: float) -> Float[Tensor, "b c y x"]:
    """A rectangle of one colour over a part of the picture (random erasing, Zhong et al. 2020)."""
    b, c, height, width = x.shape
    sizes = uniform(generator, 0.1, 0.45, b, 2)
    corners = uniform(generator, 0.0, 1.0, b, 2) * (1 - sizes)
    ys, xs = torch.linspace(0, 1, height), torch.linspace(0, 1, width)
    in_y = (ys >= corners[:, :1]) & (ys < (corners + sizes)[:, :1])
    in_x = (xs >= corners[:, 1:]) & (xs < (corners + sizes)[:, 1:])
    hidden = (in_y.unsqueeze(2) & in_x.unsqueeze(1)).unsqueeze(1) & chance(generator, probability, b, 1, 1, 1)
    return torch.where(hidden, uniform(generator, 0.0, 255.0, b, c, 1, 1), x)


def change_identity(
    first: Float[Tensor, "b c y x"], second: Float[Tensor, "b c y x"], generator: Generator
) -> tuple[Float[Tensor, "b c y x"], Float[Tensor, "b c y x"]]:
    """The same change to both views of 60 % of the pairs: pairs of pictures of things that never were.

    Channels are permuted, colours negated, the plane is turned or mirrored, and a part is taken from the next pair
    (CutMix, Yun et al. 2019, applied to both views): a few known things become many.
    """
    b, size = len(first), first.shape[-1]
    both = original = torch.stack([first, second], dim=1)  # [b, 2, c, y, x]
    order = torch.rand(b, 3, generator=generator).argsort(1)
    order = torch.where(chance(generator, 0.6, b, 1), order, torch.arange(3))
    both = both.gather(2, order.view(b, 1, 3, 1, 1).expand_as(both))
    both = torch.where(chance(generator, 0.15, b, 1, 1, 1, 1), 255.0 - both, both)
    both = torch.where(chance(generator, 0.3, b, 1, 1, 1, 1), both.flip(-1), both)
    both = torch.where(chance(generator, 0.3, b, 1, 1, 1, 1), both.flip(-2), both)
    both = torch.where(chance(generator, 0.2, b, 1, 1, 1, 1), both.transpose(-1, -2), both)
    edge = uniform(generator, 0.3, 0.7, b, 1, 1, 1, 1) * size
    along = torch.arange(size).view(1, 1, 1, 1, size)
    beyond = (along > edge).expand(b, 1, 1, size, size)
    beyond = torch.where(chance(generator, 0.5, b, 1, 1, 1, 1), beyond, beyond.transpose(-1, -2))
    both = torch.where(beyond & chance(generator, 0.25, b, 1, 1, 1, 1), both.roll(1, 0), both)
    both = torch.where(chance(generator, 0.6, b, 1, 1, 1, 1), both, original)
    return both[:, 0], both[:, 1]
