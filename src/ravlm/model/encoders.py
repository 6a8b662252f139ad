"""Settings become encoders; what would be refused is told before any weights are loaded."""

from collections.abc import Iterable

from tokenizers import Tokenizer

from ravlm.encoders.base import Encoder
from ravlm.encoders.choose import Side, encoder_faults, load_encoder
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.model.config import (
    CompactLanguageConfig,
    CompactVisualConfig,
    LanguageConfig,
    PretrainedConfig,
    RandomLanguageConfig,
    VisualConfig,
)


def build_visual_encoder(config: VisualConfig) -> Encoder:
    """The visual encoder of a configuration (seed torch first for the same random weights).

    Raises:
        ConfigError: a name or a size is refused.
        PathError, HubError, FormatError: a pre-trained one can't be had: see `ravlm.load_encoder`.
    """
    if isinstance(config, CompactVisualConfig):
        return CompactVisualEncoder(**config.model_dump(exclude={"kind"}))
    if isinstance(config, PretrainedConfig):
        return load_encoder(config.source, side="visual", revision=config.revision, **config.own())
    if config.kind == "timm":
        from ravlm.encoders.timm_visual import TimmVisualEncoder

        return TimmVisualEncoder.from_architecture(config.architecture, **config.own(), **config.options)
    from ravlm.encoders.transformers_visual import TransformersVisualEncoder

    return TransformersVisualEncoder.from_architecture(config.architecture, **config.own(), **config.options)


def build_language_encoder(config: LanguageConfig, texts: Iterable[str]) -> Encoder:
    """The language encoder of a configuration; where it brings no tokeniser, one is trained on the texts.

    Errors as for `build_visual_encoder`.
    """
    if isinstance(config, PretrainedConfig):
        return load_encoder(config.source, side="language", revision=config.revision, **config.own())
    tokenizer = train_tokenizer(texts, config.vocabulary)
    if isinstance(config, CompactLanguageConfig):
        return CompactLanguageEncoder(tokenizer=tokenizer, **config.model_dump(exclude={"kind", "vocabulary"}))
    from ravlm.encoders.transformers_language import TransformersLanguageEncoder

    return TransformersLanguageEncoder.from_architecture(
        config.architecture, tokenizer=tokenizer, **config.own(), **config.options
    )


def visual_faults(config: VisualConfig) -> list[str]:
    """All that `build_visual_encoder` would refuse."""
    if isinstance(config, CompactVisualConfig):
        return []
    if isinstance(config, PretrainedConfig):
        return _faults(config, "visual")
    if config.kind == "timm":
        from ravlm.encoders.timm_visual import TimmVisualEncoder

        return TimmVisualEncoder.architecture_faults(config.architecture, config.own(), config.options)
    from ravlm.encoders.transformers_visual import TransformersVisualEncoder

    return TransformersVisualEncoder.architecture_faults(config.architecture, config.own(), config.options)


def language_faults(config: LanguageConfig) -> list[str]:
    """All that `build_language_encoder` would refuse."""
    if isinstance(config, PretrainedConfig):
        return _faults(config, "language")
    if not isinstance(config, RandomLanguageConfig):
        return []
    from ravlm.encoders.transformers_language import TransformersLanguageEncoder
    from ravlm.encoders.transformers_tokenizer import as_library_tokenizer

    any_tokenizer: Tokenizer = train_tokenizer(["a"], config.vocabulary)
    return TransformersLanguageEncoder.architecture_faults(
        config.architecture, config.own(), config.options, as_library_tokenizer(any_tokenizer)
    )


def _faults(config: PretrainedConfig, side: Side) -> list[str]:
    return encoder_faults(config.source, side=side, revision=config.revision, **config.own())
