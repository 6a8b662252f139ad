"""What was written for a question: its answers, and from which characters of which passages they were copied."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ravlm.grading import normalise
from ravlm.heads.classification import ALTERNATIVES
from ravlm.heads.generation_text import AnswerTokenizer, Source
from ravlm.heads.likelihood import Likelihood
from ravlm.records import Decoded, Passage, Support


@dataclass(frozen=True)
class Trace:
    """How a text of n tokens came about.

    `here` [n, k, p] is the attention that copied each token from each place where it stands in the passages; `rather`
    [n] says which tokens were rather copied than spoken.
    """

    here: Float[Tensor, "n k p"]
    rather: Bool[Tensor, " n"]


def trace(
    written: Int[Tensor, " n"],
    log_p: Float[Tensor, " n"],
    copied: Float[Tensor, " n"],
    attention: Float[Tensor, "n k p"],
    ids: Int[Tensor, "k p"],
) -> Trace:
    """The trace of tokens with these log probabilities, `copied` being log(1 - g) and `ids` those of the passages."""
    here = attention.masked_fill(written[:, None, None] != ids, 0.0)
    share = here.sum((1, 2)) * (copied - log_p).exp()  # what copying gave of each token's probability
    return Trace(here, share >= 0.5)


def support(
    found: Trace, probability: float, passages: Sequence[Passage | None], offsets: Int[Tensor, "k p 2"]
) -> tuple[Support, ...]:
    """The places where all tokens were copied from, side by side: the likeliest of each passage, the likeliest first.

    They share the probability in proportion to the product of the attention on their tokens; none, where a token was
    rather spoken.
    """
    n, p = len(found.here), found.here.shape[2]
    if not n or n > p or not bool(found.rather.all()):
        return ()
    weight = torch.stack([found.here[t, :, t : p - n + 1 + t].double().log() for t in range(n)]).sum(0)  # [k, starts]
    share = probability * weight.flatten().softmax(0).view_as(weight)
    best = share.max(1)
    chosen = []
    for hit, (start, part) in enumerate(zip(best.indices.tolist(), best.values.tolist(), strict=True)):
        if part > 0.0 and passages[hit] is not None:
            span = (int(offsets[hit, start, 0]), int(offsets[hit, start + n - 1, 1]))
            chosen.append(Support(hit, span, part))
    return tuple(sorted(chosen, key=lambda one: (-one.probability, one.hit)))


def sources(found: Trace, passages: Sequence[Passage | None], offsets: Int[Tensor, "k p 2"]) -> list[Source | None]:
    """Where each token was copied from, the likeliest place; None where it was rather spoken.

    Behind a copied token the place beside it comes first, where the next token stands there.
    """
    p = found.here.shape[2]
    told: list[Source | None] = []
    last = -1
    for here, rather in zip(found.here.flatten(1), found.rather.tolist(), strict=True):
        beside = last + 1 if last >= 0 and (last + 1) % p else -1
        last = (beside if beside >= 0 and here[beside] > 0 else int(here.argmax())) if rather else -1
        passage = passages[last // p] if last >= 0 else None
        if passage is None:
            told.append(None)
            continue
        start, stop = offsets[last // p, last % p].tolist()
        told.append(Source(last // p, passage.text, start, stop))
    return told


class Written:
    """The texts written for one question, put together by what they are when normalised."""

    def __init__(
        self, passages: Sequence[Passage | None], offsets: Int[Tensor, "k p 2"], tokens: AnswerTokenizer
    ) -> None:
        self._passages, self._offsets, self._tokens = passages, offsets, tokens
        self._total: dict[str, float] = defaultdict(float)
        self._best: dict[str, tuple[float, str, Trace | None]] = {}

    def add(self, ids: Sequence[int], probability: float, found: Trace | None) -> None:
        """One text more, and where its tokens come from."""
        places = [None] * len(ids) if found is None else sources(found, self._passages, self._offsets)
        text = self._tokens.text(ids, places)
        key = normalise(text)
        self._total[key] += probability
        if key not in self._best or probability > self._best[key][0]:
            self._best[key] = (probability, text, found)

    def likelihood(self, answer: str, spelled: float | None, temperature: float) -> Likelihood:
        """The probability of an answer, as `decoded` would count it were it the best.

        What was not found counts with the probability `spelled` of its one text, taken from what is left. Without that
        (None) no more is known than what is left. An answer of nothing but marks is none: zero.
        """
        key = normalise(answer)
        if not key:
            return Likelihood(0.0)
        if key in self._total:
            return Likelihood(self.outcomes(temperature)[key])
        if spelled is None:
            left = self.outcomes(temperature)[None]
            return Likelihood(left, exact=left == 0.0)
        return Likelihood(self.outcomes(temperature, {key: spelled})[key])

    def outcomes(self, temperature: float, more: Mapping[str, float] = MappingProxyType({})) -> dict[str | None, float]:
        """Each answer's probability by its normalised text, "" for no answer, None for all that were not written.

        `more` are answers that were not written, with their probabilities at temperature 1.
        """
        known = {**self._total, **more}
        p: dict[str | None, float] = {None: max(1.0 - sum(known.values()), 0.0)}
        p.update(known)
        powers = {key: value ** (1 / temperature) for key, value in p.items()}
        whole = sum(powers.values())
        return {key: value / whole for key, value in powers.items()}

    def decoded(self, temperature: float, threshold: float) -> Decoded:
        """The likeliest answer, not given where none, or nothing but marks, is likelier, or it is below the threshold.

        Where nothing else was written the answer is an empty text with confidence 0.
        """
        outcomes = self.outcomes(temperature)
        ranked = sorted((key for key in self._total if key), key=lambda key: (-self._total[key], key))
        if not ranked:
            return Decoded("", 0.0, abstained=True, support=(), alternatives=(("", 0.0),))
        confidence = outcomes[ranked[0]]
        _, text, found = self._best[ranked[0]]
        places = () if found is None else support(found, confidence, self._passages, self._offsets)
        first = self._passages[places[0].hit] if places else None
        text = text if first is None else first.text[slice(*places[0].span)]
        others = tuple((self._best[key][1], outcomes[key]) for key in ranked[1:ALTERNATIVES])
        abstained = outcomes.get("", 0.0) > confidence or confidence < threshold
        return Decoded(text, confidence, abstained, places, ((text, confidence), *others))
