"""The settings of a pre-training run, read from TOML; all faults are told at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationError, field_validator, model_validator

from ravlm.model.config import CompactLanguageConfig, CompactVisualConfig, LanguageConfig, VisualConfig, learns
from ravlm.model.settings import Positive, Settings, Share
from ravlm.training.config import side_faults
from ravlm.training.config_faults import read_toml, refused, seeded, told
from ravlm.training.pretrain.alignment_config import AlignmentConfig
from ravlm.training.pretrain.language_config import LanguagePretrainingConfig
from ravlm.training.stage_config import Rate, StageConfig

Scale = Annotated[float, Field(gt=0.0, le=200.0)]

_ENCODERS = (  # the tables' settings that are encoders, and of which side
    ("visual", "encoder", "visual"),
    ("visual", "language", "language"),
    ("language", "encoder", "language"),
    ("alignment", "visual", "visual"),
    ("alignment", "language", "language"),
)


class VisualPretraining(StageConfig):
    """Pre-training of a visual encoder on pictures: `batch` in pictures, or in pairs of them.

    `sizes` are the sides of the views in pixels, each for an equal part of the steps, or the encoder's own without
    them: small views first cost less (Tan and Le 2021, EfficientNetV2, sec. 4). `least_area` is that of the smallest
    crop, a share of the picture; `mirror` the share of views that are mirrored; `strength` in [0, 1] scales the changes
    of light and colour, the turns, and the share of views that are partly hidden. `own_pictures` is the share of a
    batch that shows the entries' own pictures, where a dataset's entries have some that are no photos of its examples.
    """

    VALIDATED = False

    objective: str
    encoder: VisualConfig = CompactVisualConfig()
    steps: Positive = 600
    batch: Annotated[int, Field(ge=2)] = 64
    learning_rate: Rate = 0.003
    sizes: Annotated[list[Annotated[int, Field(ge=8, le=2048)]], Field(min_length=1)] | None = None
    least_area: Annotated[float, Field(gt=0.0, le=1.0)] = 0.3
    mirror: Share = 0.5
    strength: Share = 0.7
    own_pictures: Share = 0.25

    @field_validator("encoder")
    @classmethod
    def _learns(cls, encoder: VisualConfig) -> VisualConfig:
        if not learns(encoder):
            raise ValueError('its trainable is "none", so nothing would learn: write trainable = "all" there')
        return encoder


class ClassesConfig(VisualPretraining):
    """Which class a picture is of, by cosine (normalised softmax).

    `scale` multiplies the cosines, `margin` is taken from that of the right class (Wang et al. 2018, CosFace, eq. 4).
    `permuted` is the share of views whose colour channels change places; a class so changed is a class of its own
    (Lee et al. 2020, Self-supervised Label Augmentation, eq. 3).
    """

    PARTS = ("visual", "classes")

    objective: Literal["classes"] = "classes"
    scale: Scale = 16.0
    margin: Share = 0.0
    permuted: Share = 0.0


class PicturesConfig(VisualPretraining):
    """Two views come together and all others part (InfoNCE; Chen et al. 2020, SimCLR).

    `pairs`: the two are of one picture (`views`), or of two pictures of one class (`classes`; a class's only picture is
    paired with itself).
    """

    PARTS = ("visual", "scale")

    objective: Literal["pictures"] = "pictures"
    pairs: Literal["views", "classes"] = "views"


class TextsConfig(VisualPretraining):
    """A picture and its text come together and all others part (InfoNCE; Radford et al. 2021, CLIP, fig. 3).

    `language` reads the texts; both are projected to `width`. It is not kept.
    """

    PARTS = ("visual", "language", "projections", "scale")

    objective: Literal["texts"] = "texts"
    language: LanguageConfig = CompactLanguageConfig()
    width: Positive = 256


def _objective(value: Any) -> str:
    """The objective of a visual encoder's settings; classes where they don't say."""
    return str(value.get("objective", "classes") if isinstance(value, dict) else value.objective)


AnyObjective = ClassesConfig | PicturesConfig | TextsConfig
VisualPretrainingConfig = Annotated[
    Annotated[ClassesConfig, Tag("classes")]
    | Annotated[PicturesConfig, Tag("pictures")]
    | Annotated[TextsConfig, Tag("texts")],
    Discriminator(_objective),
]


class PretrainConfig(Settings):
    """What is pre-trained: one of these."""

    visual: VisualPretrainingConfig | None = None
    language: LanguagePretrainingConfig | None = None
    alignment: AlignmentConfig | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        names = list(type(self).model_fields)
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"one run pre-trains one thing: give exactly one of {', '.join(names)}; found {found}")
        return self


class PretrainTraining(Settings):
    """How the run goes, whatever it trains. `checkpoint_every` is in optimiser steps."""

    seed: Annotated[int, Field(ge=0)] = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    checkpoint_every: Positive = 100


class PretrainRunConfig(Settings):
    """A configuration file with a table `pretrain`."""

    pretrain: PretrainConfig
    training: PretrainTraining = PretrainTraining()


def read_pretrain_config(path: Path, *, seed: int | None = None) -> PretrainRunConfig:
    """The configuration in a TOML file; `seed` stands over the file's.

    Raises:
        PathError: there is no such file.
        ConfigError: faults, all of them: where, what was found, what is allowed.
    """
    values = seeded(read_toml(path), seed)
    try:
        config, faults = PretrainRunConfig.model_validate(values), _encoder_faults(values)
    except ValidationError as error:
        faults = [told(PretrainRunConfig, fault) for fault in error.errors()] + _encoder_faults(values)
        raise refused(path, faults) from error
    if faults:
        raise refused(path, faults)
    return config


def pretrains(path: Path | None) -> bool:
    """Whether a configuration file is one of pre-training: it has a table `pretrain`."""
    return path is not None and "pretrain" in read_toml(path)


def _encoder_faults(values: Mapping[str, Any]) -> list[str]:
    """What is wrong with the encoders that a configuration names, of those whose settings can be read at all."""
    pretrain = values.get("pretrain")
    tables = pretrain if isinstance(pretrain, dict) else {}
    return [
        fault
        for table, setting, side in _ENCODERS
        if isinstance(tables.get(table), dict)
        for fault in side_faults(f"pretrain.{table}.{setting}", side, tables[table].get(setting))
    ]
