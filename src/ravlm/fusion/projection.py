"""Image, text and knowledge in the width of the fusion, and what stands there when one of them is missing."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ravlm.tensors import Encoded, Kind, Knowledge, masked_mean, masked_softmax


@dataclass(frozen=True)
class Projected:
    """One vector a modality, `vlk` [b, 3, d], and the tokens of question and knowledge.

    `tokens` [b, t, d] with `mask` [b, t] are the question's, `evidence` [b, k, p, d] with `there` [b, k, p] the hits';
    `missing` [b, 3] says which modality a row is without; `passage_weights` [b, k] are those of the hits in the
    knowledge vector, zero where there is no hit.
    """

    vlk: Float[Tensor, "b 3 d"]
    tokens: Float[Tensor, "b t d"]
    mask: Bool[Tensor, "b t"]
    evidence: Float[Tensor, "b k p d"]
    there: Bool[Tensor, "b k p"]
    missing: Bool[Tensor, "b 3"]
    passage_weights: Float[Tensor, "b k"]


class ModalityProjection(nn.Module):
    """The fusion's own projections of what the encoders give.

    `visual_width` is that of the picture's one vector, `language_width` that of the tokens, `question_width` that of
    the question's one vector, where it is another. Question and passages share one projection, so that a word in both
    is the same vector. The knowledge vector is the mean of the hits' token means, weighted by the softmax of the
    retrieval scores, so that gradients reach the query encoder.

    A row is without picture or question where the mask of its tokens is empty, without knowledge where no hit has a
    token. Its vector is then a learned one, `absent` [3, d], and the question's first token is the same. What stands
    in masked places and missing rows is not looked at, whatever it is.
    """

    def __init__(
        self, *, visual_width: int, language_width: int, question_width: int | None = None, width: int
    ) -> None:
        super().__init__()
        question_width = question_width or language_width
        self.visual = nn.Sequential(nn.BatchNorm1d(visual_width), nn.Linear(visual_width, width))
        self.language = nn.Sequential(nn.BatchNorm1d(question_width), nn.Linear(question_width, width))
        self.token = nn.Linear(language_width, width)
        self.absent = nn.Parameter(torch.zeros(3, width))
        self.register_load_state_dict_pre_hook(_without_absence)  # type: ignore[no-untyped-call]

    def forward(
        self, visual: Encoded, language: Encoded, knowledge: Knowledge, scores: Float[Tensor, "b k"]
    ) -> Projected:
        there = knowledge.mask & (knowledge.kind != Kind.NOTHING).unsqueeze(-1)  # [b, k, p]
        seen, asked, hit = visual.mask.any(1), language.mask.any(1), there.any(-1)  # [b], [b], [b, k]
        missing = ~torch.stack([seen, asked, hit.any(1)], dim=1)  # [b, 3]
        evidence = self.token(blank(knowledge.tokens, there))  # [b, k, p, d]
        weights = masked_softmax(scores, hit)  # [b, k]
        found = knowledge_vector(evidence, there, weights)  # [b, d]
        image = project_rows(self.visual, visual.pooled, seen)  # [b, d]
        text = project_rows(self.language, language.pooled, asked)  # [b, d]
        vlk = torch.stack([image, text, found.to(image.dtype)], dim=1)  # [b, 3, d]
        vlk = nn.functional.layer_norm(vlk, vlk.shape[-1:])  # none outweighs the others by its length alone
        vlk = torch.where(missing.unsqueeze(-1), self.absent.to(vlk.dtype), vlk)
        first = torch.arange(language.mask.shape[1], device=language.mask.device) == 0  # [t]
        stand_in = ~asked.unsqueeze(1) & first  # [b, t]
        tokens = self.token(blank(language.tokens, language.mask))  # [b, t, d]
        tokens = torch.where(stand_in.unsqueeze(-1), self.absent[1].to(tokens.dtype), tokens)
        return Projected(vlk, tokens, language.mask | stand_in, evidence, there, missing, weights.float())


def project_rows(project: nn.Sequential, x: Float[Tensor, "b n"], there: Bool[Tensor, " b"]) -> Float[Tensor, "b d"]:
    """Batch normalisation, then a linear layer, over the rows that are there; zeros for the others.

    So the statistics are those of the rows that are there. In training fewer than two have none of their own: the
    running ones serve.
    """
    norm: nn.BatchNorm1d = project[0]  # type: ignore[assignment]
    linear = project[1]
    alone = norm.training and int(there.sum()) < 2
    if there.all() and not alone:
        whole: Tensor = project(x)
        return whole
    rows = x[there]  # [r, n]
    if alone:
        mean, var = norm.running_mean, norm.running_var
        rows = nn.functional.batch_norm(rows, mean, var, norm.weight, norm.bias, training=False, eps=norm.eps)
    else:
        rows = norm(rows)
    projected: Tensor = linear(rows)  # [r, d]
    return projected.new_zeros(len(x), projected.shape[1]).index_put((there,), projected)


def blank(x: Float[Tensor, "*axes n"], there: Bool[Tensor, "*axes"]) -> Float[Tensor, "*axes n"]:
    """Zeros in place of what is masked, so that it reaches neither values nor gradients, were it no number."""
    return x.masked_fill(~there.unsqueeze(-1), 0.0)


def knowledge_vector(
    evidence: Float[Tensor, "b k p d"], there: Bool[Tensor, "b k p"], weights: Float[Tensor, "b k"]
) -> Float[Tensor, "b d"]:
    """The sum over j of w_j times the mean of hit j's tokens."""
    return (weights.unsqueeze(-1) * masked_mean(evidence, there)).sum(1)


def _without_absence(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Weights of a release without absence vectors: what was not found counted as zeros there."""
    state.setdefault(f"{prefix}absent", torch.zeros_like(module.absent))  # type: ignore[arg-type]
