"""Hierarchical fusion: features low, attention weights and predictions high."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ravlm.errors import ConfigError
from ravlm.fusion.attention import check_heads, modality_attention, weighted_sum
from ravlm.fusion.feature import Gates
from ravlm.fusion.projection import ModalityProjection, Projected, knowledge_vector
from ravlm.tensors import Encoded, Fused, Knowledge, masked_mean, masked_softmax

Level = Literal["feature", "attention", "decision"]
LEVELS: tuple[Level, ...] = get_args(Level)
Opinion = tuple[Float[Tensor, "b d"], Float[Tensor, "b 3"]]
"""What a level makes of a row: a vector o, and the weights over v, l and k with which it was made."""


class HierarchicalFusion(nn.Module):
    """Up to three `levels`, from low to high; what the highest gives is o.

    By the names of Baltrušaitis et al. 2019 the feature level is early fusion, the decision level late fusion, both
    together hybrid fusion; the attention level stands between.

    - `feature`: every token, and v, l and k, take in what they need of the two other modalities: x + g * c, number by
      number (`ContextGate`). Then o_f = g_v * v + g_l * l + g_k * k by gates, whose means are the weights a_f.
    - `attention`: attention weights are fused. Over the hits those of retrieval with those of the question, w = s
      softmax(scores) + (1 - s) softmax(scores + question . hit / sqrt(d)), with which k is made anew; over the
      modalities those of the mission's formula with those of the level below, a = r Attention(q, [v; l; k]) +
      (1 - r) a_f (alone where there is no level below). o_a = a_v v + a_l l + a_k k. The shares s and r are learned.
    - `decision`: predictions are fused. Each modality alone gives one, W_m m of the vectors that took in nothing, and
      each lower level gives its own: o = sum over i of b_i o_i, with b = softmax of learned numbers, even at first.
      A prediction is a vector here: for an output layer that is linear in it, a mix of vectors is that mix of scores.
      The weights of all are mixed alike; a modality alone counts as itself.

    `Fused.weights` are those with which the highest level was made, `Fused.passage_weights` those of the hits in its k.
    They say how o was mixed, not why an answer was given.
    """

    def __init__(
        self,
        *,
        visual_width: int,
        language_width: int,
        question_width: int | None = None,
        width: int = 96,
        levels: Sequence[Level] = LEVELS,
        heads: int = 1,
    ) -> None:
        super().__init__()
        check_heads(width, heads)
        check_levels(levels)
        self.width = width
        self.project = ModalityProjection(
            visual_width=visual_width, language_width=language_width, question_width=question_width, width=width
        )
        self.feature = FeatureLevel(width=width) if "feature" in levels else None
        below = self.feature is not None
        self.attention = AttentionLevel(width=width, heads=heads, below=below) if "attention" in levels else None
        lower = len(levels) - 1
        self.decision = DecisionLevel(width=width, lower=lower) if "decision" in levels else None

    def forward(self, visual: Encoded, language: Encoded, knowledge: Knowledge, scores: Float[Tensor, "b k"]) -> Fused:
        projected = self.project(visual, language, knowledge, scores)
        vlk, tokens, evidence = projected.vlk, projected.tokens, projected.evidence
        passage_weights = projected.passage_weights
        opinions: list[Opinion] = []
        if self.feature is not None:
            vlk, tokens, evidence, opinion = self.feature(projected)
            opinions.append(opinion)
        if self.attention is not None:
            weights = opinions[-1][1] if opinions else None
            passage_weights, opinion = self.attention(projected, vlk, evidence, scores, weights)
            opinions.append(opinion)
        if self.decision is not None:
            opinions.append(self.decision(projected.vlk, opinions))
        o, a = opinions[-1]  # [b, d], [b, 3]
        return Fused(o, tokens, projected.mask, evidence, scores, a.float(), passage_weights.float())


class ContextGate(nn.Module):
    """x + sigmoid(W x + U c) * tanh(V c): what of the context c enters x, number by number."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.own = nn.Linear(width, width)
        self.context = nn.Linear(2 * width, 2 * width, bias=False)

    def forward(self, x: Float[Tensor, "b n d"], c: Float[Tensor, "b 2 d"]) -> Float[Tensor, "b n d"]:
        gate, value = self.context(c.flatten(1)).unsqueeze(1).chunk(2, dim=-1)  # [b, 1, d] each
        y: Tensor = x + (self.own(x) + gate).sigmoid() * value.tanh()
        return y


class FeatureLevel(nn.Module):
    """The low level: v, l, k and all tokens take in the two others; then gates over the three."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.contexts = nn.ModuleList(ContextGate(width=width) for _ in range(3))
        self.gates = Gates(width=width)

    def forward(
        self, projected: Projected
    ) -> tuple[Float[Tensor, "b 3 d"], Float[Tensor, "b t d"], Float[Tensor, "b k p d"], Opinion]:
        others = [projected.vlk[:, [n for n in range(3) if n != m]] for m in range(3)]  # [b, 2, d] each
        each = zip(self.contexts, projected.vlk.unsqueeze(2).unbind(1), others, strict=True)
        vlk = torch.cat([take_in(m, context) for take_in, m, context in each], dim=1)  # [b, 3, d]
        vlk = nn.functional.layer_norm(vlk, vlk.shape[-1:])
        tokens = self.contexts[1](projected.tokens, others[1])
        evidence = self.contexts[2](projected.evidence.flatten(1, 2), others[2]).view_as(projected.evidence)
        return vlk, tokens, evidence, self.gates(vlk)


class AttentionLevel(nn.Module):
    """The middle level: attention weights over the hits, and over the modalities, each fused with those below."""

    def __init__(self, *, width: int, heads: int, below: bool) -> None:
        super().__init__()
        self.heads = heads
        self.question = nn.Linear(width, width)
        self.retrieved = nn.Parameter(torch.zeros(()))
        self.feedforward = nn.Sequential(nn.Linear(3 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.key = nn.Linear(width, width)
        self.attended = nn.Parameter(torch.zeros(())) if below else None

    def forward(
        self,
        projected: Projected,
        vlk: Float[Tensor, "b 3 d"],
        evidence: Float[Tensor, "b k p d"],
        scores: Float[Tensor, "b k"],
        below: Float[Tensor, "b 3"] | None,
    ) -> tuple[Float[Tensor, "b k"], Opinion]:
        image, question, k = vlk.unbind(1)  # [b, d] each
        w = self._passage_weights(projected, question, evidence, scores)
        found = knowledge_vector(evidence, projected.there, w.to(evidence.dtype))
        found = nn.functional.layer_norm(found, found.shape[-1:]).to(k.dtype)
        k = torch.where(projected.missing[:, 2:], k, found)
        vlk = torch.stack([image, question, k], dim=1)
        a = modality_attention(self.feedforward(vlk.flatten(1)), self.key(vlk), self.heads)  # [b, 3, h]
        if self.attended is not None and below is not None:
            r = self.attended.sigmoid()
            a = r * a + (1 - r) * below.unsqueeze(-1)
        return w, (weighted_sum(a.to(vlk.dtype), vlk), a.float().mean(-1))

    def _passage_weights(
        self,
        projected: Projected,
        question: Float[Tensor, "b d"],
        evidence: Float[Tensor, "b k p d"],
        scores: Float[Tensor, "b k"],
    ) -> Float[Tensor, "b k"]:
        hits = masked_mean(evidence, projected.there)  # [b, k, d]
        fit = (hits @ self.question(question).unsqueeze(-1)).squeeze(-1) / hits.shape[-1] ** 0.5  # [b, k]
        asked = masked_softmax(scores + fit, projected.there.any(-1))
        s = self.retrieved.sigmoid()
        return s * projected.passage_weights + (1 - s) * asked.float()


class DecisionLevel(nn.Module):
    """The high level: the predictions of each modality alone and of the lower levels, mixed by learned weights."""

    def __init__(self, *, width: int, lower: int) -> None:
        super().__init__()
        self.alone = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.logits = nn.Parameter(torch.zeros(3 + lower))

    def forward(self, vlk: Float[Tensor, "b 3 d"], lower: Sequence[Opinion]) -> Opinion:
        alone = [linear(m) for linear, m in zip(self.alone, vlk.unbind(1), strict=True)]  # [b, d] each
        itself = torch.eye(3, device=vlk.device).unsqueeze(0).expand(len(vlk), 3, 3)  # [b, 3, 3]
        o = torch.stack([*alone, *(vector.to(alone[0].dtype) for vector, _ in lower)], dim=1)  # [b, i, d]
        a = torch.cat([itself, *(weights.unsqueeze(1) for _, weights in lower)], dim=1)  # [b, i, 3]
        mix = self.logits.softmax(0).unsqueeze(-1)  # [i, 1]
        return (mix * o).sum(1), (mix * a).sum(1)


def check_levels(levels: Sequence[str]) -> None:
    """Refuse levels that are unknown, repeated, out of order, or none.

    Raises:
        ConfigError: what was found and what is allowed.
    """
    if not levels or list(levels) != [level for level in LEVELS if level in levels]:
        raise ConfigError(
            f"levels is {list(levels)}; allowed are one or more of {', '.join(LEVELS)}, each once, in this order: from "
            "low to high."
        )
