"""A model's folder: configuration and vocabulary as JSON, weights as safetensors, encoders, knowledge base, index.

    config.json  model.safetensors  visual/  language/  knowledge/ (or knowledge.json)  index/  decoder/

`visual` and `language` are encoders' own folders, which `load_encoder` reads alone; `model.safetensors` has all other
weights. `decoder` is there where a pre-trained one writes the answers: its configuration and tokeniser. `config.json`
is written last: a folder without it is not a model yet.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from ravlm.encoders.base import Encoder
from ravlm.encoders.choose import load_encoder
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.encoders.tokenizer import read_tokenizer
from ravlm.errors import FormatError, IndexStale, PathError, RavlmError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.model.build import build_model
from ravlm.model.config import (
    CompactLanguageConfig,
    CompactVisualConfig,
    ModelConfig,
    PretrainedConfig,
    RetrieverConfig,
)
from ravlm.model.indexes import follow
from ravlm.model.output_config import GenerationConfig
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.retrieval.image import ImageIndex, Stamp
from ravlm.retrieval.tfidf import TfidfIndex
from ravlm.safe.files import write_bytes_atomic, write_text_atomic

FORMAT = 2
CONFIG, WEIGHTS, INDEX, DECODER = ("config.json", "model.safetensors", "index", "decoder")
SIDES = ("visual", "language")
_OWNED = tuple(f"{side}_encoder." for side in SIDES)  # weights that stand in the encoders' folders
_QUERY = "knowledge_retriever.query."
_FIRST = 1  # the format in which all weights stood in one file, and all encoders were compact


def save_model(
    folder: Path,
    model: RetrievalAugmentedVLM,
    config: ModelConfig,
    *,
    vocabulary: Sequence[str],
    question_words: Mapping[str, float],
    images: ImageIndex,
    training: Mapping[str, Any],
) -> None:
    """Write everything but the knowledge base, which already stands in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    encoders = dict(zip(SIDES, encoders_of(model), strict=True))
    for side, encoder in encoders.items():
        encoder.save_pretrained(folder / side)
    state = {n: v.detach().cpu().contiguous() for n, v in model.state_dict().items() if not n.startswith(_OWNED)}
    write_bytes_atomic(folder / WEIGHTS, save(state))
    images.save(folder / INDEX)
    if isinstance(config.output, GenerationConfig) and config.output.decoder is not None:
        from ravlm.model.decoders import save_decoder  # with a library that takes seconds to load

        save_decoder(folder / DECODER, model.output_layer)
    about = {
        "format": FORMAT,
        "model": config.model_dump() | {side: _pinned(config, side, encoders[side]) for side in SIDES},
        "vocabulary": list(vocabulary),
        "question_words": dict(question_words),
        "training": dict(training),
    }
    write_text_atomic(folder / CONFIG, json.dumps(about, ensure_ascii=False, indent=1))


@dataclass(frozen=True)
class Opened:
    """A model's folder, opened without its knowledge base: the model's retriever has no index yet."""

    model: RetrievalAugmentedVLM
    config: ModelConfig
    vocabulary: list[str]
    question_words: dict[str, float]


def open_model(
    folder: Path, retriever: RetrieverConfig | None = None, *, learning: ModelConfig | None = None
) -> Opened:
    """The model in a folder, on the CPU; with `retriever`, of these settings instead of its own.

    A query encoder that the model did not have begins as a fresh one does. The encoders stand still, or with `learning`
    are declared trainable as its settings say.

    Raises:
        PathError: there is no model in the folder.
        FormatError: the folder is of another format, or damaged.
    """
    about = read_config(folder)
    try:
        config = ModelConfig.model_validate(about["model"])
        vocabulary = [str(answer) for answer in about["vocabulary"]]
        question_words = {str(word): float(weight) for word, weight in about["question_words"].items()}
        state = load((folder / WEIGHTS).read_bytes())
        visual, language = _first_encoders(folder, config) if about["format"] == _FIRST else _encoders(folder)
    except (OSError, KeyError, ValueError, AttributeError, SafetensorError, RavlmError) as error:
        raise FormatError(
            f"The model in {folder} can't be read: {type(error).__name__} in one of {CONFIG}, {WEIGHTS} and the "
            "encoders' folders. A whole model has all of them. Copy the folder again, or train the model again."
        ) from error
    for side, encoder in zip(SIDES, (visual, language), strict=True):
        encoder.declare_trainable("none" if learning is None else getattr(getattr(learning, side), "trainable", "all"))
    own, config = config.retriever, config.model_copy(update={"retriever": retriever or config.retriever})
    model = build_model(
        config,
        visual=visual,
        language=language,
        vocabulary=vocabulary,
        images=ImageIndex(torch.zeros(0, visual.pooled_width).numpy(), [], Stamp("", "")),
        passages=TfidfIndex([], question_words),
        decoder=folder / DECODER,
    )
    fresh = () if config.retriever.query == own.query else (_QUERY,)
    state = {name: value for name, value in state.items() if not name.startswith(fresh)}
    _load_weights(folder, model, state, elsewhere=(*(() if about["format"] == _FIRST else _OWNED), *fresh))
    return Opened(model, config, vocabulary, question_words)


def load_model(
    folder: Path, device: torch.device | None = None
) -> tuple[RetrievalAugmentedVLM, KnowledgeBase, ImageIndex]:
    """The model, its knowledge base, and the picture index of that base's newest version.

    Raises:
        PathError: there is no model in the folder.
        FormatError: the folder is of another format, or damaged.
    """
    model = open_model(folder).model
    knowledge = KnowledgeBase.open(folder)
    model.to(device or torch.device("cpu")).eval()
    return model, knowledge, follow(model, knowledge, _saved_index(folder / INDEX))


def encoders_of(model: RetrievalAugmentedVLM) -> tuple[Encoder, Encoder]:
    """The model's visual and language encoder.

    Raises:
        TypeError: one of them has no folder of its own to be saved to.
    """
    found = (model.visual_encoder, model.language_encoder)
    for encoder in found:
        if not isinstance(encoder, Encoder):
            raise TypeError(f"a {type(encoder).__name__} can't be saved: it is no Encoder")
    return found  # type: ignore[return-value]


def _pinned(config: ModelConfig, side: str, encoder: Encoder) -> dict[str, Any]:
    """An encoder's settings with the commit that the hub's name led to."""
    settings = getattr(config, side)
    pinned: dict[str, Any] = settings.model_dump()
    return pinned | {"revision": encoder.revision} if isinstance(settings, PretrainedConfig) else pinned


def _encoders(folder: Path) -> tuple[Any, Any]:
    return load_encoder(folder / "visual", side="visual"), load_encoder(folder / "language", side="language")


def _first_encoders(folder: Path, config: ModelConfig) -> tuple[Any, Any]:
    """The encoders of the first format: the settings' own, their weights among all others."""
    if not isinstance(config.visual, CompactVisualConfig) or not isinstance(config.language, CompactLanguageConfig):
        raise ValueError("the first format has compact encoders alone")
    tokenizer = read_tokenizer(folder / "tokenizer.json")
    visual = CompactVisualEncoder(**config.visual.model_dump(exclude={"kind"}))
    sizes = config.language.model_dump(exclude={"kind", "vocabulary"})
    return visual, CompactLanguageEncoder(tokenizer=tokenizer, **sizes)


def _load_weights(folder: Path, model: nn.Module, state: Mapping[str, Tensor], elsewhere: tuple[str, ...]) -> None:
    """Load the weights of a model's folder; those whose names begin with `elsewhere` are loaded already."""
    try:
        told = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise _unfit(folder) from error
    if told.unexpected_keys or not all(name.startswith(elsewhere) for name in told.missing_keys):
        raise _unfit(folder)


def _unfit(folder: Path) -> FormatError:
    return FormatError(
        f"The weights in {folder} don't fit its {CONFIG}. Both must come from one training run: copy the folder again, "
        "or train the model again."
    )


def _saved_index(folder: Path) -> ImageIndex | None:
    """The picture index kept in a folder; None where there is none, or where a save was cut short: it is made anew."""
    try:
        return ImageIndex.load(folder)
    except IndexStale:
        return None


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of a model's folder, its format checked."""
    if not (folder / CONFIG).is_file():
        found = "no such folder" if not folder.exists() else f"no {CONFIG}"
        raise PathError(
            f"There is no model in {folder}: found {found}. Give the folder that `ravlm train --out` wrote; a training "
            "run that was stopped becomes a model when it is finished with `ravlm train --resume`."
        )
    try:
        about = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{folder / CONFIG} is not JSON. Copy the model's folder again.") from error
    if not isinstance(about, dict) or about.get("format") not in (_FIRST, FORMAT):
        version = about.get("format") if isinstance(about, dict) else type(about).__name__
        raise FormatError(
            f"The model in {folder} has format {version!r}; this release reads formats {_FIRST} and {FORMAT}. A newer "
            "format needs a newer ravlm: upgrade it, or train the model again with this one."
        )
    return about
