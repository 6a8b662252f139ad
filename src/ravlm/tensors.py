"""Axis letters, the tensors that travel between parts, and masked reductions.

Axes: b batch, i image tokens, t text tokens, k hits, p passage tokens, w span widths, f fused tokens, n any tokens;
v, l, d are the widths of the visual encoder, the language encoder and the fusion; c, h, x, y are an image's channels,
attention heads, columns and rows. In every mask True means "is there".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from ravlm.records import Hit, Passage, Wanted


@dataclass(frozen=True)
class TextBatch:
    """Tokenised texts: `ids` [b, t], `mask` [b, t], `offsets` [b, t, 2] (half-open ranges of characters)."""

    ids: Int[Tensor, "b t"]
    mask: Bool[Tensor, "b t"]
    offsets: Int[Tensor, "b t 2"]

    def to(self, device: torch.device) -> "TextBatch":
        return TextBatch(self.ids.to(device), self.mask.to(device), self.offsets.to(device))


@dataclass(frozen=True)
class Encoded:
    """What an encoder makes of a batch: `tokens` [b, n, width], `mask` [b, n], `pooled` [b, pooled_width]."""

    tokens: Float[Tensor, "b n width"]
    mask: Bool[Tensor, "b n"]
    pooled: Float[Tensor, "b pooled_width"]


@dataclass(frozen=True)
class Batch:
    """What the model reads at once: `images` [b, c, y, x] in 0..255, tokenised questions, and the questions as text.

    `seen` is what the visual encoder made of the images before, where it stands still; it is not asked again then, and
    the images may be without pixels, [b, c, 0, 0]. `wanted` is the type of each question's answer, where it is known.
    """

    images: Num[Tensor, "b c y x"]
    texts: TextBatch
    questions: Sequence[str]
    languages: Sequence[str]
    seen: Encoded | None = None
    wanted: Sequence[Wanted] | None = None


class Kind(IntEnum):
    """What a piece of knowledge is."""

    TEXT = 0
    PICTURE = 1
    NOTHING = 2


@dataclass(frozen=True)
class Knowledge:
    """Encoded hits, padded to the longest row.

    `tokens` [b, k, p, l] and `mask` [b, k, p] are the passages' tokens (a picture is one token); `kind` [b, k] is a
    `Kind`; `entry` [b, k] counts the row's distinct entries from 0 (-1: padding); `keys` [b, k, v] are the entries'
    picture keys; `offsets` [b, k, p, 2] lead from tokens to characters of `passages[b][k]`; `edges` [b, k, p, 2] say
    where an answer may begin and end: see `ravlm.retrieval.edges`.
    """

    tokens: Float[Tensor, "b k p l"]
    mask: Bool[Tensor, "b k p"]
    kind: Int[Tensor, "b k"]
    entry: Int[Tensor, "b k"]
    keys: Float[Tensor, "b k v"]
    offsets: Int[Tensor, "b k p 2"]
    edges: Int[Tensor, "b k p 2"]
    hits: Sequence[Sequence[Hit]]
    passages: Sequence[Sequence[Passage | None]]


@dataclass(frozen=True)
class Fused:
    """What a fusion makes of image, text and knowledge, all in its own width.

    `pooled` [b, d] is the one vector; `tokens` [b, f, d] with `mask` [b, f] and `evidence` [b, k, p, d] are the
    question's and the knowledge's tokens, brought into the same space, for output layers that read; `scores` [b, k] are
    the hits' retrieval scores. Where the mode has them, in float32: `weights` [b, 3] are those of image, text and
    knowledge, `passage_weights` [b, k] those of the hits in the knowledge, zero where there is none.
    """

    pooled: Float[Tensor, "b d"]
    tokens: Float[Tensor, "b f d"]
    mask: Bool[Tensor, "b f"]
    evidence: Float[Tensor, "b k p d"]
    scores: Float[Tensor, "b k"]
    weights: Float[Tensor, "b 3"] | None = None
    passage_weights: Float[Tensor, "b k"] | None = None


def masked_softmax(scores: Float[Tensor, "*axes n"], mask: Bool[Tensor, "*axes n"]) -> Float[Tensor, "*axes n"]:
    """Softmax over the last axis of what is there; all zeros where nothing is."""
    lowest = torch.finfo(scores.dtype).min
    weights = scores.masked_fill(~mask, lowest).softmax(-1)
    return weights.masked_fill(~mask, 0.0)


def masked_mean(values: Float[Tensor, "*axes n width"], mask: Bool[Tensor, "*axes n"]) -> Float[Tensor, "*axes width"]:
    """Mean over the tokens that are there; zeros where none is."""
    there = mask.unsqueeze(-1).to(values.dtype)
    return (values * there).sum(-2) / there.sum(-2).clamp(min=1.0)
