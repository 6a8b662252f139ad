"""Settings become output layers; what would be refused is told before any weights are loaded."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from ravlm.encoders.base import read_config
from ravlm.errors import ConfigError, RavlmError
from ravlm.heads.calibration import CalibratedHead
from ravlm.heads.candidates import CandidateHead
from ravlm.heads.classification import ClassificationHead
from ravlm.heads.multilabel import MultiLabelHead
from ravlm.heads.regression import RegressionHead
from ravlm.heads.units import UnitScale
from ravlm.model.output_config import (
    CandidatesConfig,
    ClassificationConfig,
    GenerationConfig,
    LabelsConfig,
    OutputConfig,
)
from ravlm.protocols import LanguageEncoder
from ravlm.safe.hub import fetch

if TYPE_CHECKING:
    from ravlm.heads.generation import GenerationHead

_LAYERS, _HEADS = 2, 4  # of a decoder that begins at random


def build_output(
    config: OutputConfig,
    *,
    width: int,
    vocabulary: Sequence[str],
    scales: Sequence[UnitScale],
    language: LanguageEncoder,
    decoder: Path | None,
) -> CalibratedHead:
    """The output layer of a configuration (seed torch first for the same random weights).

    Args:
        config: its settings.
        width: that of the fusion.
        vocabulary: the answers, labels or units that training has seen.
        scales: of the units, where they are not among the weights that will be loaded.
        language: whose tokeniser a decoder that begins at random takes.
        decoder: the folder that `save_decoder` wrote, of a decoder whose weights will be loaded.

    Raises:
        ConfigError: sizes do not fit.
        PathError, HubError, FormatError: a pre-trained decoder can't be had, or used.
    """
    if isinstance(config, CandidatesConfig):
        closed = ClassificationHead(width=width, vocabulary=vocabulary)
        return CandidateHead(width=width, vocabulary=closed, max_span=config.max_span)
    if isinstance(config, ClassificationConfig):
        return ClassificationHead(width=width, vocabulary=vocabulary)
    if isinstance(config, LabelsConfig):
        return MultiLabelHead(width=width, vocabulary=vocabulary)
    if isinstance(config, GenerationConfig):
        return _generation(config, width, language, decoder)
    return RegressionHead(
        width=width, units=scales or [UnitScale(name) for name in vocabulary], tolerance=config.tolerance
    )


def _generation(
    config: GenerationConfig, width: int, language: LanguageEncoder, saved: Path | None
) -> "GenerationHead":
    from ravlm.heads.generation import GenerationHead
    from ravlm.heads.generation_decoder import compact_decoder
    from ravlm.heads.generation_text import AnswerTokenizer
    from ravlm.model.decoders import pretrained_decoder, pretrained_tokens, saved_decoder

    if config.decoder is None:
        tokens = AnswerTokenizer(_backend(language))
        sizes = {"layers": config.layers or _LAYERS, "heads": config.heads or _HEADS}
        decoder = compact_decoder(tokens, width=width, longest=config.longest, **sizes)
    elif saved is not None:
        decoder, tokens = saved_decoder(saved)
    else:
        folder = fetch(config.decoder, config.revision).folder
        decoder = pretrained_decoder(folder)
        tokens = pretrained_tokens(folder, decoder)
    return GenerationHead(
        width=width,
        decoder=decoder,
        tokens=tokens,
        longest=config.longest,
        beams=config.beams,
        describes=config.captions,
    )


def output_faults(config: OutputConfig, width: int | None) -> list[str]:
    """All that `build_output` would refuse in a model whose fusion has this width (None: it is refused itself)."""
    if not isinstance(config, GenerationConfig):
        return []
    if config.decoder is None:
        heads = config.heads or _HEADS
        if width is not None and width % heads:
            return [f"the fusion's width {width} can't be split into the decoder's {heads} heads: choose a multiple"]
        return []
    return _decoder_faults(config.decoder, config.revision, config.longest)


def _decoder_faults(source: str, revision: str | None, longest: int) -> list[str]:
    try:
        folder = fetch(source, revision).folder
        about = read_config(folder)
    except RavlmError as error:
        return [f"decoder: {error}"]
    from ravlm.model.decoders import KIND, decoder_faults

    kind = about.get("model_type")
    if kind != KIND:
        return [f"decoder: {source!r} holds a {kind!r}; a {KIND!r} can be used"]
    places = about.get("n_positions", 1024)
    faults = [f"longest is {longest} tokens; the decoder has {places} places"] * (longest > places)
    return faults + [f"decoder: {fault}" for fault in decoder_faults(folder, about)]


def _backend(language: LanguageEncoder) -> Tokenizer:
    """The tokeniser of a language encoder, as the `tokenizers` library has it.

    Raises:
        ConfigError: it has none.
    """
    own = getattr(language, "tokenizer", None)
    backend = getattr(own, "backend_tokenizer", own)
    if not isinstance(backend, Tokenizer):
        raise ConfigError(
            f"The language encoder, a {type(language).__name__}, has no tokeniser of the `tokenizers` library that a "
            "decoder could take. Choose another language encoder, or give a decoder's folder."
        )
    return backend
