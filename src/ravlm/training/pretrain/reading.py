"""What pre-training must know of a language encoder: which way it reads, its words, and the token that hides one."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from ravlm.encoders.base import Encoder
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.tokenizer import CLASS, PAD, UNKNOWN
from ravlm.errors import ConfigError
from ravlm.tensors import TextBatch


@dataclass(frozen=True)
class Vocabulary:
    """An encoder's tokens.

    `size` is their number; `words` [n] are the ids of those that stand for text. `mask` hides a token: the tokeniser's
    own mask, else its unknown token, which says the same, that something stands here; None where there is neither.
    """

    size: int
    words: Int[Tensor, " n"]
    mask: int | None
    unknown: int | None

    def readable(self, texts: TextBatch) -> Bool[Tensor, "b t"]:
        """Which tokens are of the text and known: no special ones, no filling."""
        there = texts.mask & (texts.offsets[..., 1] > texts.offsets[..., 0])
        return there if self.unknown is None else there & (texts.ids != self.unknown)

    def mask_id(self) -> int:
        """The id that hides a token.

        Raises:
            ConfigError: there is none.
        """
        if self.mask is None:
            raise ConfigError(
                'pretrain.language.objective is "masked", and the encoder\'s tokeniser has neither a mask nor an '
                "unknown token, one of which hides a token. Choose another encoder."
            )
        return self.mask


def vocabulary_of(encoder: Encoder) -> Vocabulary:
    """The tokens of a language encoder."""
    tokenizer: Any = encoder.tokenizer
    if isinstance(encoder, CompactLanguageEncoder):
        size, names = tokenizer.get_vocab_size(), (PAD, UNKNOWN, CLASS)
        special = {tokenizer.token_to_id(name) for name in names}
        mask = unknown = tokenizer.token_to_id(UNKNOWN)
    else:
        size, special = len(tokenizer), set(tokenizer.all_special_ids)
        unknown = tokenizer.unk_token_id
        unknown = None if unknown in (tokenizer.eos_token_id, tokenizer.pad_token_id) else unknown
        mask = unknown if tokenizer.mask_token_id is None else tokenizer.mask_token_id
    embedding = embedding_of(encoder)
    rows = size if embedding is None else max(size, embedding.num_embeddings)
    words = torch.tensor([i for i in range(size) if i not in special])
    return Vocabulary(rows, words, mask, unknown)


def embedding_of(encoder: Encoder) -> nn.Embedding | None:
    """The table of an encoder's input embeddings; None where it has none of its tokens' width."""
    if isinstance(encoder, CompactLanguageEncoder):
        return encoder.words
    model: Any = encoder.model
    if getattr(encoder, "joint", False):
        found = next((part for part in model.text_model.modules() if isinstance(part, nn.Embedding)), None)
    else:
        try:
            found = model.get_input_embeddings()
        except NotImplementedError:
            return None
    return found if isinstance(found, nn.Embedding) and found.embedding_dim == encoder.width else None


@torch.no_grad()
def reads_forward(encoder: Encoder, text: str, vocabulary: Vocabulary) -> bool:
    """Whether tokens are made of those before them alone: the first one is the same whatever is the second.

    `text` is one of at least two readable tokens.
    """
    encoder.eval()
    texts: TextBatch = encoder.tokenize([text]).to(encoder.device)  # type: ignore[operator]
    second = int(vocabulary.readable(texts)[0].nonzero()[1])
    changed = texts.ids.clone()
    changed[0, second] = next(int(word) for word in vocabulary.words if int(word) != int(texts.ids[0, second]))
    first, again = (encoder(TextBatch(ids, texts.mask, texts.offsets)).tokens[0, 0] for ids in (texts.ids, changed))
    return bool(torch.allclose(first, again, rtol=1e-6, atol=1e-7))
