"""Pre-training of a language encoder on text."""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from ravlm.device import choose_device
from ravlm.encoders.base import Encoder
from ravlm.errors import ConfigError, TrainingError
from ravlm.model.config import PretrainedConfig
from ravlm.model.encoders import build_language_encoder
from ravlm.training.loop import Measured, Progress
from ravlm.training.optim import hash_seed
from ravlm.training.pretrain.config import PretrainRunConfig
from ravlm.training.pretrain.folder import PretrainReport, begin, train_encoder
from ravlm.training.pretrain.language_config import LanguagePretraining, MaskedConfig
from ravlm.training.pretrain.language_stages import CausalStage, MaskedStage, TextStage, text_lengths
from ravlm.training.pretrain.reading import reads_forward, vocabulary_of
from ravlm.training.pretrain.texts import Texts, read_texts

_FEWEST = 2  # texts, one of which is held out, and tokens of a text: one to be found, one to find it by
_MOST = 1000  # texts that are held out
_AT_ONCE = 256  # texts


def pretrain_language(
    config: PretrainRunConfig,
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress = lambda *_: None,
    measured: Measured = lambda *_: None,
) -> PretrainReport:
    """Pre-train a language encoder on the texts in `data` (`read_texts`), and write its folder to `out`.

    A tokeniser, where the encoder brings none, is trained on all of the texts. Some of them are held out, by lot: on
    these, the report's `perplexity` is measured before and after. Errors as for `pretrain`.
    """
    settings = config.pretrain.language
    if settings is None:
        raise ConfigError('The configuration has no table pretrain.language. Add one: objective = "masked".')
    texts = read_texts(data)
    seed = config.training.seed
    torch.manual_seed(hash_seed(seed, "weights"))
    encoder = build_language_encoder(settings.encoder, texts.texts)
    lengths = text_lengths(encoder, vocabulary_of(encoder), texts.texts, _AT_ONCE)
    read, lengths = _enough(texts, lengths)
    encoder.to(choose_device())
    _check(settings, encoder, read[0])
    brought = {"language": encoder} if isinstance(settings.encoder, PretrainedConfig) else {}
    told = {"texts": len(read), "fingerprint": texts.fingerprint()}

    held_out, learned = _split(len(read), settings.held_out, seed)
    stage = _stage(settings, encoder, [read[i] for i in learned.tolist()], lengths[learned])
    asked = [read[i] for i in held_out.tolist()]
    began = begin(config, told, brought, out, resume=resume)
    return train_encoder(
        began,
        stage,
        config.training,
        encoder,
        progress,
        measured,
        measure=lambda: {"perplexity": round(stage.perplexity(asked, seed), 3)},
    )


def _stage(
    settings: LanguagePretraining, encoder: Encoder, texts: Sequence[str], lengths: Int[Tensor, " n"]
) -> TextStage:
    kind = MaskedStage if isinstance(settings, MaskedConfig) else CausalStage
    return kind(encoder=encoder, texts=texts, lengths=lengths, settings=settings)


def _enough(texts: Texts, lengths: Int[Tensor, " n"]) -> tuple[list[str], Int[Tensor, " m"]]:
    """The texts of at least two tokens that the encoder knows, and their lengths."""
    long = lengths >= _FEWEST
    count = int(long.sum())
    if count < _FEWEST:
        of = f"of the {len(long):,} texts" if len(long) > 1 else "of the one text"
        raise TrainingError(
            f"{texts.place} can't be learned from: {of} in it, {count or 'none'} {'has' if count < 2 else 'have'} "
            f"{_FEWEST} tokens or more that the encoder knows, and at least {_FEWEST} such texts are needed: one is "
            "held out. Add more, or longer ones."
        )
    return [text for text, enough in zip(texts.texts, long.tolist(), strict=True) if enough], lengths[long]


def _split(n: int, share: float, seed: int) -> tuple[Int[Tensor, " h"], Int[Tensor, " m"]]:
    """The places of the texts that are held out, and of those that are learned from; there are some of both."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(hash_seed(seed, "split")))
    count = min(max(round(n * share), 1), n - 1, _MOST)
    return order[:count].sort().values, order[count:].sort().values


def _check(settings: LanguagePretraining, encoder: Encoder, text: str) -> None:
    """Whether the encoder can learn towards the objective."""
    vocabulary = vocabulary_of(encoder)
    forward = reads_forward(encoder, text, vocabulary)
    masked = isinstance(settings, MaskedConfig)
    if forward and masked:
        raise ConfigError(
            'pretrain.language.objective is "masked", and the encoder reads forward: a token sees those before it '
            'alone, so a hidden one would be found without half of its text. Allowed is "causal"; or choose an encoder '
            'that reads both ways (kind = "compact", architecture = "bert").'
        )
    if not forward and not masked:
        raise ConfigError(
            'pretrain.language.objective is "causal", and the encoder reads both ways: a token sees the next one, so '
            'there is nothing to foretell. Allowed is "masked"; or choose an encoder that reads forward '
            '(architecture = "gpt2").'
        )
    if masked:
        vocabulary.mask_id()
