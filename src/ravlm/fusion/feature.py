"""Feature-level fusion: concatenation, a weighted sum, or gates."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ravlm.fusion.projection import ModalityProjection
from ravlm.tensors import Encoded, Fused, Knowledge

Mode = Literal["concatenation", "weighted-sum", "gated"]


class FeatureFusion(nn.Module):
    """Three ways to make one vector of v, l and k, by `mode`.

    - `concatenation`: o = W [v; l; k]. It has no weights to report.
    - `weighted-sum`: o = a_v v + a_l l + a_k k, with a = softmax of three learned numbers, the same for all questions.
    - `gated`: o = g_v * v + g_l * l + g_k * k, with gates g = softmax over the three of W [v; l; k], feature by feature
      (Arevalo et al. 2017, Gated Multimodal Units; of two modalities the gates are its z and 1 - z). What is gated
      there is h = tanh(W x); here it is the projection itself, without a tanh. The weight reported is the mean of a
      modality's gate over the features.

    The weights say how o was mixed, not why an answer was given.
    """

    def __init__(
        self,
        *,
        visual_width: int,
        language_width: int,
        question_width: int | None = None,
        width: int = 96,
        mode: Mode = "concatenation",
    ) -> None:
        super().__init__()
        self.width = width
        self.project = ModalityProjection(
            visual_width=visual_width, language_width=language_width, question_width=question_width, width=width
        )
        self.mix: nn.Linear | WeightedSum | Gates
        match mode:
            case "concatenation":
                self.mix = nn.Linear(3 * width, width)
            case "weighted-sum":
                self.mix = WeightedSum()
            case "gated":
                self.mix = Gates(width=width)

    def forward(self, visual: Encoded, language: Encoded, knowledge: Knowledge, scores: Float[Tensor, "b k"]) -> Fused:
        projected = self.project(visual, language, knowledge, scores)
        if isinstance(self.mix, nn.Linear):
            o, weights = self.mix(projected.vlk.flatten(1)), None  # [b, d]
        else:
            o, weights = self.mix(projected.vlk)  # [b, d], [b, 3]
        return Fused(
            pooled=o,
            tokens=projected.tokens,
            mask=projected.mask,
            evidence=projected.evidence,
            scores=scores,
            weights=weights,
            passage_weights=projected.passage_weights,
        )


class WeightedSum(nn.Module):
    """a_v v + a_l l + a_k k with a = softmax of learned numbers, even at first."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(3))

    def forward(self, vlk: Float[Tensor, "b 3 d"]) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b 3"]]:
        a = self.logits.softmax(0)  # [3]
        return torch.einsum("m,bmd->bd", a.to(vlk.dtype), vlk), a.float().expand(len(vlk), 3)


class Gates(nn.Module):
    """g_v * v + g_l * l + g_k * k with g = softmax over the three of W [v; l; k]."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(3 * width, 3 * width)

    def forward(self, vlk: Float[Tensor, "b 3 d"]) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b 3"]]:
        g = self.gate(vlk.flatten(1)).view_as(vlk).softmax(1)  # [b, 3, d]
        return (g * vlk).sum(1), g.float().mean(-1)
