"""Classification with several labels: the answer is a set."""

import math
from collections.abc import Sequence
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ravlm.heads.classification import ALTERNATIVES, ClassPrediction
from ravlm.heads.likelihood import Likelihood
from ravlm.heads.targets import LabelTargets
from ravlm.heads.whole_answers import WholeAnswerHead
from ravlm.records import Decoded
from ravlm.tensors import Batch, Fused, Knowledge


class MultiLabelHead(WholeAnswerHead):
    """Each label of a fixed vocabulary is right or not, independently given what was fused.

    p(S) = prod_{i in S} sigmoid(z_i) prod_{i not in S} (1 - sigmoid(z_i)), with a logit z for each label. The answer
    is the likeliest set, that of all labels with a probability above a half. Confidence is p(S)^T, since an answer is
    right when it names every member and nothing else; p(S) is at most the least sure decision's probability. Training
    begins with one label expected in all (Lin et al. 2017, Focal Loss for Dense Object Detection, section 4.1).
    """

    def __init__(self, *, width: int, vocabulary: Sequence[str]) -> None:
        super().__init__()
        self.vocabulary = list(vocabulary)
        self.score = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU())
        self.classes = nn.Linear(width, len(self.vocabulary))
        nn.init.constant_(self.classes.bias, -math.log(max(len(self.vocabulary) - 1, 1)))

    def forward(self, fused: Fused, knowledge: Knowledge, batch: Batch) -> ClassPrediction:
        return ClassPrediction(self.classes(self.score(fused.pooled)).float())

    def loss(self, prediction: ClassPrediction, targets: LabelTargets) -> Float[Tensor, ""]:
        """-log p(S): the binary cross-entropies of all labels together, mean over the rows that have a label."""
        known = targets.labels.any(1)
        summed = nn.functional.binary_cross_entropy_with_logits(
            prediction.logits, targets.labels.to(prediction.logits.dtype), reduction="none"
        ).sum(1)
        return summed.masked_fill(~known, 0.0).sum() / known.sum().clamp(min=1)

    def log_likelihood(self, prediction: ClassPrediction, targets: LabelTargets) -> Float[Tensor, " b"]:
        """Log p(S) of the right labels, where any is known."""
        found = -nn.functional.binary_cross_entropy_with_logits(
            prediction.logits, targets.labels.to(prediction.logits.dtype), reduction="none"
        ).sum(1)
        return found.masked_fill(~targets.labels.any(1), torch.finfo(found.dtype).min)

    def uncalibrated(self, prediction: ClassPrediction) -> list[Decoded]:
        """The likeliest set in words, in the vocabulary's order, and the next likely ones.

        Where no label has more than a half, the likeliest set that is not empty stands for what was declined.
        """
        decoded = []
        for logits in prediction.logits.detach().cpu().double():
            ranked = likeliest_sets(logits, ALTERNATIVES + 1)
            named = [(", ".join(self.vocabulary[i] for i in members), p) for members, p in ranked if members]
            text, p = named[0]
            decoded.append(Decoded(text, p, not ranked[0][0], support=(), alternatives=tuple(named[:ALTERNATIVES])))
        return decoded

    def likelihoods(self, prediction: ClassPrediction, knowledge: Knowledge, answer: str) -> list[Likelihood]:
        """p(S)^T of the set that the answer names, in the words of `decode`; zero where it is no such set."""
        members, left = [], f"{answer}, "
        for i, label in enumerate(self.vocabulary):
            if left.startswith(f"{label}, "):
                members.append(i)
                left = left.removeprefix(f"{label}, ")
        if left:
            return [Likelihood(0.0)] * len(prediction.logits)
        logits = prediction.logits.detach().double()
        on = torch.zeros(logits.shape[1], dtype=torch.bool, device=logits.device)
        on[members] = True
        p = nn.functional.logsigmoid(torch.where(on, logits, -logits)).sum(1).exp()
        return [Likelihood(self.confidence(value)) for value in p.tolist()]


def likeliest_sets(logits: Float[Tensor, " c"], count: int) -> list[tuple[tuple[int, ...], float]]:
    """The `count` likeliest sets of independent labels and their probabilities; of equal ones the smaller first.

    They differ from the first in some of the `count` least sure labels: a set in which a surer one is turned is less
    likely than those in which one of these is turned alone.
    """
    logits = logits.double()
    sure = logits.abs()
    first = float(nn.functional.logsigmoid(sure).sum())
    unsure = sorted(range(len(logits)), key=lambda i: (float(sure[i]), i))[:count]
    members = set((logits > 0).nonzero().flatten().tolist())
    sets = []
    for turns in product((False, True), repeat=len(unsure)):
        turned = {i for i, turn in zip(unsure, turns, strict=True) if turn}
        log_probability = first - sum(float(sure[i]) for i in turned)
        sets.append((tuple(sorted(members ^ turned)), math.exp(log_probability)))
    return sorted(sets, key=lambda found: (-found[1], len(found[0]), found[0]))[:count]
