"""Alignment: a visual and a language encoder, trained on pairs until their vectors are comparable."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ravlm.device import choose_device
from ravlm.encoders.aligned import AlignedEncoder
from ravlm.encoders.base import Encoder
from ravlm.encoders.features.cache import Features
from ravlm.encoders.features.extract import Extractor
from ravlm.errors import ConfigError
from ravlm.model.config import PretrainedConfig
from ravlm.model.encoders import build_language_encoder, build_visual_encoder
from ravlm.training.loop import Measured, Progress
from ravlm.training.optim import hash_seed
from ravlm.training.photos import kept_size, square_of
from ravlm.training.pretrain.alignment_config import AlignmentConfig
from ravlm.training.pretrain.alignment_stage import AlignStage, Sides
from ravlm.training.pretrain.config import PretrainRunConfig
from ravlm.training.pretrain.folder import Began, PretrainReport, begin, train_encoder
from ravlm.training.pretrain.pairs import Pairs, read_pairs, recall
from ravlm.training.pretrain.pictures import read_pixels

RECALLS = (1, 5)


def pretrain_alignment(
    config: PretrainRunConfig,
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress = lambda *_: None,
    measured: Measured = lambda *_: None,
) -> PretrainReport:
    """Align two encoders on pictures and texts, and write the pair's folder to `out` (`AlignedEncoder`).

    The things that are held out, by lot, share no picture and no text with those that are learned from. On them, the
    report's `recall@1` and `recall@5` are measured before and after: of all pictures, those for which a right text is
    among the first of all held-out texts. Errors as for `pretrain`.
    """
    settings = config.pretrain.alignment
    if settings is None:
        raise ConfigError("The configuration has no table pretrain.alignment. Add one.")
    pairs = read_pairs(data, settings.texts)
    torch.manual_seed(hash_seed(config.training.seed, "weights"))
    visual = build_visual_encoder(settings.visual).to(choose_device()).to(memory_format=torch.channels_last)
    language = build_language_encoder(settings.language, pairs.texts).to(choose_device())
    pair = _pair(settings, visual, language)
    sides = {"visual": (visual, settings.visual), "language": (language, settings.language)}
    brought = {side: encoder for side, (encoder, made) in sides.items() if isinstance(made, PretrainedConfig)}
    learned, held_out = pairs.split(settings.held_out, config.training.seed)
    pictures = pairs.pictures
    told = {"names": pictures.names, "pictures": len(pictures.files), "fingerprint": pictures.fingerprint()}
    told |= {"held out": {"pictures": len(held_out.pictures.files), "texts": len(held_out.texts)}}

    began = begin(config, told, brought, out, resume=resume)
    stage = AlignStage(pair=pair, pairs=learned, sides=_sides(began, pair, learned, progress), settings=settings)
    return train_encoder(
        began, stage, config.training, pair, progress, measured, measure=lambda: recalls(pair, held_out)
    )


def recalls(pair: AlignedEncoder, pairs: Pairs) -> dict[str, float]:
    """How often a right text is found by its picture among all texts of the pairs: recall@1, recall@5."""
    pair.eval()
    scores = _unit(_pictures(pair.visual, pairs)) @ _unit(_texts(pair.language, pairs.texts)).T
    right = pairs.right()
    return {f"recall@{k}": round(recall(scores, right, k), 4) for k in RECALLS}


def _pair(settings: AlignmentConfig, visual: Encoder, language: Encoder) -> AlignedEncoder:
    widths = visual.pooled_width, language.pooled_width
    width = settings.width or (None if widths[0] == widths[1] else min(widths))
    if width is None and not visual.learns and not language.learns:
        raise ConfigError(
            "Both encoders of pretrain.alignment stand still, and nothing is projected, so nothing would learn. Give a "
            'width, or write trainable = "all" under visual or language.'
        )
    return AlignedEncoder(visual, language, width=width, paired=settings.loss == "sigmoid")


def _sides(began: Began, pair: AlignedEncoder, pairs: Pairs, progress: Progress) -> Sides:
    eye, language = pair.visual.encoder, pair.language.encoder
    texts = pairs.texts if language.learns else _texts(language, pairs.texts)
    if not eye.learns:
        return Sides(_pictures(eye, pairs), texts, 0)
    size = square_of(eye)
    return Sides(read_pixels(pairs.pictures, kept_size(size), began.pixels, progress), texts, size)


def _pictures(encoder: torch.nn.Module, pairs: Pairs) -> Float[Tensor, "m d"]:
    return _stacked(_extractor(encoder).images(pairs.pictures.files))


def _texts(encoder: torch.nn.Module, texts: Sequence[str]) -> Float[Tensor, "t d"]:
    return _stacked(_extractor(encoder).texts(texts))


def _extractor(encoder: torch.nn.Module) -> Extractor:
    return Extractor(encoder, device=choose_device(), precision="float32")


def _stacked(features: Iterable[Features]) -> Float[Tensor, "n d"]:
    return torch.stack([each.pooled for each in features])


def _unit(vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    return torch.nn.functional.normalize(vectors, dim=-1)
