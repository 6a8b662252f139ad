"""Candidate answers read out of the retrieved passages: an open vocabulary."""

from collections import defaultdict
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ravlm.grading import normalise
from ravlm.heads.classification import ALTERNATIVES, ClassificationHead, ClassPrediction
from ravlm.heads.targets import Targets
from ravlm.records import Decoded, Support
from ravlm.tensors import Batch, Fused, Kind, Knowledge

_BEST_SPANS = 64


@dataclass(frozen=True)
class CandidatePrediction:
    """Scores of every span and of "none of these".

    `spans` [b, k, p, w]: start token p of hit k, width w + 1 tokens, the lowest number where there is no such span;
    `none` [b]; `vocabulary`: what the fixed vocabulary says, for questions asked without any passage.
    """

    spans: Float[Tensor, "b k p w"]
    none: Float[Tensor, " b"]
    vocabulary: ClassPrediction


class CandidateHead(nn.Module):
    """Every span of up to `max_span` tokens in the passages is a candidate, and so is "none of these".

    A span's score is start + end + width + the gain-weighted retrieval score of its hit; one softmax runs over all
    spans of all hits and "none of these", so a wrong entry's spans are negatives. An answer's probability is the sum
    over its spans by normalised text (the marginal of RAG-token retrieval applied to spans; Lee et al. 2019, ORQA, eq. 5).
    Where no passage was given the answer is the fixed vocabulary's best, without a citation.
    """

    def __init__(
        self, *, width: int, language_width: int, vocabulary: ClassificationHead, max_span: int = 20
    ) -> None:
        super().__init__()
        self.max_span = max_span
        self.vocabulary = vocabulary
        self.token = nn.Sequential(nn.LayerNorm(language_width), nn.Linear(language_width, width))
        self.condition = nn.Linear(width, 2 * width)
        self.hidden = nn.Linear(width, width)
        self.bounds = nn.Linear(width, 2)
        self.widths = nn.Parameter(torch.zeros(max_span))
        self.none = nn.Linear(width, 1)
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, fused: Fused, knowledge: Knowledge, batch: Batch) -> CandidatePrediction:
        scale, shift = self.condition(fused.pooled)[:, None, None].chunk(2, -1)  # [b, 1, 1, d]
        h = self.token(knowledge.tokens)  # [b, k, p, d]
        h = nn.functional.gelu(h * (1 + scale) + shift)
        h = nn.functional.gelu(self.hidden(h)) + h
        start, end = self.bounds(h).float().unbind(-1)  # [b, k, p]
        candidates = span_mask(knowledge, self.max_span)  # [b, k, p, w]
        ends = nn.functional.pad(end, (0, self.max_span - 1)).unfold(-1, self.max_span, 1)  # [b, k, p, w]
        spans = start.unsqueeze(-1) + ends + self.widths + (self.gain * fused.scores)[..., None, None]
        spans = spans.masked_fill(~candidates, torch.finfo(spans.dtype).min)
        none = self.none(fused.pooled).float().squeeze(-1)  # [b]
        return CandidatePrediction(spans, none, self.vocabulary(fused, knowledge, batch))

    def loss(self, prediction: CandidatePrediction, targets: Targets) -> Float[Tensor, ""]:
        """-log of the probability of all right spans together, or of "none of these" where no span is right.

        The vocabulary's cross-entropy is added, so that the model without evidence is a fair baseline.
        """
        everything = torch.cat([prediction.spans.flatten(1), prediction.none.unsqueeze(1)], dim=1)
        right = targets.right.flatten(1)
        right = torch.cat([right, ~right.any(1, keepdim=True)], dim=1)
        lowest = torch.finfo(everything.dtype).min
        found = everything.masked_fill(~right, lowest).logsumexp(1)
        marginal = (everything.logsumexp(1) - found).mean()
        return marginal + self.vocabulary.loss(prediction.vocabulary, targets)

    def decode(self, prediction: CandidatePrediction, knowledge: Knowledge) -> list[Decoded]:
        """The answer with the largest summed probability and every passage that it stands in, likeliest first."""
        everything = torch.cat([prediction.spans.flatten(1), prediction.none.unsqueeze(1)], dim=1)
        probabilities = everything.detach().softmax(1)
        best = probabilities[:, :-1].topk(min(_BEST_SPANS, probabilities.shape[1] - 1), dim=1)
        readable = (knowledge.kind == Kind.TEXT).any(1).tolist()
        closed = self.vocabulary.decode(prediction.vocabulary, knowledge)
        decoded = []
        for b, is_readable in enumerate(readable):
            spans = zip(best.indices[b].tolist(), best.values[b].tolist(), strict=True)
            none = float(probabilities[b, -1])
            likeliest = sorted(spans, key=lambda span: (-span[1], span[0]))
            answer = self._decode_row(b, likeliest, none, knowledge) if is_readable else None
            decoded.append(answer or closed[b])
        return decoded

    def _decode_row(
        self, b: int, spans: list[tuple[int, float]], none: float, knowledge: Knowledge
    ) -> Decoded | None:
        places = knowledge.tokens.shape[2]
        texts: dict[str, str] = {}
        total: dict[str, float] = defaultdict(float)
        support: dict[str, list[Support]] = defaultdict(list)
        for index, probability in spans:
            place, width = divmod(index, self.max_span)
            k, p = divmod(place, places)
            passage = knowledge.passages[b][k]
            if passage is None or probability == 0.0:
                continue
            first = int(knowledge.offsets[b, k, p, 0])
            last = int(knowledge.offsets[b, k, p + width, 1])
            text = passage.text[first:last]
            key = normalise(text)
            texts.setdefault(key, text)
            total[key] += probability
            support[key].append(Support(k, (first, last), probability))
        if not total:
            return None
        ranked = sorted(total, key=lambda key: (-total[key], key))
        answer = ranked[0]
        distinct = {s.hit: s for s in reversed(support[answer])}
        return Decoded(
            text=texts[answer],
            confidence=min(total[answer], 1.0),
            abstained=none > total[answer],
            support=tuple(sorted(distinct.values(), key=lambda s: (-s.probability, s.hit))),
            alternatives=tuple((texts[key], total[key]) for key in ranked[:ALTERNATIVES]),
        )


def span_mask(knowledge: Knowledge, max_span: int) -> Bool[Tensor, "b k p w"]:
    """Which spans there are: inside one text passage, made of real tokens (the class token is none)."""
    real = knowledge.mask & (knowledge.offsets[..., 1] > knowledge.offsets[..., 0])
    real &= (knowledge.kind == Kind.TEXT).unsqueeze(-1)  # [b, k, p]
    ends = nn.functional.pad(real, (0, max_span - 1)).unfold(-1, max_span, 1)  # [b, k, p, w]
    return real.unsqueeze(-1) & ends
