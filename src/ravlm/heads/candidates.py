"""Candidate answers read out of the retrieved passages: an open vocabulary."""

import math
from collections import defaultdict
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from ravlm.grading import normalise
from ravlm.heads.classification import ALTERNATIVES, ClassificationHead, ClassPrediction
from ravlm.heads.targets import Targets
from ravlm.records import Decoded, Support
from ravlm.tensors import Batch, Fused, Kind, Knowledge, masked_softmax

_BEST_SPANS = 64
_VOCABULARY_WEIGHT = 0.1  # of its loss: it learns by rote what the encoders should not


@dataclass(frozen=True)
class CandidatePrediction:
    """Log probabilities of every span and of "none of these".

    `spans` [b, k, p, w]: start token p of hit k, width w + 1 tokens, the lowest number where there is no such span;
    `none` [b]; `vocabulary`: what the fixed vocabulary says, for questions asked without any passage.
    """

    spans: Float[Tensor, "b k p w"]
    none: Float[Tensor, " b"]
    vocabulary: ClassPrediction


class SpanBounds(nn.Module):
    """Three numbers for each passage token: how well an answer to this question starts there, ends there, goes through.

    The question becomes three vectors, and each is compared with every token by a scaled dot product (Seo et al. 2019,
    DenSPI, sec. 4): what a token could answer is worked out once a passage, not once a question, so that many questions
    are read at the cost of one.

    The question's tokens alone say what is asked, weighted by an attention of their own: the image has a part in which
    entry is read, not in what is read there.
    """

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.attention = nn.Linear(width, 1)
        self.norm = nn.BatchNorm1d(width)
        self.bounds = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, 3 * width))

    def forward(self, fused: Fused) -> Float[Tensor, "b k p 3"]:
        b, k, p, d = fused.evidence.shape
        weights = masked_softmax(self.attention(fused.tokens).squeeze(-1).float(), fused.mask)  # [b, f]
        asked = (weights.unsqueeze(1).to(fused.tokens.dtype) @ fused.tokens).squeeze(1)  # [b, d]
        bounds = self.bounds(self.norm(asked)).view(b, 3, d)
        scores: Tensor = fused.evidence.flatten(1, 2) @ bounds.transpose(1, 2) / math.sqrt(d)  # [b, k p, 3]
        return scores.view(b, k, p, 3)


class CandidateHead(nn.Module):
    """Every span of up to `max_span` tokens, whole words of one sentence, is a candidate; so is "none of these".

    p(span) = p(entry | picture) p(span | entry, question): the retrieved entries are alternatives (Guu et al. 2020,
    REALM, eq. 1). Within an entry one softmax runs over the spans of all its passages and "none of these"; a span's
    score is start + end + what it goes through (`SpanBounds`) + width + its passage's retrieval score, less the
    picture's; "none of these" is the less likely, the better the picture fits. The entries' softmax runs over the
    gain-weighted scores of their pictures (of their best hits, where they have none). An answer's probability is the
    sum over its spans by normalised text (Lee et al. 2019, ORQA, sec. 3).
    Where nothing can be read the answer is the fixed vocabulary's best, without a citation.
    """

    def __init__(
        self,
        *,
        width: int,
        vocabulary: ClassificationHead,
        max_span: int,
    ) -> None:
        super().__init__()
        self.max_span = max_span
        self.vocabulary = vocabulary
        self.bounds = SpanBounds(width=width)
        self.widths = nn.Parameter(torch.zeros(max_span))
        self.none = nn.Linear(width, 1)
        self.gain = nn.Parameter(torch.ones(()))
        self.doubt = nn.Parameter(torch.ones(()))

    def forward(self, fused: Fused, knowledge: Knowledge, batch: Batch) -> CandidatePrediction:
        start, end, through = self.bounds(fused).float().unbind(-1)  # [b, k, p]
        passed = through.cumsum(-1)
        ends = _windows(end + passed, self.max_span)  # [b, k, p, w]
        of_entry, of_passage = _split_scores(fused.scores, knowledge)  # [b, e], [b, k]
        spans = (start - passed + through).unsqueeze(-1) + ends + self.widths + of_passage[..., None, None]
        there = span_mask(knowledge, self.max_span)  # [b, k, p, w]
        none = self.none(fused.pooled).float() - self.doubt * of_entry  # [b, e]
        spans, none = by_entry(spans, there, none, knowledge.entry, self.gain * of_entry)
        return CandidatePrediction(spans, none, self.vocabulary(fused, knowledge, batch))

    def loss(self, prediction: CandidatePrediction, targets: Targets) -> Float[Tensor, ""]:
        """-log of the probability of all right spans together, or of "none of these" where no span is right.

        The vocabulary's cross-entropy is added for the rows in which nothing can be read: it speaks for no others.
        """
        everything = torch.cat([prediction.spans.flatten(1), prediction.none.unsqueeze(1)], dim=1)
        right = targets.right.flatten(1)
        right = torch.cat([right, ~right.any(1, keepdim=True)], dim=1)
        lowest = torch.finfo(everything.dtype).min
        found = everything.masked_fill(~right, lowest).logsumexp(1)
        marginal = (everything.logsumexp(1) - found).mean()
        unread = (prediction.spans == lowest).flatten(1).all(1)
        spoken = replace(targets, label=targets.label.masked_fill(~unread, -1))
        return marginal + _VOCABULARY_WEIGHT * self.vocabulary.loss(prediction.vocabulary, spoken)

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
            decoded.append(answer or replace(closed[b], abstained=is_readable))
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


def _split_scores(
    scores: Float[Tensor, "b k"], knowledge: Knowledge
) -> tuple[Float[Tensor, "b e"], Float[Tensor, "b k"]]:
    """What speaks for each entry, its picture's score or else that of its best hit, and for each hit within its entry.

    A passage's score holds its entry's picture's; that part is taken away within the entry.
    """
    entry, lowest = knowledge.entry, torch.finfo(scores.dtype).min
    of = entry.unsqueeze(-1) == torch.arange(max(int(entry.max()), 0) + 1, device=entry.device)  # [b, k, e]
    shown = of & (knowledge.kind == Kind.PICTURE).unsqueeze(-1)
    pictured = shown.any(1)  # [b, e]
    picture = scores.unsqueeze(-1).masked_fill(~shown, lowest).amax(1).masked_fill(~pictured, 0.0)
    best = scores.unsqueeze(-1).masked_fill(~of, lowest).amax(1).masked_fill(~of.any(1), 0.0)
    return torch.where(pictured, picture, best), scores - picture.gather(1, entry.clamp(min=0))


def by_entry(
    spans: Float[Tensor, "b k p w"],
    there: Bool[Tensor, "b k p w"],
    none: Float[Tensor, "b e"],
    entry: Int[Tensor, "b k"],
    of_entry: Float[Tensor, "b e"],
) -> tuple[Float[Tensor, "b k p w"], Float[Tensor, " b"]]:
    """Log p(span) and log p(none) = log sum_e p(e) p(none | e); a row without entries has nothing but "none"."""
    lowest = torch.finfo(spans.dtype).min
    far = lowest / 8  # so low that nothing is left of it, and yet a sum of some is a number
    of = entry.unsqueeze(-1) == torch.arange(of_entry.shape[1], device=entry.device)  # [b, k, e]
    log_entry = of_entry.masked_fill(~of.any(1), far).log_softmax(-1)
    in_hit = spans.masked_fill(~there, far).flatten(2).logsumexp(2)  # [b, k]
    in_entry = in_hit.unsqueeze(-1).masked_fill(~of, far).logsumexp(1)  # [b, e]
    share = log_entry - torch.logaddexp(in_entry, none)  # [b, e]
    spans = spans + share.gather(1, entry.clamp(min=0))[..., None, None]
    return spans.masked_fill(~there, lowest), (share + none).logsumexp(1)


def _windows(values: Shaped[Tensor, "b k p"], width: int) -> Shaped[Tensor, "b k p w"]:
    """The `width` values from each place on; -1 beyond the end."""
    return nn.functional.pad(values, (0, width - 1), value=-1).unfold(-1, width, 1)


def span_mask(knowledge: Knowledge, max_span: int) -> Bool[Tensor, "b k p w"]:
    """Which spans there are: whole words of one sentence of a passage."""
    begin, stop = knowledge.edges.unbind(-1)  # [b, k, p]
    return (begin.unsqueeze(-1) >= 0) & (begin.unsqueeze(-1) == _windows(stop, max_span))
