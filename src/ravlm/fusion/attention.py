"""Attention fusion: the mission's reference."""

import math

from jaxtyping import Float
from torch import Tensor, nn

from ravlm.errors import ConfigError
from ravlm.fusion.projection import ModalityProjection
from ravlm.tensors import Encoded, Fused, Knowledge


class AttentionFusion(nn.Module):
    """q = FFN([v; l; k]);  (a_v, a_l, a_k) = Attention(q, [v; l; k]);  o = a_v v + a_l l + a_k k.

    Attention is the scaled dot product of q with a linear map of v, l and k, then a softmax over the three. With more
    `heads` than one, each weighs its own part of v, l and k, a number of features each, and o is all parts side by
    side (Vaswani et al. 2017, sec. 3.2.2, without the last projection, so that the formula stands).

    `Fused.weights` are a, in this order, the mean over the heads; `Fused.passage_weights` those with which the hits
    make k. They say how o was mixed, not why an answer was given: read them beside the accuracy lost when a modality is
    taken away.
    """

    def __init__(
        self,
        *,
        visual_width: int,
        language_width: int,
        question_width: int | None = None,
        width: int = 96,
        heads: int = 1,
    ) -> None:
        super().__init__()
        check_heads(width, heads)
        self.width, self.heads = width, heads
        self.project = ModalityProjection(
            visual_width=visual_width, language_width=language_width, question_width=question_width, width=width
        )
        self.feedforward = nn.Sequential(nn.Linear(3 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.key = nn.Linear(width, width)

    def forward(self, visual: Encoded, language: Encoded, knowledge: Knowledge, scores: Float[Tensor, "b k"]) -> Fused:
        projected = self.project(visual, language, knowledge, scores)
        vlk = projected.vlk  # [b, 3, d]
        q = self.feedforward(vlk.flatten(1))  # [b, d]
        a = modality_attention(q, self.key(vlk), self.heads)  # [b, 3, h]
        return Fused(
            pooled=weighted_sum(a, vlk),
            tokens=projected.tokens,
            mask=projected.mask,
            evidence=projected.evidence,
            scores=scores,
            weights=a.float().mean(-1),
            passage_weights=projected.passage_weights,
        )


def modality_attention(
    q: Float[Tensor, "b d"], keys: Float[Tensor, "b 3 d"], heads: int
) -> Float[Tensor, "b 3 {heads}"]:
    """Softmax over v, l and k of q . key / sqrt(d / h), for each of the h heads' parts of q and the keys."""
    products = (keys * q.unsqueeze(1)).view(len(q), 3, heads, -1).sum(-1)  # [b, 3, h]
    return (products / math.sqrt(q.shape[-1] / heads)).softmax(1)


def weighted_sum(a: Float[Tensor, "b 3 h"], vlk: Float[Tensor, "b 3 d"]) -> Float[Tensor, "b d"]:
    """The sum a_v v + a_l l + a_k k, each head for its part of the features; the parts side by side."""
    parts = vlk.view(*a.shape, -1)  # [b, 3, h, d / h]
    return (a.unsqueeze(-1) * parts).sum(1).flatten(1)


def check_heads(width: int, heads: int) -> None:
    """Refuse a width that heads can't share.

    Raises:
        ConfigError: width is no multiple of heads.
    """
    if width % heads:
        allowed = ", ".join(str(n) for n in range(1, width + 1) if width % n == 0)
        raise ConfigError(f"width {width} can't be split into {heads} heads. Choose one of {allowed} heads.")
