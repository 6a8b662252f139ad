"""Candidate answers read out of the retrieved passages: an open vocabulary."""

import math
from collections import defaultdict
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ravlm.grading import normalise
from ravlm.heads.classification import ALTERNATIVES, ClassificationHead, ClassPrediction
from ravlm.heads.targets import Targets
from ravlm.records import Decoded, Support
from ravlm.tensors import Batch, Fused, Kind, Knowledge, masked_mean, masked_softmax

_BEST_SPANS = 64
_VOCABULARY_WEIGHT = 0.1  # of its loss: it learns by rote what the encoders should not


@dataclass(frozen=True)
class CandidatePrediction:
    """Scores of every span and of "none of these".

    `spans` [b, k, p, w]: start token p of hit k, width w + 1 tokens, the lowest number where there is no such span;
    `none` [b]; `vocabulary`: what the fixed vocabulary says, for questions asked without any passage.
    """

    spans: Float[Tensor, "b k p w"]
    none: Float[Tensor, " b"]
    vocabulary: ClassPrediction


class PassageReader(nn.Module):
    """Reads each passage with the question in mind: two numbers a token, for the start and the end of an answer.

    Every passage token attends to the question's tokens (Seo et al. 2017, BiDAF, context-to-query attention); what it
    finds is carried to its neighbours by convolutions, since an answer stands beside the words that match.
    """

    def __init__(self, *, width: int, features: int = 64, reach: int = 5) -> None:
        super().__init__()
        self.match = nn.Linear(3 * width, features)
        self.norm = nn.BatchNorm1d(2 * width)
        self.condition = nn.Linear(2 * width, 2 * features)
        nn.init.zeros_(self.condition.weight)  # at first, what an answer looks like; then, which one is asked for
        nn.init.zeros_(self.condition.bias)
        self.neighbours = nn.ModuleList(
            nn.Conv1d(features, features, 2 * reach + 1, padding=reach, groups=features) for _ in range(2)
        )
        self.mix = nn.ModuleList(nn.Linear(features, features) for _ in range(2))
        self.bounds = nn.Linear(features, 2)

    def forward(self, fused: Fused, knowledge: Knowledge) -> Float[Tensor, "b k p 2"]:
        b, k, p, d = fused.evidence.shape
        e, q = fused.evidence.flatten(1, 2), fused.tokens  # [b, k p, d], [b, t, d]
        attention = masked_softmax(e @ q.transpose(1, 2) / math.sqrt(d), fused.mask.unsqueeze(1).expand(-1, k * p, -1))
        asked = attention.to(q.dtype) @ q  # [b, k p, d]
        question = torch.cat([fused.pooled, masked_mean(q, fused.mask)], dim=1)  # [b, 2 d]
        scale, shift = self.condition(self.norm(question)).unsqueeze(1).chunk(2, dim=-1)  # [b, 1, r] each
        x = nn.functional.gelu(self.match(torch.cat([e, asked, e * asked], dim=-1)) * (1 + scale) + shift)
        x = x.view(b * k, p, -1)  # [b k, p, r]
        there = knowledge.mask.view(b * k, p, 1)
        for neighbours, mix in zip(self.neighbours, self.mix, strict=True):
            near = neighbours(x.masked_fill(~there, 0.0).transpose(1, 2)).transpose(1, 2)  # [b k, p, r]
            x = x + nn.functional.gelu(mix(near))
        bounds: Tensor = self.bounds(x).view(b, k, p, 2)
        return bounds


class CandidateHead(nn.Module):
    """Every span of up to `max_span` tokens in the passages is a candidate, and so is "none of these".

    The passages' tokens look at the question's (`PassageReader`), which tells for each whether an answer starts or
    ends there. A span's score is start + end + width + the gain-weighted retrieval score of its hit; one softmax runs
    over all spans of all hits and "none of these", so a wrong entry's spans are negatives. An answer's probability is
    the sum over its spans by normalised text (Lee et al. 2019, ORQA, sec. 3).
    Where no passage was given the answer is the fixed vocabulary's best, without a citation.
    """

    def __init__(
        self,
        *,
        width: int,
        vocabulary: ClassificationHead,
        max_span: int = 20,
    ) -> None:
        super().__init__()
        self.max_span = max_span
        self.vocabulary = vocabulary
        self.reader = PassageReader(width=width)
        self.widths = nn.Parameter(torch.zeros(max_span))
        self.none = nn.Linear(width, 1)
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, fused: Fused, knowledge: Knowledge, batch: Batch) -> CandidatePrediction:
        start, end = self.reader(fused, knowledge).float().unbind(-1)  # [b, k, p]
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
        return marginal + _VOCABULARY_WEIGHT * self.vocabulary.loss(prediction.vocabulary, targets)

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

    def _decode_row(self, b: int, spans: list[tuple[int, float]], none: float, knowledge: Knowledge) -> Decoded | None:
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
            if not (key := normalise(text)):  # punctuation alone
                continue
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
