"""Image, text and knowledge in the width of the fusion."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ravlm.tensors import Encoded, Kind, Knowledge, masked_mean, masked_softmax


@dataclass(frozen=True)
class Projected:
    """One vector a modality, `vlk` [b, 3, d], and the tokens of question [b, t, d] and knowledge [b, k, p, d]."""

    vlk: Float[Tensor, "b 3 d"]
    tokens: Float[Tensor, "b t d"]
    evidence: Float[Tensor, "b k p d"]


class ModalityProjection(nn.Module):
    """The fusion's own projections of what the encoders give.

    `visual_width` is that of the picture's one vector, `language_width` that of the tokens, `question_width` that of
    the question's one vector, where it is another. Question and passages share one projection, so that a word in both
    is the same vector. The knowledge vector is the
    mean of the hits' token means, weighted by the softmax of the retrieval scores, so that gradients reach the query
    encoder; it is zero where nothing was found.
    """

    def __init__(
        self, *, visual_width: int, language_width: int, question_width: int | None = None, width: int
    ) -> None:
        super().__init__()
        question_width = question_width or language_width
        self.visual = nn.Sequential(nn.BatchNorm1d(visual_width), nn.Linear(visual_width, width))
        self.language = nn.Sequential(nn.BatchNorm1d(question_width), nn.Linear(question_width, width))
        self.token = nn.Linear(language_width, width)

    def forward(
        self, visual: Encoded, language: Encoded, knowledge: Knowledge, scores: Float[Tensor, "b k"]
    ) -> Projected:
        evidence = self.token(knowledge.tokens)  # [b, k, p, d]
        weights = masked_softmax(scores, knowledge.kind != Kind.NOTHING)  # [b, k]
        found = (weights.unsqueeze(-1) * masked_mean(evidence, knowledge.mask)).sum(1)  # [b, d]
        image, text = self.visual(visual.pooled), self.language(language.pooled)  # [b, d] each
        vlk = torch.stack([image, text, found.to(image.dtype)], dim=1)  # [b, 3, d]
        vlk = nn.functional.layer_norm(vlk, vlk.shape[-1:])  # none outweighs the others by its length alone
        return Projected(vlk, self.token(language.tokens), evidence)
