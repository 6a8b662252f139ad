"""The words of a question that matter most: the language encoder's attention picks them, or all count alike."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ravlm.errors import ConfigError, UnknownChoice
from ravlm.records import Piece, Query
from ravlm.retrieval.queries.compose import WEIGHTS, checked_count, checked_weight, extended
from ravlm.retrieval.queries.terms import attention_on, term_spans

if TYPE_CHECKING:
    from ravlm.encoders.base import Encoder

Method = Literal["attention", "words"]
METHODS: tuple[Method, ...] = ("attention", "words")
_AT_ONCE = 32  # questions
_DIGITS = 4  # of a weight: what threads may change lies behind them


class KeyTermsStep:
    """Adds the content words of a question, best first; see `terms.term_spans` for what they are in each language.

    With "attention" they are the `terms` words that get the most of `ravlm.encoders.attention.attention_received`,
    summed over a word's tokens and over the places where it stands, and `weight` is shared in proportion to it. With
    "words", the ablation, they are all content words, and `weight` is shared evenly.

    A query without text, or with stop words alone, gets none. Terms help retrieval by words and harm retrieval by
    vectors: a sentence encoder has weighed the words already.

    Args:
        encoder: a language encoder; "words" needs none.
        terms: how many words attention picks.
        weight: of all terms of a query together.
        method: "attention" or "words".

    Raises:
        ConfigError: attention is asked for without a language encoder that gives it, `terms` is below 1, or the weight
            is not above 0.
        UnknownChoice: there is no such method.
    """

    def __init__(
        self,
        encoder: "Encoder | None" = None,
        *,
        terms: int = 5,
        weight: float = WEIGHTS["key term"],
        method: Method = "attention",
    ) -> None:
        if method not in METHODS:
            raise UnknownChoice("way to pick key terms", method, METHODS)
        if method == "attention" and not hasattr(encoder, "tokenize"):
            found = "no encoder" if encoder is None else f"{type(encoder).__name__}, which reads no texts,"
            raise ConfigError(
                f"Key terms by attention were asked for with {found} given. Give a language encoder, or ask for plain "
                "words: method='words'."
            )
        self.encoder: Any = encoder if method == "attention" else None
        self.terms = checked_count("key terms", terms)
        self.weight = checked_weight(weight)

    def __call__(self, queries: Sequence[Query]) -> list[Query]:
        texts = list(dict.fromkeys(query.text for query in queries))
        made: dict[str, list[Piece]] = {}
        for at in range(0, len(texts), _AT_ONCE):
            some = texts[at : at + _AT_ONCE]
            made.update(zip(some, self._pieces(some), strict=True))
        return extended(queries, [made[query.text] for query in queries])

    def _pieces(self, texts: Sequence[str]) -> list[list[Piece]]:
        if self.encoder is None:
            counted = [dict.fromkeys(_terms(text), 1.0) for text in texts]
            return [_shared(terms, self.weight, "words") for terms in counted]
        from ravlm.encoders.attention import attention_received

        batch = self.encoder.tokenize(texts)
        received = attention_received(self.encoder, batch).tolist()
        origin = f"attention of {self.encoder.origin or self.encoder.kind}"
        made = []
        for text, offsets, row in zip(texts, batch.offsets.tolist(), received, strict=True):
            summed: dict[str, float] = {}
            for term, value in zip(_terms(text), attention_on(term_spans(text), offsets, row), strict=True):
                summed[term] = summed.get(term, 0.0) + value
            best = sorted(summed, key=lambda term: -round(summed[term], _DIGITS))[: self.terms]
            made.append(_shared({term: summed[term] for term in best}, self.weight, origin))
        return made


def _terms(text: str) -> list[str]:
    """The content words as they stand, each as it is written where it stands first."""
    found = [text[start:end] for start, end in term_spans(text)]
    first = {term.casefold(): term for term in reversed(found)}
    return [first[term.casefold()] for term in found]


def _shared(terms: dict[str, float], weight: float, origin: str) -> list[Piece]:
    """A piece for each term, their weights adding up to `weight` but for rounding."""
    total = sum(terms.values())
    shares = {term: round(weight * value / total, _DIGITS) for term, value in terms.items() if total > 0}
    return [Piece("key term", share, term, origin=origin) for term, share in shares.items() if share > 0]
