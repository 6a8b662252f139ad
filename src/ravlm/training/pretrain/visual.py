"""Pre-training of a visual encoder on a folder of pictures."""

from pathlib import Path
from typing import Any

import torch

from ravlm.device import choose_device
from ravlm.encoders.base import Encoder
from ravlm.errors import ConfigError, TrainingError
from ravlm.model.config import PretrainedConfig
from ravlm.model.encoders import build_language_encoder, build_visual_encoder
from ravlm.training.loop import Measured, Progress, Stage
from ravlm.training.optim import hash_seed
from ravlm.training.photos import square_of
from ravlm.training.pretrain.config import AnyObjective, PicturesConfig, PretrainRunConfig, TextsConfig
from ravlm.training.pretrain.folder import PretrainReport, begin, train_encoder
from ravlm.training.pretrain.pictures import LabelledPictures, labelled_pictures, read_pixels
from ravlm.training.pretrain.visual_stages import ClassesStage, PicturesStage, PictureViews, TextsStage

_KEPT = 1.3  # times the side of the largest view: pictures are kept larger, to be cropped from
_FEWEST = 2


def pretrain_visual(
    config: PretrainRunConfig,
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress = lambda *_: None,
    measured: Measured = lambda *_: None,
) -> PretrainReport:
    """Pre-train a visual encoder on an image folder or on a dataset's pictures, and write its folder to `out`.

    Errors as for `pretrain`.
    """
    settings = config.pretrain.visual
    if settings is None:
        raise ConfigError("The configuration has no table pretrain.visual. Add one: see configs/grocery-eye.toml.")
    pictures = labelled_pictures(data)
    _check(settings, pictures)
    torch.manual_seed(hash_seed(config.training.seed, "weights"))
    eye = build_visual_encoder(settings.encoder)
    language = _language(settings, pictures)
    sizes = settings.sizes or [square_of(eye)]
    _check_sizes(eye, sizes)
    both: dict[str, tuple[Encoder, Any]] = {"visual": (eye, settings.encoder)}
    if language is not None and isinstance(settings, TextsConfig):
        both["language"] = (language, settings.language)
    brought = {side: encoder for side, (encoder, made) in both.items() if isinstance(made, PretrainedConfig)}
    told = {"names": pictures.names, "pictures": len(pictures.files), "fingerprint": pictures.fingerprint()}
    began = begin(config, told, brought, out, resume=resume)

    device = choose_device()
    for encoder, _ in both.values():
        encoder.to(device).to(memory_format=torch.channels_last)
    pixels = read_pixels(pictures, round(_KEPT * max(sizes)), began.pixels, progress)
    views = PictureViews(pixels, torch.tensor(pictures.labels), torch.tensor(pictures.own), sizes, settings, device)
    return train_encoder(
        began, _stage(settings, eye, language, views, pictures), config.training, eye, progress, measured
    )


def _stage(
    settings: AnyObjective, eye: Encoder, language: Any, views: PictureViews, pictures: LabelledPictures
) -> Stage:
    """The stage of the settings' objective."""
    if isinstance(settings, TextsConfig):
        return TextsStage(eye=eye, language=language, views=views, texts=pictures.texts, settings=settings)
    if isinstance(settings, PicturesConfig):
        return PicturesStage(eye=eye, views=views, settings=settings)
    return ClassesStage(eye=eye, views=views, classes=len(pictures.names), settings=settings)


def _language(settings: AnyObjective, pictures: LabelledPictures) -> Encoder | None:
    """What reads the texts, where the objective has any; where it brings no tokeniser, one is trained on them."""
    if not isinstance(settings, TextsConfig):
        return None
    return build_language_encoder(settings.language, (text for texts in pictures.texts for text in texts))


def _check(settings: AnyObjective, pictures: LabelledPictures) -> None:
    """Whether the pictures are enough to learn this from."""
    alone = isinstance(settings, PicturesConfig) and settings.pairs == "views"
    found = len(pictures.files) if alone else len(pictures.names)
    if found < _FEWEST:
        what = "picture" if alone else "class"
        raise TrainingError(
            f"{pictures.folder} can't be learned from: there is only one {what} in it, and the objective "
            f"{settings.objective!r} tells at least {_FEWEST} apart. Add more."
        )


def _check_sizes(eye: Encoder, sizes: list[int]) -> None:
    """Whether the encoder sees pictures of these sides."""
    for size in sizes:
        try:
            with torch.no_grad():
                eye.eval()(torch.zeros(1, 3, size, size, dtype=torch.uint8, device=eye.device))
        except (RuntimeError, ValueError, AssertionError) as error:
            raise ConfigError(
                f"pretrain.visual.sizes has {size} pixels, and the encoder does not see squares of that side, only of "
                f"{square_of(eye)}. Choose others, or leave sizes out."
            ) from error
