"""What each part promises, in one place. Tensor types are named for the type checker only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from ravlm.records import Decoded, Hit
    from ravlm.tensors import Batch, Encoded, Fused, Knowledge, TextBatch

Prediction = TypeVar("Prediction")
Targets_contra = TypeVar("Targets_contra", contravariant=True)


@runtime_checkable
class VisualEncoder(Protocol):
    """Pixels become tokens. `width` is that of the tokens, `pooled_width` that of the one vector."""

    width: int
    pooled_width: int

    def preprocess(self, image: Image) -> Tensor:
        """One decoded picture as uint8 [c, y, x]."""

    def __call__(self, images: Tensor) -> Encoded:
        """Images [b, c, y, x] in 0..255 as tokens [b, i, v]."""


@runtime_checkable
class LanguageEncoder(Protocol):
    """Words become tokens. `width` is that of the tokens, `pooled_width` that of the one vector."""

    width: int
    pooled_width: int

    def tokenize(self, texts: Sequence[str]) -> TextBatch:
        """Texts as padded token ids with their places in the text."""

    def __call__(self, texts: TextBatch) -> Encoded:
        """Token ids [b, t] as tokens [b, t, l]."""


@runtime_checkable
class KnowledgeRetriever(Protocol):
    """Image and question find knowledge. Searching is outside the graph, scoring inside."""

    def search(self, batch: Batch, visual: Encoded, language: Encoded) -> list[list[Hit]]:
        """The best hits of each question, best first."""

    def encode(self, hits: Sequence[Sequence[Hit]]) -> Knowledge:
        """Hits as tokens [b, k, p, l], with the edges at which answers may begin and end."""

    def score(self, visual: Encoded, language: Encoded, knowledge: Knowledge) -> Tensor:
        """How well each hit fits [b, k]; differentiable: the way to the query encoder."""


@runtime_checkable
class FusionModule(Protocol):
    """Image, text and knowledge become one."""

    width: int

    def __call__(self, visual: Encoded, language: Encoded, knowledge: Knowledge, scores: Tensor) -> Fused:
        """One vector [b, d] and the tokens [b, f, d] that it came from."""


@runtime_checkable
class OutputLayer(Protocol[Prediction, Targets_contra]):
    """What was fused becomes an answer."""

    def __call__(self, fused: Fused, knowledge: Knowledge, batch: Batch) -> Prediction:
        """Scores of the possible answers."""

    def loss(self, prediction: Prediction, targets: Targets_contra) -> Tensor:
        """A scalar to be made small."""

    def decode(self, prediction: Prediction, knowledge: Knowledge) -> list[Decoded]:
        """The best answer to each question."""
