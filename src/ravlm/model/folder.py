"""A model's folder: configuration and vocabulary as JSON, weights as safetensors, tokeniser, knowledge base, index.

    config.json  model.safetensors  tokenizer.json  knowledge/ (or knowledge.json)  index/

`config.json` is written last: a folder without it is not a model yet.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from tokenizers import Tokenizer

from ravlm.errors import FormatError, IndexStale, PathError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.model.build import build_model
from ravlm.model.config import ModelConfig
from ravlm.model.indexes import follow
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.retrieval.image import ImageIndex, Stamp
from ravlm.retrieval.tfidf import TfidfIndex
from ravlm.safe.files import write_bytes_atomic, write_text_atomic

FORMAT = 1
CONFIG, WEIGHTS, TOKENIZER, INDEX = ("config.json", "model.safetensors", "tokenizer.json", "index")


def save_model(
    folder: Path,
    model: RetrievalAugmentedVLM,
    config: ModelConfig,
    *,
    tokenizer: Tokenizer,
    vocabulary: Sequence[str],
    question_words: Mapping[str, float],
    images: ImageIndex,
    training: Mapping[str, Any],
) -> None:
    """Write everything but the knowledge base, which already stands in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    write_bytes_atomic(folder / WEIGHTS, save(state))
    write_text_atomic(folder / TOKENIZER, tokenizer.to_str())
    images.save(folder / INDEX)
    about = {
        "format": FORMAT,
        "model": config.model_dump(),
        "vocabulary": list(vocabulary),
        "question_words": dict(question_words),
        "training": dict(training),
    }
    write_text_atomic(folder / CONFIG, json.dumps(about, ensure_ascii=False, indent=1))


def load_model(
    folder: Path, device: torch.device | None = None
) -> tuple[RetrievalAugmentedVLM, KnowledgeBase, ImageIndex]:
    """The model, its knowledge base, and the picture index of that base's newest version.

    Raises:
        PathError: there is no model in the folder.
        FormatError: the folder is of another format, or damaged.
    """
    about = read_config(folder)
    try:
        config = ModelConfig.model_validate(about["model"])
        vocabulary = [str(answer) for answer in about["vocabulary"]]
        question_words = {str(word): float(weight) for word, weight in about["question_words"].items()}
        written = (folder / TOKENIZER).read_text(encoding="utf-8")
        json.loads(written)  # the tokeniser's own error has no type to catch
        tokenizer = Tokenizer.from_str(written)
        state = load((folder / WEIGHTS).read_bytes())
    except (OSError, KeyError, ValueError, AttributeError, SafetensorError) as error:
        raise FormatError(
            f"The model in {folder} can't be read: {type(error).__name__} in one of {CONFIG}, {TOKENIZER} and "
            f"{WEIGHTS}. A whole model has all three. Copy the folder again, or train the model again."
        ) from error
    knowledge = KnowledgeBase.open(folder)
    empty = ImageIndex(torch.zeros(0, config.visual.width).numpy(), [], Stamp("", ""))
    model = build_model(
        config, tokenizer=tokenizer, vocabulary=vocabulary, images=empty, passages=TfidfIndex([], question_words)
    )
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise FormatError(
            f"The weights in {folder} don't fit its {CONFIG}. Both must come from one training run: copy the folder "
            "again, or train the model again."
        ) from error
    model.to(device or torch.device("cpu")).eval()
    return model, knowledge, follow(model, knowledge, _saved_index(folder / INDEX))


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
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        version = about.get("format") if isinstance(about, dict) else type(about).__name__
        raise FormatError(
            f"The model in {folder} has format {version!r}; this release reads format {FORMAT}. A newer format needs a "
            "newer ravlm: upgrade it, or train the model again with this one."
        )
    return about
