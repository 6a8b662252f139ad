"""Random views of pictures: crops in other light and other colours, drawn from a passed generator."""

import torch
from jaxtyping import Float, Int, Num
from torch import Generator, Tensor, nn

from ravlm.training.augment import Draw, greyed, hide

ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
"""The orders that three colour channels can have; the first is as they are."""
_LONGEST = 4 / 3  # a crop's longer side over its shorter one
_TURN = 0.29  # radians
_LIGHT, _COLOUR, _CAST = 0.5, 0.57, 0.11  # in logarithms, but for the second, a share
_HIDDEN = 0.36


def crops(
    images: Num[Tensor, "b c y x"],
    size: int,
    generator: Generator,
    *,
    least_area: float,
    mirror: float,
    strength: float,
) -> Float[Tensor, "b c size size"]:
    """A random crop of each image (Szegedy et al. 2015, sec. 6), 0..255, as a square of `size` pixels.

    A crop has `least_area` to all of the image's area, and sides of a ratio of 3/4 to 4/3; a share `mirror` of them is
    mirrored. By `strength` in [0, 1], they are turned (up to 17 degrees), brightness, contrast, saturation and the
    colour of the light change, and a rectangle hides a part (random erasing, Zhong et al. 2020).
    """
    b, draw = len(images), Draw(generator, images.device)
    area = draw.uniform(least_area, 1.0, b)
    most = (1 / area).clamp(max=_LONGEST).log()  # beyond it, the crop would be wider or higher than the image
    ratio = (draw.uniform(-1.0, 1.0, b) * most).exp()
    width, height = (area * ratio).sqrt(), (area / ratio).sqrt()
    x, y = (draw.uniform(-1.0, 1.0, b) * (1 - side) for side in (width, height))
    turn = draw.uniform(-_TURN * strength, _TURN * strength, b)
    side = torch.where(draw.chance(mirror, b), -1.0, 1.0)
    cos, sin = turn.cos(), turn.sin()
    rows = [width * cos * side, -height * sin, x, width * sin * side, height * cos, y]
    grid = nn.functional.affine_grid(torch.stack(rows, dim=1).view(b, 2, 3), [b, 3, size, size], align_corners=False)
    views = nn.functional.grid_sample(images.float(), grid, padding_mode="reflection", align_corners=False)
    return hide(_lit(views, generator, strength).clamp(0.0, 255.0), generator, _HIDDEN * strength)


def _lit(x: Float[Tensor, "b c y x"], generator: Generator, strength: float) -> Float[Tensor, "b c y x"]:
    """In other light: brightness, contrast, saturation, the light's colour."""
    b, draw = len(x), Draw(generator, x.device)
    x = x * draw.uniform(-_LIGHT * strength, _LIGHT * strength, b, 1, 1, 1).exp()
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * draw.uniform(-_LIGHT * strength, _LIGHT * strength, b, 1, 1, 1).exp()
    grey = greyed(x)
    x = grey + (x - grey) * draw.uniform(1 - _COLOUR * strength, 1 + _COLOUR * strength, b, 1, 1, 1)
    return x * draw.uniform(-_CAST * strength, _CAST * strength, b, 3, 1, 1).exp()


def permuted(
    images: Float[Tensor, "b c y x"], share: float, generator: Generator
) -> tuple[Float[Tensor, "b c y x"], Int[Tensor, " b"]]:
    """A share of the images with their colour channels in another order; and each one's place in `ORDERS`."""
    b, draw = len(images), Draw(generator, images.device)
    other = torch.randint(1, len(ORDERS), (b,), generator=generator).to(images.device)
    order = torch.where(draw.chance(share, b), other, 0)
    channels = torch.tensor(ORDERS, device=images.device)[order]
    return images.gather(1, channels.view(b, 3, 1, 1).expand_as(images)), order
