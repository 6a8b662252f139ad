"""Where in a picture a visual encoder finds what matters to it: a share for each of its places."""

from typing import Literal

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from ravlm.encoders.attention import class_attention, copy_of
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.tensors import Encoded

Means = Literal["attention", "similarity", "norms"]


def place_saliency(encoder: nn.Module, image: Num[Tensor, "c y x"]) -> tuple[Float[Tensor, "rows columns"], Means]:
    """How much each place of a picture matters to an encoder, none below 0, and by which means that was told.

    - "attention": what the class token takes from the place, where the model has one and gives attention.
    - "similarity": else <token, pooled> / |pooled| where it is above 0, where both are in one space. Of a pooled vector
      that is the mean of the tokens, this is the place's part in it.
    - "norms": else the token's length beyond that of the shortest.

    Args:
        encoder: a visual encoder; it is left as it is.
        image: what its `preprocess` made of the picture.

    Raises:
        ValueError: the tokens are no grid of the picture.
    """
    apart = copy_of(encoder)
    images = image.unsqueeze(0).to(apart.device)
    attention = class_attention(encoder, images)
    with torch.inference_mode():
        encoded: Encoded = apart(images)
    before = int(getattr(encoder, "prefix_tokens", 0))
    there = encoded.mask[0, before:]
    tokens = encoded.tokens[0, before:][there].float()  # [n, v]
    pooled = encoded.pooled[0].float()
    values: Tensor
    means: Means
    if attention is not None:
        values, means = attention[0, before:][there], "attention"
    elif tokens.shape[1] == len(pooled) and not isinstance(encoder, CompactVisualEncoder):
        values, means = (tokens @ nn.functional.normalize(pooled, dim=0)).clamp(min=0), "similarity"
    else:
        lengths = tokens.norm(dim=1)
        values, means = lengths - lengths.min(), "norms"
    return values.view(*_grid(len(values), *image.shape[1:])).cpu(), means


def _grid(n: int, y: int, x: int) -> tuple[int, int]:
    """The rows and columns of n places of a picture of y by x pixels."""
    rows = max(1, round((n * y / x) ** 0.5))
    if n % rows:
        raise ValueError(f"{n} tokens are no grid over {y} x {x} pixels")
    return rows, n // rows
