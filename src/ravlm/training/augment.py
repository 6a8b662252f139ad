"""Augmentation of picture pairs, on batches of images [b, c, y, x] in 0..255, drawn from a passed generator.

Images are changed on the device where they are; what is drawn for them is drawn on the generator's and moved there.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Num
from torch import Generator, Tensor, nn

_GREY = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Draw:
    """What is drawn from a generator, on a device: the same numbers for every device, but for `noise`."""

    generator: Generator
    device: torch.device

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Numbers between `low` and `high`."""
        return (torch.rand(*shape, generator=self.generator) * (high - low) + low).to(self.device)

    def chance(self, probability: float, *shape: int) -> Tensor:
        """True with the given probability."""
        return (torch.rand(*shape, generator=self.generator) < probability).to(self.device)

    def noise(self, *shape: int) -> Tensor:
        """Normal numbers. There are many: an accelerator draws them itself, from a seed that the generator gives."""
        generator = self.generator
        if self.device != generator.device:
            seed = int(torch.randint(2**62, (), generator=generator))
            generator = Generator(self.device).manual_seed(seed)
        return torch.randn(*shape, generator=generator, device=self.device)


def view(
    images: Num[Tensor, "b c y x"], size: int, generator: Generator, strength: float
) -> Float[Tensor, "b c size size"]:
    """One view of each image: moved, turned and tilted a little, in other light and other colours, partly hidden.

    `strength` in [0, 1] scales everything. Nothing is mirrored: a mirrored picture can be another thing.
    """
    b, draw = len(images), Draw(generator, images.device)
    zoom = draw.uniform(1 - 0.3 * strength, 1 + 0.12 * strength, b)
    stretch = draw.uniform(-0.15 * strength, 0.15 * strength, b).exp()
    turn = draw.uniform(-0.25 * strength, 0.25 * strength, b)
    shift = draw.uniform(-0.15 * strength, 0.15 * strength, b, 2)
    shear = draw.uniform(-0.12 * strength, 0.12 * strength, b)
    cos, sin = turn.cos() * zoom, turn.sin() * zoom
    rows = [cos * stretch, -sin + shear, shift[:, 0], sin, cos / stretch, shift[:, 1]]
    theta = torch.stack(rows, dim=1).view(b, 2, 3)
    grid = nn.functional.affine_grid(theta, [b, 3, size, size], align_corners=False)
    x = nn.functional.grid_sample(images.float(), grid, padding_mode="reflection", align_corners=False)

    contrast = draw.uniform(-0.4 * strength, 0.4 * strength, b, 1, 1, 1).exp()
    gain = draw.uniform(-0.3 * strength, 0.3 * strength, b, 1, 1, 1).exp()
    cast = draw.uniform(-0.12 * strength, 0.12 * strength, b, 3, 1, 1).exp()
    saturation = draw.uniform(1 - 0.5 * strength, 1 + 0.4 * strength, b, 1, 1, 1)
    grey = greyed(x)
    x = grey + (x - grey) * saturation
    x = (x - 127.5) * contrast + 127.5
    x = x * gain * cast
    x = _blur(x, draw.chance(0.3 * strength, b))
    x = hide(x, generator, 0.4 * strength)
    x = x + draw.noise(*x.shape) * draw.uniform(0.0, 10.0 * strength, b, 1, 1, 1)
    return x.clamp(0.0, 255.0)


def greyed(x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b 1 y x"]:
    """How bright each pixel is."""
    return (x * torch.tensor(_GREY, device=x.device).view(1, 3, 1, 1)).sum(1, keepdim=True)


def _blur(x: Float[Tensor, "b c y x"], chosen: Tensor) -> Float[Tensor, "b c y x"]:
    soft = nn.functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
    return torch.where(chosen.view(-1, 1, 1, 1), soft, x)


def hide(x: Float[Tensor, "b c y x"], generator: Generator, probability: float) -> Float[Tensor, "b c y x"]:
    """A rectangle of one colour over a part of the picture (random erasing, Zhong et al. 2020)."""
    (b, c, height, width), draw = x.shape, Draw(generator, x.device)
    sizes = draw.uniform(0.1, 0.45, b, 2)
    corners = draw.uniform(0.0, 1.0, b, 2) * (1 - sizes)
    ys, xs = (torch.linspace(0, 1, side, device=x.device) for side in (height, width))
    in_y = (ys >= corners[:, :1]) & (ys < (corners + sizes)[:, :1])
    in_x = (xs >= corners[:, 1:]) & (xs < (corners + sizes)[:, 1:])
    hidden = (in_y.unsqueeze(2) & in_x.unsqueeze(1)).unsqueeze(1) & draw.chance(probability, b, 1, 1, 1)
    return torch.where(hidden, draw.uniform(0.0, 255.0, b, c, 1, 1), x)


def change_identity(
    first: Float[Tensor, "b c y x"], second: Float[Tensor, "b c y x"], generator: Generator
) -> tuple[Float[Tensor, "b c y x"], Float[Tensor, "b c y x"]]:
    """The same change to both views of 60 % of the pairs: pairs of pictures of things that never were.

    Channels are permuted, colours negated, the plane is turned or mirrored, and a part is taken from the next pair
    (CutMix, Yun et al. 2019, applied to both views): a few known things become many.
    """
    b, size, draw = len(first), first.shape[-1], Draw(generator, first.device)
    both = original = torch.stack([first, second], dim=1)  # [b, 2, c, y, x]
    order = draw.uniform(0.0, 1.0, b, 3).argsort(1)
    order = torch.where(draw.chance(0.6, b, 1), order, torch.arange(3, device=first.device))
    both = both.gather(2, order.view(b, 1, 3, 1, 1).expand_as(both))
    both = torch.where(draw.chance(0.15, b, 1, 1, 1, 1), 255.0 - both, both)
    both = torch.where(draw.chance(0.3, b, 1, 1, 1, 1), both.flip(-1), both)
    both = torch.where(draw.chance(0.3, b, 1, 1, 1, 1), both.flip(-2), both)
    both = torch.where(draw.chance(0.2, b, 1, 1, 1, 1), both.transpose(-1, -2), both)
    edge = draw.uniform(0.3, 0.7, b, 1, 1, 1, 1) * size
    along = torch.arange(size, device=first.device).view(1, 1, 1, 1, size)
    beyond = (along > edge).expand(b, 1, 1, size, size)
    beyond = torch.where(draw.chance(0.5, b, 1, 1, 1, 1), beyond, beyond.transpose(-1, -2))
    both = torch.where(beyond & draw.chance(0.25, b, 1, 1, 1, 1), both.roll(1, 0), both)
    both = torch.where(draw.chance(0.6, b, 1, 1, 1, 1), both, original)
    return both[:, 0], both[:, 1]
