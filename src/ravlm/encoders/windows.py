"""Texts longer than a model reads at once, cut into windows that overlap, and put together again."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ravlm.tensors import TextBatch


@dataclass(frozen=True)
class Frame:
    """How one window is framed: at most `size` tokens, `before` and `after` of them special ones that all windows have.

    `overlap` is the number of tokens that two neighbours share. In a `causal` model a token sees only what stands
    before it.
    """

    size: int
    before: int
    after: int
    causal: bool

    @property
    def room(self) -> int:
        """The tokens of the text itself in a window."""
        return self.size - self.before - self.after

    @property
    def overlap(self) -> int:
        """A quarter of a window."""
        return self.room // 4


@dataclass(frozen=True)
class Windows:
    """`ids` and `mask` [w, s] of the windows, the `row` [w] that each was cut from, and for each token of the whole
    texts its `place` [b, t] among the w * s tokens of the windows.
    """

    ids: Int[Tensor, "w s"]
    mask: Bool[Tensor, "w s"]
    row: Int[Tensor, " w"]
    place: Int[Tensor, "b t"]

    def together(self, tokens: Float[Tensor, "w s l"]) -> Float[Tensor, "b t l"]:
        """The windows' tokens as those of the whole texts."""
        b, t = self.place.shape
        return tokens.flatten(0, 1).index_select(0, self.place.flatten()).view(b, t, -1)

    def mean(self, pooled: Float[Tensor, "w p"]) -> Float[Tensor, "b p"]:
        """The mean over the windows of each text."""
        b = len(self.place)
        total = pooled.new_zeros(b, pooled.shape[1]).index_add(0, self.row, pooled)
        return total / torch.bincount(self.row, minlength=b).unsqueeze(1)


def cut(texts: TextBatch, frame: Frame) -> Windows:
    """The windows of a batch.

    A token that several windows hold is taken from the one in which it sees most: where it is farthest from both ends,
    or in a causal model, from the beginning.
    """
    ids: list[Tensor] = []
    rows: list[int] = []
    place = torch.zeros_like(texts.ids)
    for row, n in enumerate(texts.mask.sum(1).tolist()):
        whole = texts.ids[row, :n]
        if n <= frame.size:
            place[row, :n] = len(ids) * frame.size + torch.arange(n, device=place.device)
            ids.append(whole)
            rows.append(row)
            continue
        inner = whole[frame.before : n - frame.after]
        starts = window_starts(len(inner), frame)
        owner = _owners(len(inner), starts, frame)  # [m]
        first, last = len(ids), len(ids) + len(starts) - 1
        at = torch.arange(len(inner)) - torch.tensor(starts)[owner] + frame.before
        place[row, frame.before : n - frame.after] = ((first + owner) * frame.size + at).to(place.device)
        place[row, : frame.before] = first * frame.size + torch.arange(frame.before, device=place.device)
        end = last * frame.size + frame.before + frame.room
        place[row, n - frame.after : n] = end + torch.arange(frame.after, device=place.device)
        for start in starts:
            part = inner[start : start + frame.room]
            ids.append(torch.cat([whole[: frame.before], part, whole[n - frame.after :]]))
            rows.append(row)
    table = torch.zeros(len(ids), frame.size, dtype=texts.ids.dtype, device=place.device)
    mask = torch.zeros(len(ids), frame.size, dtype=torch.bool, device=place.device)
    for i, window in enumerate(ids):
        table[i, : len(window)] = window
        mask[i, : len(window)] = True
    return Windows(table, mask, torch.tensor(rows, device=place.device), place)


def window_starts(n: int, frame: Frame) -> list[int]:
    """Where the windows of n tokens begin; the last one ends with the text."""
    last = n - frame.room
    return [*range(0, last, frame.room - frame.overlap), last]


def _owners(n: int, starts: list[int], frame: Frame) -> Int[Tensor, " m"]:
    """The window that each of n tokens is taken from."""
    k = torch.arange(n)[:, None]
    left = k - torch.tensor(starts)[None, :]  # [n, windows] tokens before it in the window
    right = frame.room - 1 - left
    seen = left if frame.causal else torch.minimum(left, right)
    return seen.masked_fill((left < 0) | (right < 0), -1).argmax(1)
