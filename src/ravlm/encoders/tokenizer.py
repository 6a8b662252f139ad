"""Tokenisers trained on the task's own text, and texts as padded ids."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from ravlm.errors import FormatError
from ravlm.safe.files import read_text
from ravlm.tensors import TextBatch

PAD, UNKNOWN, CLASS = _SPECIAL = "[PAD]", "[UNK]", "[CLS]"
_INSIDE = "##"  # begins a token that continues a word
MULTIPLE = 16  # tokens; widths are rounded up: kernels are made anew for each shape, so few shapes are the quicker
_CJK = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """A byte-pair encoding over words, groups of digits and single Chinese or Japanese characters.

    Letters keep no case (a citation is cut from the original text by its offsets, so nothing is lost). The same texts
    give the same tokenizer: the trainer numbers the letters inside words in the random order of a hash map, and breaks
    ties between merges by these numbers, so they are numbered here.
    """
    texts = list(texts)
    tokenizer: Any = Tokenizer(models.BPE(unk_token=UNKNOWN, continuing_subword_prefix=_INSIDE))
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
        special_tokens=[*_SPECIAL, *_letters_inside_words(tokenizer, texts)],
        continuing_subword_prefix=_INSIDE,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    trained = json.loads(tokenizer.to_str())  # those letters are no marks to be looked for in a text
    trained["added_tokens"] = [token for token in trained["added_tokens"] if token["content"] in _SPECIAL]
    return Tokenizer.from_str(json.dumps(trained))


def _letters_inside_words(tokenizer: Any, texts: Iterable[str]) -> list[str]:
    """The tokens of single letters that do not begin a word, in the order of the alphabet."""
    words = {
        word
        for text in texts
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))
    }
    return [f"{_INSIDE}{letter}" for letter in sorted({letter for word in words for letter in word[1:]})]


def tokenize(tokenizer: Tokenizer, texts: Sequence[str], longest: int) -> TextBatch:
    """A class token (offsets 0, 0) and each text's first `longest` - 1 tokens, padded to the longest row, rounded up.

    A character outside the vocabulary is the unknown token, its offsets kept.
    """
    class_id = tokenizer.token_to_id(CLASS)
    rows = [tokenizer.encode(text) for text in texts]
    width = 1 + max((len(row.ids) for row in rows), default=0)
    width = min(-(-width // MULTIPLE) * MULTIPLE, longest)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.bool)
    offsets = torch.zeros(len(rows), width, 2, dtype=torch.long)
    for i, row in enumerate(rows):
        n = min(len(row.ids), width - 1)
        ids[i, 0], mask[i, : n + 1] = int(class_id or 0), True
        if n:
            ids[i, 1 : n + 1] = torch.tensor(row.ids[:n])
            offsets[i, 1 : n + 1] = torch.tensor(row.offsets[:n])
    return TextBatch(ids, mask, offsets)


def read_tokenizer(path: Path) -> Tokenizer:
    """A tokeniser from its file.

    Raises:
        PathError: there is no such file.
        FormatError: it is no tokeniser.
    """
    written = read_text(path)
    try:
        json.loads(written)  # the tokeniser's own error has no type to catch
        return Tokenizer.from_str(written)
    except ValueError as error:
        raise FormatError(f"{path} is no tokeniser: it is not JSON ({error}). Copy the folder again.") from error
