"""What is compared with the keys of the knowledge base's pictures: the query's own vector, which may learn apart.

The keys stay those of the visual encoder. So a query encoder can learn from answers while the index stands still.
"""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ravlm.tensors import Encoded, masked_softmax


class QueryEncoder(nn.Module, ABC):
    """A picture, and a question about it, as a vector among the keys: the picture's own key and what is added to it.

    What is added is zero in the beginning, so that a fresh query encoder finds what the visual encoder finds.
    `reads_question` says whether the question has a part in it.
    """

    reads_question: bool

    @abstractmethod
    def forward(self, visual: Encoded, language: Encoded | None) -> Float[Tensor, "b v"]:
        """The queries; `language` may be None where the question is not read."""


class ResidualQuery(QueryEncoder):
    """q = v + W GELU(V LayerNorm(v)): the picture alone, moved among the keys."""

    reads_question = False

    def __init__(self, *, visual_width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.LayerNorm(visual_width), nn.Linear(visual_width, visual_width), nn.GELU())
        self.out = zero_linear(visual_width, visual_width)

    def forward(self, visual: Encoded, language: Encoded | None) -> Float[Tensor, "b v"]:
        pooled = visual.pooled.float()
        moved: Tensor = self.out(self.inner(pooled))
        return pooled + moved


class AttentionQuery(QueryEncoder):
    """q = v + W sum_i a_i x_i, a = softmax(U l . K x_i / sqrt(v)): what the question looks for in the picture is added.

    x_i are the picture's tokens and l is the question's vector (Anderson et al. 2018, Bottom-Up and Top-Down Attention,
    equations 1 to 3, by a scaled dot product).
    """

    reads_question = True

    def __init__(self, *, visual_width: int, token_width: int, question_width: int) -> None:
        super().__init__()
        self.asked = nn.Linear(question_width, visual_width)
        self.keys = nn.Linear(token_width, visual_width)
        self.out = zero_linear(token_width, visual_width)

    def forward(self, visual: Encoded, language: Encoded | None) -> Float[Tensor, "b v"]:
        if language is None:
            raise ValueError("this query encoder reads the question, and was given none")
        tokens = visual.tokens.float()  # [b, i, width]
        keys, asked = self.keys(tokens), self.asked(language.pooled.float())
        scores = (keys @ asked.unsqueeze(-1)).squeeze(-1) / keys.shape[-1] ** 0.5  # [b, i]
        weights = masked_softmax(scores, visual.mask)
        looked = (weights.unsqueeze(1) @ tokens).squeeze(1)
        found: Tensor = visual.pooled.float() + self.out(looked)
        return found


def zero_linear(width: int, out: int) -> nn.Linear:
    """A linear layer that says nothing yet."""
    layer = nn.Linear(width, out)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
    return layer
