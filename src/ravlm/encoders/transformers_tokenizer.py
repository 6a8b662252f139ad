"""Tokenisers of transformers: read from a folder, made of one that was trained here, told to a random model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import transformers
from tokenizers import Tokenizer, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from ravlm.encoders.tokenizer import CLASS, PAD, UNKNOWN
from ravlm.encoders.transformers_parts import default_config, is_joint, known_types
from ravlm.errors import FormatError

END, TOKENIZER = "[SEP]", "tokenizer.json"
_VOCABULARIES = (TOKENIZER, "vocab*", "*.model", "*.spm", "*.bpe")
_OF_NO_MODEL = ("PreTrainedTokenizerFast", "TokenizersBackend")


def load_tokenizer(folder: Path) -> Any:
    """The tokeniser in a folder.

    Raises:
        FormatError: there is none.
    """
    told = folder / "tokenizer_config.json"
    try:
        if not any(path for pattern in _VOCABULARIES for path in folder.glob(pattern)):
            raise OSError("no vocabulary")  # the library would make an empty one
        named = json.loads(told.read_text(encoding="utf-8")).get("tokenizer_class") if told.is_file() else None
        auto: Any = PreTrainedTokenizerFast if _as_its_file_says(folder, named) else AutoTokenizer
        return auto.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, TypeError, AttributeError, ImportError) as error:
        raise FormatError(
            f"The model in {folder} has no tokeniser that can be read ({type(error).__name__}). Save it into the "
            "folder: AutoTokenizer.from_pretrained(...).save_pretrained(folder)."
        ) from error


def _as_its_file_says(folder: Path, named: str | None) -> bool:
    """Whether a tokeniser is read from its file alone.

    The library would make one of no model's own kind into one of the model's kind, and of some kinds (SigLIP's) it has
    only a class that tells no offsets.
    """
    own: Any = getattr(transformers, str(named), PreTrainedTokenizerFast)
    slow = not issubclass(own, PreTrainedTokenizerFast) and (folder / TOKENIZER).is_file()
    return named in _OF_NO_MODEL or slow


def as_library_tokenizer(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """A tokeniser made by `train_tokenizer` as transformers has it: a class token before every text, an end behind."""
    copied = Tokenizer.from_str(tokenizer.to_str())
    copied.add_special_tokens([END])
    framing = [(token, copied.token_to_id(token)) for token in (CLASS, END)]
    copied.post_processor = processors.TemplateProcessing(single=f"{CLASS} $A {END}", special_tokens=framing)
    return PreTrainedTokenizerFast(
        tokenizer_object=copied, pad_token=PAD, unk_token=UNKNOWN, cls_token=CLASS, sep_token=END, eos_token=END
    )


def spoken(architecture: str, options: Mapping[str, Any], tokenizer: Any) -> dict[str, Any]:
    """The options of a random model with the tokeniser's vocabulary in their place."""
    if architecture not in known_types(visual=False):
        return dict(options)
    default = default_config(architecture)
    known = (default.text_config if is_joint(default) else default).to_dict()
    ids = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": None, "eos_token_id": tokenizer.eos_token_id}
    own = {"vocab_size": len(tokenizer)} | {name: value for name, value in ids.items() if name in known}
    if is_joint(default):
        return {**options, "text_config": own | dict(options.get("text_config", {}))}
    return own | dict(options)
