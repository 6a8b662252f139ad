"""Attention fusion: the mission's reference."""

import math

from jaxtyping import Float
from torch import Tensor, nn

from ravlm.fusion.projection import ModalityProjection
from ravlm.tensors import Encoded, Fused, Knowledge


class AttentionFusion(nn.Module):
    """q = FFN([v; l; k]);  (a_v, a_l, a_k) = Attention(q, [v; l; k]);  o = a_v v + a_l l + a_k k.

    Attention is the scaled dot product of q with a linear map of v, l and k, then a softmax over the three. The
    weights a are reported in `Fused.weights`, in this order. They say how o was mixed, not why an answer was given:
    read them beside the accuracy lost when a modality is taken away.
    """

    def __init__(
        self, *, visual_width: int, language_width: int, question_width: int | None = None, width: int = 96
    ) -> None:
        super().__init__()
        self.width = width
        self.project = ModalityProjection(
            visual_width=visual_width, language_width=language_width, question_width=question_width, width=width
        )
        self.feedforward = nn.Sequential(nn.Linear(3 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.key = nn.Linear(width, width)

    def forward(self, visual: Encoded, language: Encoded, knowledge: Knowledge, scores: Float[Tensor, "b k"]) -> Fused:
        projected = self.project(visual, language, knowledge, scores)
        vlk = projected.vlk  # [b, 3, d]
        q = self.feedforward(vlk.flatten(1))  # [b, d]
        a = ((self.key(vlk) @ q.unsqueeze(-1)).squeeze(-1) / math.sqrt(self.width)).softmax(-1)  # [b, 3]
        o = (a.unsqueeze(-1) * vlk).sum(1)  # [b, d]
        return Fused(o, projected.tokens, language.mask, projected.evidence, scores, weights=a.float())
