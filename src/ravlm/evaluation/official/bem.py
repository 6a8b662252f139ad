"""BEM: whether two answers to a question are equivalent, by a classifier of BERT.

Bulian et al. 2022, Tomayto, Tomahto. Beyond Token-level Answer Equivalence for Question Answering Evaluation, section
5. Input is `[CLS] candidate [SEP] reference [SEP] question [SEP]`, each part with a segment of its own, as
Encyclopedic-VQA gives it to the published model; a model that knows two segments gets the second for both reference and
question, as ports to transformers were trained. Label 1 is "equivalent".
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForSequenceClassification

from ravlm.device import choose_device
from ravlm.encoders.base import read_config
from ravlm.encoders.transformers_parts import load_config, model_type, read_model
from ravlm.encoders.transformers_tokenizer import load_tokenizer
from ravlm.errors import ConfigError
from ravlm.evaluation.official.evqa import Comparison
from ravlm.safe.hub import check_weights, fetch

_BATCH = 32
_LABELS = 2
_HEAD = "ForSequenceClassification"


class Bem:
    """The probability that candidate and reference are equivalent; an `evqa.Equivalence`.

    Args:
        model: a sequence classifier of transformers with two labels.
        tokenizer: its tokeniser.
        batch: comparisons that go through together, those of like length.
        device: where it computes, else `choose_device`'s.

    Raises:
        ConfigError: the model has not two labels, or its tokeniser no tokens to begin and to part texts.
    """

    def __init__(
        self, model: nn.Module, tokenizer: Any, *, batch: int = _BATCH, device: torch.device | None = None
    ) -> None:
        config: Any = model.config
        if int(config.num_labels) != _LABELS:
            raise ConfigError(
                f"The model has {config.num_labels} labels, and BEM has two: not equivalent, equivalent. Give a model "
                "that was trained for answer equivalence."
            )
        if tokenizer.cls_token_id is None or tokenizer.sep_token_id is None:
            raise ConfigError(
                f"The tokeniser {type(tokenizer).__name__} has no [CLS] or no [SEP], which part what "
                "BEM reads. Give a BERT."
            )
        self._device = device or choose_device()
        self._model = model.eval().to(self._device)
        self._tokenizer = tokenizer
        self._batch = batch
        self._longest = min(int(config.max_position_embeddings), int(tokenizer.model_max_length))
        self._segments = int(getattr(config, "type_vocab_size", 0))  # 0: the model takes none

    @classmethod
    def from_pretrained(cls, source: str | Path, *, revision: str | None = None, batch: int = _BATCH) -> "Bem":
        """A BEM from a folder or a hub name, as transformers saves it; nothing pickled is read.

        Raises:
            PathError, HubError: there is no such model here or on the hub.
            FormatError: it is damaged, lacks weights, or they are pickled.
            ConfigError: it is no classifier with two labels.
        """
        folder = fetch(source, revision).folder
        read_config(folder)
        model_type(folder)
        check_weights(folder)
        config = load_config(folder)
        if config.architectures and not any(_HEAD in name for name in config.architectures):
            raise ConfigError(
                f"The model {source} is a {config.architectures[0]}, which classifies no pairs (...{_HEAD})."
            )
        model = read_model(folder, config, AutoModelForSequenceClassification, what="answer equivalence model")
        return cls(model, load_tokenizer(folder), batch=batch)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[float]:
        """The probability of each comparison, in [0, 1]."""
        rows = [self._row(comparison) for comparison in comparisons]
        order = sorted(range(len(rows)), key=lambda i: (-len(rows[i][0]), i))
        found = [0.0] * len(rows)
        for start in range(0, len(order), self._batch):
            places = order[start : start + self._batch]
            for i, p in zip(places, self._run([rows[i] for i in places]), strict=True):
                found[i] = p
        return found

    def _row(self, comparison: Comparison) -> tuple[list[int], list[int]]:
        """Token ids and segments; what is longer than the model reads loses the end of its question first."""
        ids, segments = [int(self._tokenizer.cls_token_id)], [0]
        for segment, text in enumerate((comparison.candidate, comparison.reference, comparison.question)):
            part = self._tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)[
                "input_ids"
            ]
            ids += [*part, int(self._tokenizer.sep_token_id)]
            segments += [max(0, min(segment, self._segments - 1))] * (len(part) + 1)
        if len(ids) > self._longest:
            ids, segments = [*ids[: self._longest - 1], ids[-1]], segments[: self._longest]
        return ids, segments

    def _run(self, rows: Sequence[tuple[list[int], list[int]]]) -> list[float]:
        longest = max(len(ids) for ids, _ in rows)
        empty = int(self._tokenizer.pad_token_id or 0)
        ids = torch.tensor([row + [empty] * (longest - len(row)) for row, _ in rows], device=self._device)  # [b, t]
        told = torch.tensor([row + [0] * (longest - len(row)) for _, row in rows], device=self._device)
        segments = {"token_type_ids": told} if self._segments else {}
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row, _ in rows], device=self._device)
        with torch.inference_mode():
            logits = self._model(input_ids=ids, attention_mask=mask, **segments).logits  # [b, 2]
        return [float(p) for p in logits.float().softmax(dim=-1)[:, 1].cpu()]
