"""Spans that say the same are one answer."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ravlm.heads.likelihood import Likelihood
from ravlm.heads.wanted import key_of
from ravlm.records import Decoded, Support, Wanted
from ravlm.tensors import Knowledge


@dataclass(frozen=True)
class ReadAnswer:
    """An answer that passages give: its likeliest wording, the sum over its spans, and where they stand."""

    text: str
    probability: float
    support: tuple[Support, ...] = ()

    def scaled_to(self, probability: float) -> "ReadAnswer":
        """The same with another probability; its spans keep their shares of it."""
        share = probability / self.probability if self.probability > 0.0 else 0.0
        support = tuple(replace(s, probability=s.probability * share) for s in self.support)
        return replace(self, probability=probability, support=support)


@dataclass(frozen=True)
class ReadAnswers:
    """What one row's passages answer: `answers`, likeliest first, "none of these", and all other spans together."""

    answers: tuple[ReadAnswer, ...]
    none: float
    rest: float

    def outcomes(self) -> list[float]:
        """The probabilities of all that can be: the answers, "none of these", something else."""
        return [*(answer.probability for answer in self.answers), self.none, self.rest]

    def tempered(self, temperature: float) -> "ReadAnswers":
        """p^(1/T), normalised, over the answers, "none of these" and the rest; an answer's spans keep their shares.

        The temperature is that of answers, not of spans: were it of spans, another answer could become the best, for
        the sums would be of other numbers.
        """
        if temperature == 1.0:
            return self
        outcomes = self.outcomes()
        likeliest = max(outcomes)
        powers = [math.exp(math.log(p / likeliest) / temperature) if p > 0.0 else 0.0 for p in outcomes]
        *answers, none, rest = (power / sum(powers) for power in powers)
        scaled = tuple(answer.scaled_to(p) for answer, p in zip(self.answers, answers, strict=True))
        return ReadAnswers(scaled, none, rest)

    def only(self) -> "ReadAnswers":
        """Given that the answer is among these, or none of these: where the rest is known to be no answer."""
        known = sum(answer.probability for answer in self.answers) + self.none  # not 1 - rest, which may be noise
        if known <= 0.0:
            return replace(self, none=1.0, rest=0.0)
        answers = tuple(answer.scaled_to(answer.probability / known) for answer in self.answers)
        return ReadAnswers(answers, self.none / known, 0.0)

    def likelihood(self, answer: str, wanted: Wanted) -> Likelihood:
        """The probability of the answer that says the same; at most that of the rest, where none of these does."""
        key = key_of(wanted, answer)
        same = [a.probability for a in self.answers if key_of(wanted, a.text) == key]
        return Likelihood(min(same[0], 1.0)) if same else Likelihood(self.rest, exact=self.rest == 0.0)

    def decoded(self, threshold: float, count: int) -> Decoded:
        """The likeliest answer, with `count` alternatives and every passage it stands in, likeliest first.

        It abstains where "none of these" is likelier, or where the answer is less likely than the threshold.
        """
        answer = self.answers[0]
        confidence = min(answer.probability, 1.0)
        distinct = {s.hit: s for s in reversed(answer.support)}
        return Decoded(
            text=answer.text,
            confidence=confidence,
            abstained=self.none > answer.probability or confidence < threshold,
            support=tuple(sorted(distinct.values(), key=lambda s: (-s.probability, s.hit))),
            alternatives=tuple((a.text, a.probability) for a in self.answers[:count]),
        )


def read_answers(
    spans: Iterable[tuple[int, float]],
    none: float,
    tail: float,
    *,
    knowledge: Knowledge,
    row: int,
    max_span: int,
    wanted: Wanted,
) -> ReadAnswers:
    """Add up the spans of a row, (place in the flat [k p w], probability), likeliest first, by what they say.

    `tail` is the probability of all other spans together, as a sum of its own: 1 less these is noise where it is small.
    """
    places = knowledge.tokens.shape[2]
    offsets = knowledge.offsets[row].tolist()
    texts: dict[object, str] = {}
    total: dict[object, float] = defaultdict(float)
    support: dict[object, list[Support]] = defaultdict(list)
    for index, probability in spans:
        place, width = divmod(index, max_span)
        k, p = divmod(place, places)
        passage = knowledge.passages[row][k]
        if passage is None or probability == 0.0:
            continue
        first, last = offsets[k][p][0], offsets[k][p + width][1]
        text = passage.text[first:last]
        if (key := key_of(wanted, text)) is None:  # punctuation alone, or not of the type
            tail += probability
            continue
        texts.setdefault(key, text)
        total[key] += probability
        support[key].append(Support(k, (first, last), probability))
    ranked = sorted(total, key=lambda key: (-total[key], str(key)))
    answers = tuple(ReadAnswer(texts[key], total[key], tuple(support[key])) for key in ranked)
    return ReadAnswers(answers, none, tail)
