"""What visual encoders share: pictures as batches, their numbers made the model's, feature maps as tokens."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Num, UInt8
from torch import Tensor, nn


class Normalize(nn.Module):
    """x / divisor, less the mean, over the deviation, for each channel: the numbers that a model was trained with.

    None of them is saved: they are settings.
    """

    def __init__(self, mean: Sequence[float], deviation: Sequence[float], divisor: float = 255) -> None:
        super().__init__()
        self.divisor = divisor
        self.register_buffer("mean", torch.tensor(list(mean)).view(-1, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(list(deviation)).view(-1, 1, 1), persistent=False)

    def forward(self, images: Num[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        mean, deviation = self.get_buffer("mean").to(images.device), self.get_buffer("deviation").to(images.device)
        return (images.to(mean.dtype) / self.divisor - mean) / deviation


def stack_pictures(pictures: Sequence[UInt8[Tensor, "c _y _x"]]) -> UInt8[Tensor, "b c y x"]:
    """Pictures as one batch; smaller ones are filled with zeros to the right and below."""
    y, x = max(p.shape[1] for p in pictures), max(p.shape[2] for p in pictures)
    return torch.stack([nn.functional.pad(p, (0, x - p.shape[2], 0, y - p.shape[1])) for p in pictures])


def as_tokens(features: Float[Tensor, "b ..."], *, channels_last: bool = False) -> Float[Tensor, "b i v"]:
    """A feature map [b, v, y, x], or [b, y, x, v], row by row; tokens [b, i, v] as they are."""
    if features.ndim == 3:
        return features
    return features.flatten(1, 2) if channels_last else features.flatten(2).transpose(1, 2)


def all_there(tokens: Float[Tensor, "b i v"]) -> Bool[Tensor, "b i"]:
    """The mask of tokens that are all there."""
    return torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
