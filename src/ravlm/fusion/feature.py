"""Feature-level fusion: concatenation."""

from jaxtyping import Float
from torch import Tensor, nn

from ravlm.fusion.projection import ModalityProjection
from ravlm.tensors import Encoded, Fused, Knowledge


class FeatureFusion(nn.Module):
    """o = W [v; l; k]: the three vectors side by side through a linear layer. It has no weights to report."""

    def __init__(
        self, *, visual_width: int, language_width: int, question_width: int | None = None, width: int = 96
    ) -> None:
        super().__init__()
        self.width = width
        self.project = ModalityProjection(
            visual_width=visual_width, language_width=language_width, question_width=question_width, width=width
        )
        self.mix = nn.Linear(3 * width, width)

    def forward(self, visual: Encoded, language: Encoded, knowledge: Knowledge, scores: Float[Tensor, "b k"]) -> Fused:
        projected = self.project(visual, language, knowledge, scores)
        vlk = projected.vlk  # [b, 3, d]
        o = self.mix(vlk.flatten(1))  # [b, d]
        return Fused(o, projected.tokens, language.mask, projected.evidence, scores)
