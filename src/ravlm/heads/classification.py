"""Classification over a fixed vocabulary of answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ravlm.grading import normalise
from ravlm.heads.calibration import CalibratedHead, Observed
from ravlm.heads.likelihood import Likelihood
from ravlm.heads.targets import Targets
from ravlm.records import Decoded
from ravlm.tensors import Batch, Fused, Knowledge

ALTERNATIVES = 5


@dataclass(frozen=True)
class ClassPrediction:
    """`logits` [b, c] over the vocabulary."""

    logits: Float[Tensor, "b c"]


class ClassificationHead(CalibratedHead):
    """One of the answers that training has seen. It can never give another one.

    p = softmax(W GELU(V LayerNorm(o))): confidence is the probability of the likeliest answer.
    """

    def __init__(self, *, width: int, vocabulary: Sequence[str]) -> None:
        super().__init__()
        self.vocabulary = list(vocabulary)
        self.score = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU())
        self.classes = nn.Linear(width, len(self.vocabulary))

    def forward(self, fused: Fused, knowledge: Knowledge, batch: Batch) -> ClassPrediction:
        return ClassPrediction(self.classes(self.score(fused.pooled)).float())

    def loss(self, prediction: ClassPrediction, targets: Targets) -> Float[Tensor, ""]:
        """Cross-entropy over the examples whose answer is in the vocabulary; zero when none is."""
        known = targets.label >= 0
        summed = nn.functional.cross_entropy(
            prediction.logits, targets.label.clamp(min=0), reduction="none"
        ).masked_fill(~known, 0.0)
        return summed.sum() / known.sum().clamp(min=1)

    def log_likelihood(self, prediction: ClassPrediction, targets: Targets) -> Float[Tensor, " b"]:
        """Log probability of the right answer, where it is in the vocabulary."""
        found = prediction.logits.log_softmax(1).gather(1, targets.label.clamp(min=0)[:, None])[:, 0]
        return found.masked_fill(targets.label < 0, torch.finfo(found.dtype).min)

    def probabilities(self, prediction: ClassPrediction) -> Float[Tensor, "b c"]:
        """Those of all answers, at the head's temperature."""
        return (prediction.logits.detach() / self.temperature).softmax(-1)

    def decode(self, prediction: ClassPrediction, knowledge: Knowledge) -> list[Decoded]:
        """The likeliest answer of the vocabulary; it cites nothing, since nothing shows where it came from."""
        best = self.probabilities(prediction).topk(min(ALTERNATIVES, len(self.vocabulary)))
        decoded = []
        for values, indices in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            ranked = tuple((self.vocabulary[i], p) for i, p in zip(indices, values, strict=True))
            text, confidence = ranked[0]
            decoded.append(Decoded(text, confidence, confidence < self.threshold, support=(), alternatives=ranked))
        return decoded

    def likelihoods(self, prediction: ClassPrediction, knowledge: Knowledge, answer: str) -> list[Likelihood]:
        """The probability of the vocabulary's answer that is this one when normalised; zero where it has none."""
        same = [i for i, known in enumerate(self.vocabulary) if normalise(known) == normalise(answer)]
        return [Likelihood(p) for p in self.probabilities(prediction)[:, same].sum(1).tolist()]

    def observed(self, prediction: ClassPrediction, targets: Targets, knowledge: Knowledge) -> Observed:
        """The logits, and which answer is right: of one outside the vocabulary, any but the one that is given."""
        logits, beyond = prediction.logits, targets.label < 0
        given = torch.where(beyond, logits.argmax(1), targets.label)
        right = nn.functional.one_hot(given, logits.shape[1]).bool() ^ beyond.unsqueeze(1)
        there = right.any(1)  # with one answer alone, none is any other
        return Observed(logits[there], right[there])
