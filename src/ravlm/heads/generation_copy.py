"""The copy gate: a decoder's next token is spoken from its vocabulary, or copied out of a passage."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ravlm.heads.generation_text import AnswerTokenizer
from ravlm.tensors import Kind, Knowledge, masked_softmax

_KEPT = 20_000  # passages whose ids are kept
NOT_COPIED = -1


@dataclass(frozen=True)
class Copying:
    """How each next token is mixed: `spoken` = log g and `copied` = log(1 - g) [b, s], and the attention a [b, s, n].

    a is over the memory's tokens; it is zero where nothing can be copied.
    """

    spoken: Float[Tensor, "b s"]
    copied: Float[Tensor, "b s"]
    attention: Float[Tensor, "b s n"]


class CopyGate(nn.Module):
    """a = softmax((W s) h / sqrt(d) + bias); h* = sum_j a_j h_j; g = sigmoid(w [h*; s; x] + b).

    This is the pointer-generator of See et al. 2017 (eq. 1-3, 8), s the decoder's state and x its input token. The
    attention is bilinear (Luong et al. 2015, eq. 8, "general") in place of a sum under a tanh, so that the memory's
    tokens h are not projected anew for every token written, and has the retrieval scores as a bias. Where there is
    nothing to copy, g = 1.
    """

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.gate = nn.Linear(3 * width, 1)

    def forward(
        self,
        states: Float[Tensor, "b s d"],
        inputs: Float[Tensor, "b s d"],
        memory: Float[Tensor, "b n d"],
        bias: Float[Tensor, "b n"],
        ids: Int[Tensor, "b n"],
    ) -> Copying:
        scores = self.query(states).to(memory.dtype) @ memory.transpose(1, 2) / math.sqrt(states.shape[-1])  # [b, s, n]
        copyable = (ids != NOT_COPIED).unsqueeze(1).expand(scores.shape)
        attention = masked_softmax(scores.float() + bias.float().unsqueeze(1), copyable)
        context = attention.to(memory.dtype) @ memory  # h* [b, s, d]
        gate = self.gate(torch.cat([context, states.to(memory.dtype), inputs.to(memory.dtype)], dim=-1))
        gate = gate.squeeze(-1).float()  # [b, s]
        spoken, copied = nn.functional.logsigmoid(gate), nn.functional.logsigmoid(-gate)
        nothing = ~copyable.any(-1)
        return Copying(
            spoken.masked_fill(nothing, 0.0), copied.masked_fill(nothing, torch.finfo(gate.dtype).min), attention
        )


def mix(vocabulary: Float[Tensor, "b s w"], copying: Copying, ids: Int[Tensor, "b n"]) -> Float[Tensor, "b s w"]:
    """Log P(w) = log(g P_vocab(w) + (1 - g) sum over x_j = w of a_j), from log P_vocab (See et al. 2017, eq. 9)."""
    log_copied = copying.copied.unsqueeze(-1) + copy_mass(copying.attention, ids, vocabulary.shape[-1])
    return torch.logaddexp(copying.spoken.unsqueeze(-1) + vocabulary, log_copied)


def copy_mass(attention: Float[Tensor, "b s n"], ids: Int[Tensor, "b n"], size: int) -> Float[Tensor, "b s w"]:
    """Log of the attention on each of `size` token ids, summed over the places where it stands."""
    places = ids.clamp(min=0).unsqueeze(1).expand(attention.shape)
    mass = attention.new_zeros(*attention.shape[:2], size).scatter_add(-1, places, attention)
    return mass.clamp(min=torch.finfo(mass.dtype).tiny).log()


class PassageIds:
    """The ids of the passages' tokens in the decoder's vocabulary, [b, k, p] beside the knowledge's own tokens.

    A token that encoder and decoder cut alike out of the text can be copied. Where they do not, and for pictures,
    special tokens and filling, the id is -1. The same text is looked up once.
    """

    def __init__(self, tokens: AnswerTokenizer) -> None:
        self._tokens = tokens
        self._kept: dict[tuple[str, int], Tensor] = {}

    def __call__(self, knowledge: Knowledge) -> Int[Tensor, "b k p"]:
        b, k, p = knowledge.mask.shape
        lengths, kinds = knowledge.mask.sum(-1).tolist(), knowledge.kind.tolist()
        rows = [torch.full((p,), NOT_COPIED)]
        row_of: dict[str, int] = {}
        index = torch.zeros(b, k, dtype=torch.long)
        offsets = knowledge.offsets.cpu()
        for i, row in enumerate(knowledge.passages):
            for j, passage in enumerate(row):
                if passage is None or kinds[i][j] != Kind.TEXT:
                    continue
                if passage.text not in row_of:
                    n = lengths[i][j]
                    row_of[passage.text] = len(rows)
                    found = self._ids(passage.text, offsets[i, j, :n])
                    rows.append(nn.functional.pad(found, (0, p - n), value=NOT_COPIED))
                index[i, j] = row_of[passage.text]
        return torch.stack(rows)[index].to(knowledge.mask.device)

    def _ids(self, text: str, offsets: Int[Tensor, "n 2"]) -> Int[Tensor, " n"]:
        """The ids of a passage's first n tokens, which have these offsets."""
        key = (text, len(offsets))
        if key not in self._kept:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            at = ids_at(*self._tokens.places(text))
            spans = [(int(a), int(b)) for a, b in offsets.tolist()]
            self._kept[key] = torch.tensor([at.get(span, NOT_COPIED) for span in spans], dtype=torch.long)
        return self._kept[key]


def ids_at(ids: Sequence[int], places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """The id of each range of characters that is one token: some tokenisers make several of one character."""
    found: dict[tuple[int, int], int] = {}
    for place, i in zip(places, ids, strict=True):
        found[place] = NOT_COPIED if place in found or place[0] == place[1] else i
    return found
