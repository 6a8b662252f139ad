"""Pre-trained decoders: from a folder of transformers, and as a model's folder keeps them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ravlm.encoders.tokenizer import read_tokenizer
from ravlm.encoders.transformers_parts import load_config, read_model
from ravlm.encoders.transformers_tokenizer import load_tokenizer
from ravlm.errors import FormatError, RavlmError
from ravlm.heads.generation_decoder import NEW_PARTS, GenerationDecoder
from ravlm.heads.generation_text import AnswerTokenizer
from ravlm.safe.files import write_text_atomic

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
KIND = "gpt2"
_WORDS, _MARK = 50_257, 50_256  # of a GPT-2 whose configuration does not say


def pretrained_decoder(folder: Path) -> GenerationDecoder:
    """A GPT-2 from a folder that transformers wrote, cross-attention added where it has none, with fresh weights.

    Raises:
        FormatError: it is no GPT-2, has no tied embeddings, is damaged, or lacks weights.
    """
    config = load_config(folder)
    if config.model_type != KIND or not config.tie_word_embeddings:
        found = f"a {config.model_type!r}" if config.model_type != KIND else "one whose embeddings are not tied"
        raise FormatError(f"The decoder in {folder} is {found}; a {KIND!r} with tied embeddings can be used.")
    config.add_cross_attention = True
    decoder: Any = read_model(folder, config, GenerationDecoder, what="decoder", fresh=NEW_PARTS)
    decoder.origin = str(folder)
    found_decoder: GenerationDecoder = decoder
    return found_decoder


def decoder_faults(folder: Path, about: Mapping[str, Any]) -> list[str]:
    """Why the GPT-2 in a folder, whose `config.json` is `about`, can't write answers; its weights are not looked at."""
    faults = []
    if not about.get("tie_word_embeddings", True):
        faults.append("its embeddings are not tied, and only a decoder with tied ones can be used")
    words, mark = about.get("vocab_size", _WORDS), about.get("eos_token_id", _MARK)
    if not isinstance(mark, int) or not 0 <= mark < words:
        faults.append(f"eos_token_id is {mark}, which is none of its {words} tokens: set it in its {CONFIG}")
    try:
        size = int(load_tokenizer(folder).backend_tokenizer.get_vocab_size())
    except RavlmError as error:
        return [*faults, str(error)]
    if size > words:
        faults.append(f"its tokeniser has {size} tokens, and the decoder {words}: choose the decoder's own tokeniser")
    return faults


def pretrained_tokens(folder: Path, decoder: GenerationDecoder) -> AnswerTokenizer:
    """The tokeniser in the folder of a pre-trained decoder, whose one mark begins, ends and fills texts."""
    return AnswerTokenizer(load_tokenizer(folder).backend_tokenizer, mark=int(decoder.config.eos_token_id))


def save_decoder(folder: Path, output: Any) -> None:
    """Write what the decoder of a `GenerationHead` needs beside its weights: its configuration and its tokeniser."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text_atomic(folder / CONFIG, output.decoder.config.to_json_string())
    write_text_atomic(folder / TOKENIZER, output.tokens.tokenizer.to_str())


def saved_decoder(folder: Path) -> tuple[GenerationDecoder, AnswerTokenizer]:
    """What `save_decoder` wrote, with fresh weights: those that will be loaded take their place.

    Raises:
        PathError, FormatError: one of the two files is missing, or is no such thing.
    """
    decoder = GenerationDecoder(load_config(folder))
    return decoder, AnswerTokenizer(read_tokenizer(folder / TOKENIZER), mark=int(decoder.config.eos_token_id))
