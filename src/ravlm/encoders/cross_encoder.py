"""A cross-encoder: a model of transformers that reads two texts together and gives one score."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForSequenceClassification

from ravlm.device import Precision, autocast, choose_device, precision_of
from ravlm.encoders.base import read_config
from ravlm.encoders.transformers_parts import load_config, model_type, read_model
from ravlm.encoders.transformers_tokenizer import load_tokenizer
from ravlm.errors import ConfigError, FormatError
from ravlm.safe.hub import check_weights, fetch

_BATCH = 32  # pairs at once
_UNBOUNDED = 512  # tokens of a pair, where a model has no bound of its own
_FEWEST = 16
_HEAD = "ForSequenceClassification"  # in the name of a class with a head, as transformers names them


class CrossEncoder:
    """Scores pairs of texts; the score is the model's logit, which ranks as its sigmoid does and is never saturated.

    A pair of more than `longest` tokens loses the end of its second text. The first one is cut only where it would take
    more than three quarters of the places.

    Args:
        model: a sequence classifier of transformers with one label.
        tokenizer: its tokeniser, of the kind that tells offsets ("fast").
        longest: tokens of a pair, at most as many as the model has places.
        batch: pairs that go through together, those of like length.
        device: where it computes; without it, on the accelerator where there is one.
        precision: "float32", "bfloat16", or "auto" for what is quicker there.

    Raises:
        ConfigError: the model has not one label, or a number is out of its range.
        FormatError: the tokeniser tells no offsets.
        UnknownChoice: there is no such precision.
    """

    origin = ""
    revision: str | None = None

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        *,
        longest: int | None = None,
        batch: int = _BATCH,
        device: torch.device | None = None,
        precision: Precision = "float32",
    ) -> None:
        config: Any = model.config
        _check_labels(int(config.num_labels), type(model).__name__)
        if not getattr(tokenizer, "is_fast", False):
            raise FormatError(
                f"The tokeniser {type(tokenizer).__name__} tells no offsets, which cutting needs. Give a folder with a "
                "tokenizer.json."
            )
        most = min(_places(model), int(tokenizer.model_max_length))
        if batch < 1 or (longest is not None and not _FEWEST <= longest <= most):
            raise ConfigError(
                f"longest is {longest} tokens and batch {batch} pairs; this model reads {_FEWEST} to {most} tokens, "
                "and 1 pair or more at once."
            )
        self.device = device or choose_device()
        self.model = model.eval().to(self.device)
        self.tokenizer = tokenizer
        self.longest = longest or most
        self.batch = batch
        self.precision = precision_of(self.device, precision)

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        token: str | bool | None = None,
        **options: Any,
    ) -> "CrossEncoder":
        """A cross-encoder from a folder or a hub name, as transformers and sentence-transformers save them.

        `options` are those of the class (`longest`, `batch`, ...), the arguments in between those of
        `ravlm.safe.hub.fetch`. No code of others is run and nothing pickled is read.

        Raises:
            PathError, HubError: there is no such model here or on the hub.
            FormatError: it is damaged, lacks weights, or they are pickled.
            ConfigError: it has no head over pairs, gives not one score, or an option does not fit.
        """
        fetched = fetch(source, revision, cache_dir=cache_dir, local_files_only=local_files_only, token=token)
        made = cls(_load(fetched.folder), load_tokenizer(fetched.folder), **options)
        made.origin, made.revision = str(source), fetched.revision
        return made

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """How well the second text of each pair answers the first."""
        if not pairs:
            return []
        cut = self._cut(sorted({first for first, _ in pairs}))
        found = self.tokenizer(
            [cut[first] for first, _ in pairs],
            [second for _, second in pairs],
            truncation="only_second",
            max_length=self.longest,
            verbose=False,
        )
        lengths = [len(ids) for ids in found["input_ids"]]
        order = sorted(range(len(pairs)), key=lambda i: (-lengths[i], i))
        scores = [0.0] * len(pairs)
        for start in range(0, len(order), self.batch):
            places = order[start : start + self.batch]
            rows = {name: [column[i] for i in places] for name, column in found.items()}
            for i, score in zip(places, self._run(rows), strict=True):
                scores[i] = score
        return scores

    def _cut(self, texts: Sequence[str]) -> dict[str, str]:
        """First texts, cut where they would take more than three quarters of the places."""
        most = (self.longest - self.tokenizer.num_special_tokens_to_add(pair=True)) * 3 // 4
        found = self.tokenizer(
            list(texts), add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False
        )["offset_mapping"]
        return {
            text: text if len(spans) <= most else text[: spans[most - 1][1]]
            for text, spans in zip(texts, found, strict=True)
        }

    def _run(self, rows: dict[str, list[list[int]]]) -> list[float]:
        padded = self.tokenizer.pad(rows, return_tensors="pt").to(self.device)
        with torch.inference_mode(), autocast(self.device, self.precision):
            logits = self.model(**padded).logits  # [b, 1]
        return [float(score) for score in logits[:, 0].float().cpu()]


def _load(folder: Path) -> nn.Module:
    read_config(folder)
    model_type(folder)
    check_weights(folder)
    config = load_config(folder)
    _check_head(config.architectures or [], folder)
    _check_labels(int(config.num_labels), str(folder))
    return read_model(folder, config, AutoModelForSequenceClassification, what="cross-encoder")


def _check_head(classes: Sequence[str], folder: Path) -> None:
    """Refuse a model that was saved without a head over pairs, whatever number of labels its configuration has."""
    if classes and not any(_HEAD in name for name in classes):
        raise ConfigError(
            f"The model in {folder} is a {' and '.join(classes)}, which has no head that ranks pairs of texts "
            f"(...{_HEAD}). Give a cross-encoder that was trained to rank, such as those of MS MARCO."
        )


def _check_labels(labels: int, name: str) -> None:
    if labels != 1:
        raise ConfigError(
            f"The model {name} has {labels} labels, and a cross-encoder that ranks has 1, its score. Give one that was "
            "trained to rank, such as the MS MARCO cross-encoders."
        )


def _places(model: nn.Module) -> int:
    config: Any = model.config
    places = getattr(config, "max_position_embeddings", None)
    for name, part in model.named_modules():
        if name.endswith("position_embeddings") and getattr(part, "padding_idx", None) is not None:
            places = part.num_embeddings - part.padding_idx - 1
    return int(places or _UNBOUNDED)
