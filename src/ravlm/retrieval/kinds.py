"""Which kinds of index there are. The module of a kind is imported when one of it is asked for: words need no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from ravlm.errors import UnknownChoice

if TYPE_CHECKING:
    from ravlm.retrieval.indexed import IndexedRetriever


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of index: the class that reads it, which encoder it needs, what a query must have, what `build` takes.

    Of late interaction the encoder decides whether it reads words, views or both.
    """

    home: str
    encoder: Literal["", "visual", "language", "joint", "any"]
    asks: Literal["words", "views", "words or views"]
    takes: tuple[str, ...] = ()

    @property
    def wants(self) -> str:
        """The encoder that it needs, in words."""
        return {"": "no encoder", "any": "an encoder"}.get(self.encoder, f"a {self.encoder} encoder")

    @property
    def retriever(self) -> "type[IndexedRetriever]":
        """The class, its module imported."""
        module, _, name = self.home.partition(":")
        found: type[IndexedRetriever] = getattr(import_module(f"ravlm.retrieval.{module}"), name)
        return found


KINDS: Mapping[str, Kind] = {
    "bm25": Kind("bm25:Bm25Retriever", "", "words", ("unit", "engine")),
    "tfidf": Kind("tfidf:TfidfRetriever", "", "words", ("unit",)),
    "dense": Kind("dense:DenseRetriever", "language", "words", ("unit", "structure", "memory", "cache")),
    "image": Kind("picture:ImageRetriever", "visual", "views", ("structure", "memory", "cache")),
    "crossmodal": Kind(
        "crossmodal:CrossModalRetriever", "joint", "words or views", ("unit", "structure", "memory", "cache")
    ),
    "late": Kind("late.retriever:LateInteractionRetriever", "any", "words or views", ("unit", "cache")),
}
LEXICAL = ("bm25", "tfidf")


def kind_named(name: str) -> Kind:
    """The kind of this name.

    Raises:
        UnknownChoice: there is none.
    """
    if name not in KINDS:
        raise UnknownChoice("kind of index", name, list(KINDS))
    return KINDS[name]
