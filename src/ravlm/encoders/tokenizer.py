"""Tokenisers trained on the task's own text, and texts as padded ids."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from ravlm.tensors import TextBatch

PAD, UNKNOWN, CLASS = "[PAD]", "[UNK]", "[CLS]"
_CJK = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """A byte-pair encoding over words, groups of digits and single Chinese or Japanese characters.

    Letters keep no case (a citation is cut from the original text by its offsets, so nothing is lost).
    """
    tokenizer: Any = Tokenizer(models.BPE(unk_token=UNKNOWN, continuing_subword_prefix="##"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_CJK), "isolated"),
            pre_tokenizers.BertPreTokenizer(),
            pre_tokenizers.Digits(),
        ]
    )
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, UNKNOWN, CLASS],
        continuing_subword_prefix="##",
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def tokenize(tokenizer: Tokenizer, texts: Sequence[str], longest: int) -> TextBatch:
    """A class token (offsets 0, 0) and each text's first `longest` - 1 tokens, padded to the longest row.

    A character outside the vocabulary is the unknown token, its offsets kept.
    """
    class_id = tokenizer.token_to_id(CLASS)
    rows = [tokenizer.encode(text) for text in texts]
    width = 1 + min(longest - 1, max((len(row.ids) for row in rows), default=0))
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.bool)
    offsets = torch.zeros(len(rows), width, 2, dtype=torch.long)
    for i, row in enumerate(rows):
        n = min(len(row.ids), width - 1)
        ids[i, 0], mask[i, : n + 1] = class_id, True
        if n:
            ids[i, 1 : n + 1] = torch.tensor(row.ids[:n])
            offsets[i, 1 : n + 1] = torch.tensor(row.offsets[:n])
    return TextBatch(ids, mask, offsets)
