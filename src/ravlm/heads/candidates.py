"""Candidate answers read out of the retrieved passages: an open vocabulary."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from ravlm.grading import is_right
from ravlm.heads.calibration import CalibratedHead, Observed, Validated
from ravlm.heads.choices import choose
from ravlm.heads.classification import ALTERNATIVES, ClassificationHead, ClassPrediction
from ravlm.heads.likelihood import Likelihood, among
from ravlm.heads.read_answers import ReadAnswers, read_answers
from ravlm.heads.targets import Targets
from ravlm.heads.wanted import ANYTHING, key_of
from ravlm.records import Decoded, Wanted
from ravlm.tensors import Batch, Fused, Kind, Knowledge, masked_softmax

_BEST_SPANS = 64
_BEST_TYPED_SPANS = 1024  # those of another type among them are passed over
_VOCABULARY_WEIGHT = 0.1  # of its loss: it learns by rote what the encoders should not


@dataclass(frozen=True)
class CandidatePrediction:
    """Log probabilities of every span and of "none of these".

    `spans` [b, k, p, w]: start token p of hit k, width w + 1 tokens, the lowest number where there is no such span;
    `none` [b]; `vocabulary`: what the fixed vocabulary says, for questions asked without any passage. `wanted` is the
    type of each row's answer, where it is known: `replace(prediction, wanted=...)` asks the same once more.
    """

    spans: Float[Tensor, "b k p w"]
    none: Float[Tensor, " b"]
    vocabulary: ClassPrediction
    wanted: Sequence[Wanted] | None = None


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


class CandidateHead(CalibratedHead):
    """Every span of up to `max_span` tokens, whole words of one sentence, is a candidate; so is "none of these".

    p(span) = p(entry | picture) p(span | entry, question): the retrieved entries are alternatives (Guu et al. 2020,
    REALM, eq. 1). Within an entry one softmax runs over the spans of all its passages and "none of these"; a span's
    score is start + end + what it goes through (`SpanBounds`) + width + its passage's retrieval score, less the
    picture's; "none of these" is the less likely, the better the picture fits. The entries' softmax runs over the
    gain-weighted scores of their pictures (of their best hits, where they have none). An answer's probability is the
    sum over its spans by normalised text (Lee et al. 2019, ORQA, sec. 3); temperature and threshold are those of these
    sums. Where nothing can be read the answer is the fixed vocabulary's best, without a citation: its confidence is not
    fitted, and the threshold is the same.

    Where a number is wanted, spans that are none are left out, and equal numbers are one answer. Where there are
    choices, each has the probability of its spans, and its share of what is left for "none of these", for which the
    vocabulary speaks: p(c) = p(spans of c) + p(none) p(c | vocabulary), normalised over the choices.
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
        return CandidatePrediction(spans, none, self.vocabulary(fused, knowledge, batch), batch.wanted)

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

    def log_likelihood(self, prediction: CandidatePrediction, targets: Targets) -> Float[Tensor, " b"]:
        """Log of the probability of all right spans together."""
        spans, right = prediction.spans.flatten(1), targets.right.flatten(1)
        lowest = torch.finfo(spans.dtype).min
        everything = torch.cat([spans, prediction.none.unsqueeze(1)], dim=1).logsumexp(1)
        found = spans.masked_fill(~right, lowest).logsumexp(1) - everything
        return found.masked_fill(~right.any(1), lowest)

    def decode(self, prediction: CandidatePrediction, knowledge: Knowledge) -> list[Decoded]:
        """The answer with the largest summed probability and every passage that it stands in, likeliest first."""
        wanted = prediction.wanted or [ANYTHING] * len(prediction.none)
        readable = (knowledge.kind == Kind.TEXT).any(1).tolist()
        by_heart = self._by_heart(prediction.vocabulary, wanted)
        closed = self.vocabulary.decode(by_heart, knowledge)
        known = self.vocabulary.probabilities(by_heart)
        decoded = []
        for b, read in enumerate(self._read(prediction, knowledge, wanted)):
            if wanted[b].choices:
                read = read if readable[b] else ReadAnswers((), none=1.0, rest=0.0)
                vocabulary = zip(self.vocabulary.vocabulary, known[b].tolist(), strict=True)
                sure = {"temperature": self.temperature, "threshold": self.threshold}
                choices = wanted[b].choices
                decoded.append(choose(read, choices, vocabulary, readable=readable[b], count=ALTERNATIVES, **sure))
            elif readable[b] and read.answers:
                decoded.append(read.tempered(self.temperature).decoded(self.threshold, ALTERNATIVES))
            else:
                unsure = closed[b].confidence < self.threshold
                decoded.append(replace(closed[b], abstained=readable[b] or unsure))
        return decoded

    def likelihoods(self, prediction: CandidatePrediction, knowledge: Knowledge, answer: str) -> list[Likelihood]:
        """How probable the answer is for each row, whichever would be given: by its spans, or by the vocabulary.

        Where none of the likeliest spans says it, it is at most as probable as all others together.
        """
        wanted = prediction.wanted or [ANYTHING] * len(prediction.none)
        readable = (knowledge.kind == Kind.TEXT).any(1).tolist()
        closed = self.vocabulary.likelihoods(self._by_heart(prediction.vocabulary, wanted), knowledge, answer)
        chosen = self.decode(prediction, knowledge) if any(sort.choices for sort in wanted) else []
        found = []
        for b, read in enumerate(self._read(prediction, knowledge, wanted)):
            if wanted[b].choices:
                found.append(among(chosen[b].alternatives, answer))
            elif readable[b] and read.answers:
                found.append(read.tempered(self.temperature).likelihood(answer, wanted[b]))
            else:
                found.append(closed[b])
        return found

    def observe(self, given: Validated) -> Observed:
        """The log probabilities of the answers to each row that can be read, of none of these, and of the rest.

        The first is the answer given. Right is this one, where it says what is right in whichever entry it stands, and
        all others together where it doesn't: so the temperature makes confidence the probability to be right, and how
        the rest is shared among "none of these" and answers that were not given has no part in it.
        """
        logits, rights = [], []
        open_ended = self._read(given.prediction, given.knowledge, [ANYTHING] * len(given.examples))
        for read, example in zip(open_ended, given.examples, strict=True):
            if read.answers:
                logits.append(torch.tensor(read.outcomes()).log())
                first = torch.arange(len(logits[-1])) == 0
                rights.append(first if is_right(example, read.answers[0].text) else ~first)
        if not logits:
            return Observed(torch.zeros(0, 0), torch.zeros(0, 0, dtype=torch.bool))
        padded = nn.utils.rnn.pad_sequence(logits, batch_first=True, padding_value=-math.inf)
        return Observed(padded, nn.utils.rnn.pad_sequence(rights, batch_first=True))

    def _read(
        self, prediction: CandidatePrediction, knowledge: Knowledge, wanted: Sequence[Wanted]
    ) -> list[ReadAnswers]:
        """What each row's passages answer, at temperature 1."""
        everything = torch.cat([prediction.spans.flatten(1), prediction.none.unsqueeze(1)], dim=1)
        spans, none = everything.detach().softmax(1).tensor_split([-1], dim=1)
        few = spans.topk(min(_BEST_SPANS, spans.shape[1]), dim=1)
        found = []
        for b, sort in enumerate(wanted):
            best, indices = few.values[b], few.indices[b]
            if sort != ANYTHING:
                best, indices = spans[b].topk(min(_BEST_TYPED_SPANS, spans.shape[1]))
            tail = float(spans[b].scatter(0, indices, 0.0).sum())
            pairs = zip(indices.tolist(), best.tolist(), strict=True)
            likeliest = sorted(pairs, key=lambda span: (-span[1], span[0]))
            read = read_answers(
                likeliest, float(none[b]), tail, knowledge=knowledge, row=b, max_span=self.max_span, wanted=sort
            )
            found.append(read if sort == ANYTHING else read.only())
        return found

    def _by_heart(self, prediction: ClassPrediction, wanted: Sequence[Wanted]) -> ClassPrediction:
        """The vocabulary's prediction, where a number is wanted of its numbers alone, if it has any."""
        other = torch.zeros(prediction.logits.shape, dtype=torch.bool)
        for sort in {sort for sort in wanted if sort.number}:
            words = torch.tensor([key_of(sort, answer) is None for answer in self.vocabulary.vocabulary])
            other[[given == sort for given in wanted]] = words & ~words.all()
        lowest = torch.finfo(prediction.logits.dtype).min
        return ClassPrediction(prediction.logits.masked_fill(other.to(prediction.logits.device), lowest))


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
