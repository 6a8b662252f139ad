"""What teaches a retriever from answers: pure functions of scores and likelihoods, one row a question.

Scores s [b, k] are those of the k entries that a question could be answered from, `there` [b, k] marks the entries
that there are, p(e | x) = softmax over them of s. A row that teaches nothing counts for nothing: every loss is the mean
over the others, and zero where there are none.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ravlm.tensors import masked_softmax


def marginal_likelihood(
    scores: Float[Tensor, "b k"], log_likelihood: Float[Tensor, "b k"], there: Bool[Tensor, "b k"]
) -> Float[Tensor, ""]:
    """-log sum_e p(e | x) p(y | x, e), p(y | x, e) given by its logarithm (Lewis et al. 2020, RAG, section 2.1).

    A row in which no entry can say the answer, all likelihoods the lowest number, teaches nothing.
    """
    log_p = _log_prior(scores, there)
    joint = (log_p + log_likelihood).masked_fill(~there | _impossible(log_likelihood), _lowest(scores))
    teaches = (there & ~_impossible(log_likelihood)).any(1)
    return _mean(-joint.logsumexp(1), teaches)


def likelihood_distillation(
    scores: Float[Tensor, "b k"],
    log_likelihood: Float[Tensor, "b k"],
    there: Bool[Tensor, "b k"],
    temperature: float = 1.0,
) -> Float[Tensor, ""]:
    """KL(q || p(e | x)), q = softmax of log p(y | x, e) / T, which gets no gradient.

    The perplexity distillation of Izacard et al. 2023, Atlas, section 2.2, whose prior is uniform.
    """
    possible = there & ~_impossible(log_likelihood)
    target = masked_softmax(log_likelihood.detach().masked_fill(~possible, 0.0) / temperature, possible)
    return _distilled(scores, target, there)


def attention_distillation(
    scores: Float[Tensor, "b k"], attention: Float[Tensor, "b k"], there: Bool[Tensor, "b k"]
) -> Float[Tensor, ""]:
    """KL(q || p(e | x)), q the reader's attention over the entries, normalised, without gradient (Atlas, 2.2)."""
    kept = attention.detach().masked_fill(~there, 0.0)
    target = kept / kept.sum(1, keepdim=True).clamp(min=torch.finfo(kept.dtype).tiny)
    return _distilled(scores, target, there)


def relevance_contrast(
    scores: Float[Tensor, "b k"], relevant: Bool[Tensor, "b k"], there: Bool[Tensor, "b k"]
) -> Float[Tensor, ""]:
    """-log of the probability of all relevant entries together; the others are its negatives.

    With one relevant entry it is InfoNCE; several are alternatives. Where relevance is taken from whether an entry
    states the answer it is pseudo-relevance, after Lin and Byrne 2022, RA-VQA, section 3.2, where the reader's success
    decides as well, and each passage has a term of its own. A row without a relevant entry, or with no other, teaches
    nothing.
    """
    relevant = relevant & there
    log_p = _log_prior(scores, there)
    found = log_p.masked_fill(~relevant, _lowest(scores)).logsumexp(1)
    return _mean(-found, relevant.any(1) & (there & ~relevant).any(1))


def _distilled(
    scores: Float[Tensor, "b k"], target: Float[Tensor, "b k"], there: Bool[Tensor, "b k"]
) -> Float[Tensor, ""]:
    log_p = _log_prior(scores, there).masked_fill(~there, 0.0)
    divergence = torch.special.xlogy(target, target) - target * log_p
    return _mean(divergence.sum(1), (target > 0).any(1))


def _log_prior(scores: Float[Tensor, "b k"], there: Bool[Tensor, "b k"]) -> Float[Tensor, "b k"]:
    return scores.masked_fill(~there, _lowest(scores)).log_softmax(1)


def _mean(losses: Float[Tensor, " b"], teaches: Bool[Tensor, " b"]) -> Float[Tensor, ""]:
    return losses.masked_fill(~teaches, 0.0).sum() / teaches.sum().clamp(min=1)


def _impossible(log_likelihood: Float[Tensor, "b k"]) -> Bool[Tensor, "b k"]:
    return log_likelihood <= _lowest(log_likelihood) / 2


def _lowest(values: Tensor) -> float:
    return torch.finfo(values.dtype).min / 4  # so low that nothing is left of it, and yet a sum of some is a number
