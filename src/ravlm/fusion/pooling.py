"""The three vectors that the simple fusions start from."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ravlm.tensors import Encoded, Kind, Knowledge, masked_mean, masked_softmax


class ModalityProjection(nn.Module):
    """Image, text and knowledge as one vector each, [b, 3, d].

    The knowledge vector is the mean of the hits' token means, weighted by the softmax of the retrieval scores, so that
    gradients reach the query encoder; it is zero where nothing was found.
    """

    def __init__(self, *, visual_width: int, language_width: int, width: int) -> None:
        super().__init__()
        self.visual = nn.Sequential(nn.LayerNorm(visual_width), nn.Linear(visual_width, width))
        self.language = nn.Sequential(nn.LayerNorm(language_width), nn.Linear(language_width, width))
        self.knowledge = nn.Sequential(nn.LayerNorm(language_width), nn.Linear(language_width, width))

    def forward(
        self, visual: Encoded, language: Encoded, knowledge: Knowledge, scores: Float[Tensor, "b k"]
    ) -> Float[Tensor, "b 3 d"]:
        there = knowledge.kind != Kind.NOTHING  # [b, k]
        weights = masked_softmax(scores, there)  # [b, k]
        hits = self.knowledge(masked_mean(knowledge.tokens, knowledge.mask))  # [b, k, d]
        found = (weights.unsqueeze(-1) * hits).sum(1)  # [b, d]
        return torch.stack([self.visual(visual.pooled), self.language(language.pooled), found.to(hits.dtype)], dim=1)

