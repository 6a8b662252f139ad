"""Interaction fusion: image, question and knowledge read each other, token by token."""

import math
from collections.abc import Sequence
from itertools import permutations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ravlm.errors import ConfigError
from ravlm.fusion.attention import check_heads
from ravlm.fusion.projection import ModalityProjection, blank
from ravlm.tensors import Encoded, Fused, Knowledge

IMAGE, QUESTION, KNOWLEDGE = range(3)


class InteractionFusion(nn.Module):
    """Layers of cross-attention between every pair of modalities, over all their tokens.

    Each modality is its tokens with its one vector before them: x_v = [v; image tokens], x_l = [l; question tokens],
    x_k = [k; the tokens of all hits]. A layer (`InteractionLayer`) lets each read the two others. In the end
    o = W [v; l; k] of the first places; tokens and evidence are the other places.

    All six directions are there. Question and image read the knowledge to find what is asked; the knowledge reads
    question and image so that its own tokens, which output layers read answers from, know what is asked; question and
    image read each other, since which of the things shown is meant stands in the one, which thing it is in the other.
    What is left out is attention within a modality, which the encoders did, and which for the knowledge costs
    (k p)^2: passages learn of each other through what question and image took from all of them at once. So the cost
    grows with k p (t + i).

    Retrieval scores are added to the attention logits of the hits' tokens (Hu et al. 2023, REVEAL, attentive fusion):
    a token of hit j gets log softmax(scores)_j - log(number of its tokens). So before anything is learned each reader
    gives hit j the share softmax(scores)_j, a picture of one token as much as a text of many; and gradients reach the
    query encoder. `Fused.passage_weights` are the shares that the question's first place gives in the last layer, the
    mean over the heads: how the knowledge was read, not why an answer was given. There are no weights over modalities:
    after a layer each of the three vectors holds something of all.
    """

    def __init__(
        self,
        *,
        visual_width: int,
        language_width: int,
        question_width: int | None = None,
        image_token_width: int | None = None,
        width: int = 96,
        layers: int = 2,
        heads: int = 4,
    ) -> None:
        super().__init__()
        check_heads(width, heads)
        if layers < 1:
            raise ConfigError(f"layers is {layers}; an interaction needs one or more.")
        self.width = width
        self.project = ModalityProjection(
            visual_width=visual_width, language_width=language_width, question_width=question_width, width=width
        )
        nn.init.normal_(self.project.absent, std=0.5)  # as long as a token: the norms have a direction to keep
        image_token_width = image_token_width or visual_width
        self.image_token = nn.Sequential(nn.LayerNorm(image_token_width), nn.Linear(image_token_width, width))
        self.layers = nn.ModuleList(InteractionLayer(width=width, heads=heads) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.mix = nn.Linear(3 * width, width)

    def forward(self, visual: Encoded, language: Encoded, knowledge: Knowledge, scores: Float[Tensor, "b k"]) -> Fused:
        projected = self.project(visual, language, knowledge, scores)
        image = self.image_token(blank(visual.tokens, visual.mask))  # [b, i, d]
        rest = (image, projected.tokens, projected.evidence.flatten(1, 2))  # [b, n, d] each
        vlk = projected.vlk.unsqueeze(2).unbind(1)  # [b, 1, d] each
        x = [torch.cat([vector, tokens], dim=1) for vector, tokens in zip(vlk, rest, strict=True)]
        one = torch.ones_like(projected.missing[:, :1])  # [b, 1]
        biases = [
            _bias(torch.cat([one, visual.mask], dim=1)),
            _bias(torch.cat([one, projected.mask], dim=1)),
            torch.cat([_bias(projected.missing[:, KNOWLEDGE:]), _prior(projected.there, scores)], dim=1),
        ]
        for layer in self.layers:
            x, given = layer(x, biases)
        x = [norm(y) for norm, y in zip(self.norms, x, strict=True)]
        return Fused(
            pooled=self.mix(torch.cat([y[:, 0] for y in x], dim=1)),
            tokens=x[QUESTION][:, 1:],
            mask=projected.mask,
            evidence=x[KNOWLEDGE][:, 1:].reshape(projected.evidence.shape),
            scores=scores,
            passage_weights=given[:, 1:].reshape(projected.there.shape).sum(-1),
        )


class InteractionLayer(nn.Module):
    """Each modality m reads the two others, n and o, then thinks for itself; both pre-norm and residual.

    x_m = x_m + W_m (Attention(q_m, k_n, v_n) + Attention(q_m, k_o, v_o)), then x_m = x_m + FFN_m(x_m). Queries, keys
    and values are linear in norm(x_m), and made once a modality, not once a direction: the knowledge has by far the
    most tokens, and these maps are most of the cost. There are two softmaxes, so that the many tokens of one modality
    don't drown those of the other.
    """

    def __init__(self, *, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.maps = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(3))
        self.outs = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.feedforwards = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
            for _ in range(3)
        )

    def forward(
        self, x: Sequence[Float[Tensor, "b _ d"]], biases: Sequence[Float[Tensor, "b _"]]
    ) -> tuple[list[Float[Tensor, "b _ d"]], Float[Tensor, "b m"]]:
        """The three modalities [b, n, d] after the layer, and what the question's first place took from each place of
        the knowledge [b, m], the mean over the heads; `biases` [b, n] are added to the logits of each as keys.
        """
        made = [maps(norm(y)).chunk(3, dim=-1) for maps, norm, y in zip(self.maps, self.norms, x, strict=True)]
        read = {}
        for m, n in permutations(range(3), 2):
            read[m, n] = attend(made[m][0], made[n][1], made[n][2], biases[n], self.heads)
        after = []
        for m in range(3):
            first, second = (read[m, n][0] for n in range(3) if n != m)  # [b, n, d] each
            y = x[m] + self.outs[m](first + second)
            after.append(y + self.feedforwards[m](y))
        return after, read[QUESTION, KNOWLEDGE][1][:, :, 0].float().mean(1)


def attend(
    q: Float[Tensor, "b n d"],
    k: Float[Tensor, "b m d"],
    v: Float[Tensor, "b m d"],
    bias: Float[Tensor, "b m"],
    heads: int,
) -> tuple[Float[Tensor, "b n d"], Float[Tensor, "b h n m"]]:
    """softmax(q k^T / sqrt(d / h) + bias) v for each of h heads, side by side; and the weights.

    (Vaswani et al. 2017, eq. 1.) A masked key has the lowest number as its bias; each row has a key that is not.
    """
    q, k, v = (y.view(*y.shape[:2], heads, -1).transpose(1, 2) for y in (q, k, v))  # [b, h, n or m, d / h]
    logits = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2) + bias[:, None, None]  # [b, h, n, m]
    weights = logits.softmax(-1)
    return (weights.to(v.dtype) @ v).transpose(1, 2).flatten(2), weights


def _bias(there: Bool[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """Zero where something is, the lowest number where nothing is."""
    return torch.zeros(there.shape, device=there.device).masked_fill(~there, torch.finfo(torch.float32).min)


def _prior(there: Bool[Tensor, "b k p"], scores: Float[Tensor, "b k"]) -> Float[Tensor, "b k*p"]:
    """The logarithm of softmax(scores)_j / (tokens of j) at the tokens of hit j, the lowest number where nothing is."""
    lowest = torch.finfo(torch.float32).min
    share = scores.float().masked_fill(~there.any(-1), lowest).log_softmax(-1)  # [b, k]
    each = share - there.sum(-1).clamp(min=1).log()
    return each.unsqueeze(-1).masked_fill(~there, lowest).flatten(1)  # [b, k p]
