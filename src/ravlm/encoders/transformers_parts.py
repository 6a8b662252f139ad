"""What the encoders of transformers share: loading without pickles or surprises, blocks, towers of a joint model."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES
from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES, MODEL_MAPPING_NAMES
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES
from transformers.utils import logging

from ravlm.encoders.base import CONFIG
from ravlm.encoders.faults import building, named
from ravlm.errors import FormatError, words_of

VISUAL_SIDE, TEXT_SIDE = ("vision_model", "visual_projection"), ("text_model", "text_projection")
JOINT_TYPES = ("altclip", "chinese_clip", "clip", "metaclip_2", "siglip", "siglip2")
_LEFT_OUT = {"timm_wrapper", "timm_backbone", "vit_mae"}  # timm has a class of its own; the last sees at random
_ABOUT_A_FILE = ("transformers_version", "_name_or_path", "architectures", "dtype", "torch_dtype", "ravlm")
_NO_POOLER = {"add_pooling_layer": False}  # BERT's and ViT's is made for other tasks, and often not in the file


@contextmanager
def quietly() -> Iterator[None]:
    """Without the library's bars and warnings: what matters of them is told by errors here."""
    told, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(told)
        if bars:
            logging.enable_progress_bar()


def model_type(folder: Path) -> str:
    """The model type that a folder's `config.json` names.

    Raises:
        FormatError: transformers knows none of that name.
    """
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    found = str(config.get("model_type", ""))
    faults = named("model type of transformers here", found, sorted(set(MODEL_MAPPING_NAMES) - _LEFT_OUT))
    if faults:
        raise FormatError("\n".join([f"The model in {folder} can't be used:", *faults]))
    return found


def is_joint(config: Any) -> bool:
    """Whether a configuration is of a model with an image and a text tower."""
    return config.model_type in JOINT_TYPES


def outline(folder: Path, *, text: bool = False) -> nn.Module:
    """The model that a folder's configuration describes, without memory for its weights. Errors: `load_model`'s."""
    config, auto, extra = _described(folder, text=text)
    with quietly(), torch.device("meta"):
        model: nn.Module = auto.from_config(config, **extra)
        return model


def load_model(folder: Path, *, left_out: Sequence[str] = (), text: bool = False) -> nn.Module:
    """A model of transformers from a folder: safetensors alone, no code of others.

    `left_out` names the parts that will be taken away, whose weights may be missing. Of a model that encodes and
    decodes text (T5), `text` takes the encoder.

    Raises:
        FormatError: it does not fit its configuration, is damaged, or lacks weights.
    """
    config, auto, extra = _described(folder, text=text)
    return read_model(folder, config, auto, left_out=left_out, options=extra)


def read_model(
    folder: Path,
    config: Any,
    auto: Any,
    *,
    what: str = "encoder",
    left_out: Sequence[str] = (),
    fresh: Sequence[str] = (),
    options: Mapping[str, bool] | None = None,
) -> nn.Module:
    """As `load_model`, a model of the class that `auto` chooses; `what` it is called in errors.

    `fresh` are the parts of names by which weights are known that may be missing, and then begin at random.
    """
    try:
        with quietly():
            model, report = auto.from_pretrained(
                folder,
                config=config,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                dtype=torch.float32,
                **(options or {}),
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise FormatError(
            f"The {what} in {folder} can't be loaded ({type(error).__name__}: {words_of(error)}). Copy the folder "
            "again."
        ) from error
    lacked = (name for name in report["missing_keys"] if not name.startswith(tuple(left_out)))
    missing = sorted(name for name in lacked if not any(part in name for part in fresh))
    if missing:
        raise FormatError(
            f"The {what} in {folder} lacks {len(missing)} weights that its configuration asks for, {missing[0]} the "
            "first of them. Copy the folder again, or give the folder of a whole model."
        )
    loaded: nn.Module = model
    return loaded


def load_config(folder: Path) -> Any:
    """A folder's configuration of a model of transformers.

    Raises:
        FormatError: it can't be used.
    """
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, TypeError) as error:
        raise FormatError(
            f"The configuration in {folder} can't be used: {words_of(error)}. Copy the folder again."
        ) from error


def _described(folder: Path, *, text: bool) -> tuple[Any, Any, dict[str, bool]]:
    """A folder's configuration, the class that chooses its model's class, and the option for that."""
    model_type(folder)
    config = load_config(folder)
    return config, _auto(config, text=text), _pooler(config)


def build_model(architecture: str, options: Mapping[str, Any], *, text: bool = False) -> nn.Module:
    """A model of transformers with random weights; `transformers_faults` tells what would be refused."""
    with quietly():
        config = AutoConfig.for_model(architecture, **options)
        built: nn.Module = _auto(config, text=text).from_config(config, **_pooler(config))
    return built


def transformers_faults(architecture: str, options: Mapping[str, Any], allowed: Sequence[str]) -> list[str]:
    """What is wrong with a model type of transformers and the options of its configuration."""
    faults = named("architecture of transformers here", architecture, allowed)
    if faults:
        return faults
    faults = _unknown(default_config(architecture), options, "")
    if faults:
        return faults
    with quietly():
        return building(lambda given: AutoModel.from_config(AutoConfig.for_model(architecture, **given)), options, None)


def _unknown(default: Any, options: Mapping[str, Any], before: str) -> list[str]:
    """Options that a configuration does not know: it would take any name without a word."""
    names = {*default.to_dict(), *getattr(default, "attribute_map", {})}
    faults = []
    for name, value in options.items():
        below = getattr(default, name, None)
        if name not in names:
            faults += named("option", f"{before}{name}", sorted(f"{before}{known}" for known in names))
        elif isinstance(value, Mapping) and hasattr(below, "to_dict"):
            faults += _unknown(below, value, f"{before}{name}.")
    return faults


def _auto(config: Any, *, text: bool) -> Any:
    """The class that chooses a model's class; encoder and decoder of text are told apart by another one."""
    encodes = text and config.model_type in MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES
    if text and not encodes and getattr(config, "is_encoder_decoder", False):
        raise FormatError(
            f"{config.model_type!r} encodes and decodes, and transformers has no encoder of it alone. Choose a model "
            "that encodes text (BERT-like, GPT-like, T5)."
        )
    return AutoModelForTextEncoding if encodes else AutoModel


def _pooler(config: Any) -> dict[str, bool]:
    """The option that leaves a pooler away, where the model's class has it."""
    model_class = getattr(transformers, str(MODEL_MAPPING_NAMES[config.model_type]))
    return _NO_POOLER if "add_pooling_layer" in signature(model_class.__init__).parameters else {}


def default_config(architecture: str) -> Any:
    """The configuration of a model type with all its defaults."""
    with quietly():
        return AutoConfig.for_model(architecture)


def built_from(model: Any) -> str:
    """All of a model's configuration that decides what it computes, as text."""
    values = {name: value for name, value in model.config.to_dict().items() if name not in _ABOUT_A_FILE}
    return json.dumps(values, sort_keys=True, default=str)


def without(model: nn.Module, names: Sequence[str]) -> nn.Module:
    """The model with the parts of these names taken away; what is left is shared with it."""
    half = copy.copy(model)
    half._modules = {name: part for name, part in model._modules.items() if name not in names}
    return half


def layer_blocks(model: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters of each layer, and with the last one's those behind it (its final norm, a projection).

    The layers are the list of modules that holds the most parameters; what is registered before it is in no block.
    """
    lists = [(name, part) for name, part in model.named_modules() if isinstance(part, nn.ModuleList) and len(part)]
    if not lists:
        return [list(model.parameters())]
    prefix, layers = max(lists, key=lambda pair: sum(p.numel() for p in pair[1].parameters()))
    blocks = [list(layer.parameters()) for layer in layers]
    inside = {id(p) for block in blocks for p in block}
    behind = False
    for name, parameter in model.named_parameters():
        behind = behind or name.startswith(f"{prefix}.")
        if behind and id(parameter) not in inside:
            blocks[-1].append(parameter)
    return blocks


def known_types(*, visual: bool) -> list[str]:
    """The model types that a picture, or a text, can be given to."""
    names = IMAGE_PROCESSOR_MAPPING_NAMES if visual else TOKENIZER_MAPPING_NAMES
    return sorted(name for name in {*MODEL_MAPPING_NAMES} - _LEFT_OUT if name in names and name in CONFIG_MAPPING)


def save_library_files(folder: Path, *parts: Any) -> dict[str, Any]:
    """Let model and tokeniser or image processor write their own files; gives what they put into `config.json`."""
    with quietly():
        for part in parts:
            part.save_pretrained(folder)
    config: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    return config
