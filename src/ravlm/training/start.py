"""What a run begins with: a new model, or one to go on from."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ravlm.encoders.base import Encoder
from ravlm.errors import ConfigError
from ravlm.heads.units import UnitScale
from ravlm.knowledge.passages import passages
from ravlm.knowledge.store import KnowledgeBase
from ravlm.model.build import build_model
from ravlm.model.config import ModelConfig, PretrainedConfig
from ravlm.model.encoders import build_language_encoder, build_visual_encoder
from ravlm.model.folder import SIDES, Opened, read_config
from ravlm.records import Example
from ravlm.retrieval.image import ImageIndex, Stamp
from ravlm.retrieval.tfidf import TfidfIndex, question_weights
from ravlm.training.config import RunConfig
from ravlm.training.optim import hash_seed


def new_model(
    config: RunConfig,
    questions: Sequence[Example],
    vocabulary: Sequence[str],
    scales: Sequence[UnitScale],
    brought: Mapping[str, Encoder],
    base: KnowledgeBase,
) -> Opened:
    """A new model, with what its output layer and its retriever know of the questions by heart."""
    question_words = question_weights([e.question or "" for e in questions])
    torch.manual_seed(hash_seed(config.training.seed, "weights"))
    visual = brought.get("visual") or build_visual_encoder(config.model.visual)
    language = brought.get("language") or build_language_encoder(config.model.language, _texts(questions, base))
    encoders: dict[str, Any] = {"visual": visual, "language": language}
    model = build_model(
        config.model,
        **encoders,
        vocabulary=vocabulary,
        scales=scales,
        images=ImageIndex(torch.zeros(0, visual.pooled_width).numpy(), [], Stamp("", "")),
        passages=TfidfIndex([], question_words),
    )
    return Opened(model, config.model, list(vocabulary), question_words)


def continued(config: RunConfig, start: Path) -> RunConfig:
    """The configuration of a run that goes on from a model: the model is that one, but for what may be set anew.

    That are the retriever's settings, and what of the encoders learns (`trainable`).

    Raises:
        ConfigError: the configuration asks for another model.
        PathError, FormatError: there is no model in `start`, or it is damaged.
    """
    own = ModelConfig.model_validate(read_config(start)["model"])
    set_here = config.model.model_fields_set
    encoders = {side: _declared(getattr(config.model, side), getattr(own, side)) for side in SIDES if side in set_here}
    own = own.model_copy(update=encoders)
    different = [
        f"  model.{part}: {asked} was asked for, {getattr(own, part)} is there"
        for part in sorted(set_here - {"retriever"})
        if (asked := getattr(config.model, part)) != getattr(own, part)
    ]
    if different:
        told = f"The model in {start}, to go on from, is made of other parts. Leave these settings out:"
        raise ConfigError("\n".join([told, *different]))
    retriever = own.retriever.model_copy(update=config.model.retriever.model_dump(exclude_unset=True))
    return config.model_copy(update={"model": own.model_copy(update={"retriever": retriever})})


def _declared(asked: Any, own: Any) -> Any:
    """An encoder's own settings, with the `trainable` that was asked for where it has any."""
    if "trainable" not in getattr(asked, "model_fields_set", ()) or not hasattr(own, "trainable"):
        return own
    return own.model_copy(update={"trainable": asked.trainable})


def brought_encoders(config: RunConfig) -> dict[str, Encoder]:
    """The encoders that a configuration brings ready-made, by side: loaded before anything is written."""
    brought: dict[str, Encoder] = {}
    if isinstance(config.model.visual, PretrainedConfig):
        brought["visual"] = build_visual_encoder(config.model.visual)
    if isinstance(config.model.language, PretrainedConfig):
        brought["language"] = build_language_encoder(config.model.language, [])
    return brought


def _texts(questions: Sequence[Example], base: KnowledgeBase) -> Iterator[str]:
    """What a tokeniser is trained on: the questions and the base's passages."""
    yield from (example.question or "" for example in questions)
    yield from (passage.text for entry in base.iterate() for passage in passages(entry))
