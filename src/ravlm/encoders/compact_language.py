"""The compact language encoder: a transformer that trains from scratch on a CPU."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from tokenizers import Tokenizer
from torch import Tensor, nn

from ravlm.encoders.base import Encoder, Trainable, load_weights, save_weights, saved, write_config
from ravlm.encoders.faults import option_faults, shape_faults
from ravlm.encoders.tokenizer import read_tokenizer, tokenize
from ravlm.safe.files import write_text_atomic
from ravlm.tensors import Encoded, TextBatch, masked_mean

TOKENIZER = "tokenizer.json"
_SIZES = ("width", "layers", "heads", "longest", "dropout", "noise")


class SelfAttention(nn.Module):
    """softmax(Q K^T / sqrt(d_k)) V in several heads (Vaswani et al., Attention Is All You Need, eq. 1)."""

    def __init__(self, *, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "b t l"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b t l"]:
        q, k, v = self._heads(x)
        attended = self._softmax(q, k, mask) @ v  # [b, h, t, d_k]
        y: Tensor = self.out(attended.transpose(1, 2).reshape(x.shape))
        return y

    def weights(self, x: Float[Tensor, "b t l"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b h t t"]:
        """softmax(Q K^T / sqrt(d_k)): what each token, a row, takes from each that is there."""
        q, k, _ = self._heads(x)
        return self._softmax(q, k, mask)

    def _heads(self, x: Float[Tensor, "b t l"]) -> tuple[Tensor, ...]:
        """Q, K and V, each [b, h, t, d_k]."""
        b, t, width = x.shape
        qkv: Tensor = self.query_key_value(x)
        return qkv.view(b, t, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)

    def _softmax(self, q: Tensor, k: Tensor, mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b h t t"]:
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # [b, h, t, t]
        return scores.masked_fill(~mask[:, None, None, :], torch.finfo(scores.dtype).min).softmax(-1)


class LocalMixing(nn.Module):
    """A depthwise convolution over neighbouring tokens: what stands beside a token is known from the first step.

    Self-attention must first learn to look at the neighbours (Gulati et al. 2020, Conformer, sec. 2.2).
    """

    def __init__(self, *, width: int, reach: int = 3) -> None:
        super().__init__()
        self.mix = nn.Conv1d(width, width, 2 * reach + 1, padding=reach, groups=width)

    def forward(self, x: Float[Tensor, "b t l"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b t l"]:
        there = x.masked_fill(~mask.unsqueeze(-1), 0.0)
        y: Tensor = self.mix(there.transpose(1, 2)).transpose(1, 2)
        return y


class TransformerLayer(nn.Module):
    """Local mixing, self-attention, then a feed-forward network, each y = x + F(norm(x))."""

    def __init__(self, *, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.local_norm = nn.LayerNorm(width)
        self.local = LocalMixing(width=width)
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width=width, heads=heads)
        self.feedforward_norm = nn.LayerNorm(width)
        self.feedforward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "b t l"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b t l"]:
        x = x + self.dropout(self.local(self.local_norm(x), mask))
        x = x + self.dropout(self.attention(self.attention_norm(x), mask))
        y: Tensor = x + self.dropout(self.feedforward(self.feedforward_norm(x)))
        return y


class CompactLanguageEncoder(Encoder):
    """A small pre-norm transformer encoder; `pooled` is the mean of the tokens, which tells words apart at once.

    Texts longer than `longest` tokens are cut: passages are made short enough by the knowledge base. While training
    each token becomes a random one with probability `noise`, so that it is the context that tells what stands in a
    place, also where a name was never seen.
    """

    kind = "compact-language"

    def __init__(
        self,
        *,
        tokenizer: Tokenizer,
        width: int = 96,
        layers: int = 2,
        heads: int = 4,
        longest: int = 144,
        dropout: float = 0.0,
        noise: float = 0.06,
        trainable: Trainable = "all",
    ) -> None:
        super().__init__()
        values = (width, layers, heads, longest, dropout, noise)
        self.sizes = dict(zip(_SIZES, values, strict=True))
        self.tokenizer = tokenizer
        self.width = self.pooled_width = width
        self.longest = longest
        self.noise = noise
        self.words = nn.Embedding(tokenizer.get_vocab_size(), width)
        self.places = nn.Embedding(longest, width)
        nn.init.normal_(self.words.weight, std=0.5)  # a word is more than its context at first
        nn.init.normal_(self.places.weight, std=0.05)
        self.layers = nn.ModuleList(TransformerLayer(width=width, heads=heads, dropout=dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.declare_trainable(trainable)

    def tokenize(self, texts: Sequence[str]) -> TextBatch:
        """Texts as token ids [b, t] with their offsets."""
        return tokenize(self.tokenizer, texts, self.longest)

    def forward(self, texts: TextBatch) -> Encoded:
        places = torch.arange(texts.ids.shape[1], device=texts.ids.device)
        x = self.words(self._noisy(texts.ids)) + self.places(places)  # [b, t, l]
        for layer in self.layers:
            x = layer(x, texts.mask)
        x = self.norm(x)
        return Encoded(x, texts.mask, masked_mean(x, texts.mask))

    def blocks(self) -> list[list[nn.Parameter]]:
        """The layers; the last norm belongs to the last one."""
        found = [list(layer.parameters()) for layer in self.layers]
        found[-1] += self.norm.parameters()
        return found

    def example(self) -> TextBatch:
        return self.tokenize(["a"]).to(self.device)

    def settings(self) -> dict[str, Any]:
        return dict(self.sizes)

    def fingerprint_text(self) -> str:
        return str(self.tokenizer.to_str())

    def save_files(self, folder: Path, about: dict[str, Any]) -> None:
        save_weights(self, folder)
        write_text_atomic(folder / TOKENIZER, self.tokenizer.to_str())
        write_config(folder, {}, about)

    @classmethod
    def folder_faults(cls, folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
        sizes = saved(folder, about, _SIZES) | {"tokenizer": read_tokenizer(folder / TOKENIZER)}
        with torch.device("meta"):
            faults = shape_faults(folder, cls(**sizes))
            return faults + option_faults(lambda given: cls(**sizes, **given), options)

    @classmethod
    def load_files(cls, folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]) -> "CompactLanguageEncoder":
        sizes = saved(folder, about, _SIZES)
        encoder = cls(tokenizer=read_tokenizer(folder / TOKENIZER), **sizes)
        load_weights(encoder, folder)
        encoder.declare_trainable(options.get("trainable", "none"))
        return encoder

    def _noisy(self, ids: Int[Tensor, "b t"]) -> Int[Tensor, "b t"]:
        if not self.training or self.noise == 0.0:
            return ids
        chosen = torch.rand(ids.shape, device=ids.device) < self.noise
        chosen[:, 0] = False
        return torch.where(chosen, torch.randint_like(ids, self.words.num_embeddings), ids)
