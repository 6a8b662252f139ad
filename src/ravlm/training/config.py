"""The settings of a training run, read from TOML; all faults are told at once."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter, ValidationError, field_validator

from ravlm.model.config import LanguageConfig, ModelConfig, VisualConfig
from ravlm.model.fusion_config import FusionConfig
from ravlm.model.output_config import GenerationConfig, contradictions
from ravlm.model.settings import Positive, Settings, Share
from ravlm.training.config_faults import read_toml, refused, seeded, told
from ravlm.training.stage_config import Rate, StageConfig, Steps

_SETTINGS: Mapping[str, Any] = {"visual": VisualConfig, "language": LanguageConfig}


class MatchConfig(StageConfig):
    """Stage one, picture matching: `batch` in pairs of pictures."""

    PARTS: ClassVar[tuple[str, ...]] = ("visual", "retriever")

    steps: Steps = 220
    batch: Annotated[int, Field(ge=2)] = 128
    learning_rate: Rate = 0.002


class ReadConfig(StageConfig):
    """Stage two, reading: `batch` in questions, `together` the most of them about one entry in one language;
    `entries` and `passages` of each are the most that a question is trained with.

    `matrix_learning_rate` is that of the linear layers' weights (Muon), `learning_rate` that of all others (AdamW), but
    for a language encoder that did not begin at random: all of that learns at `pretrained_learning_rate` (AdamW).
    `wrong` is the share of steps with wrong entries among the hits; in these, `no_gold` is the share of questions whose
    right entry is taken out, so that "none of these" is learned; `no_evidence` the share read without any hit.
    `no_picture` and `no_question` are the shares of questions whose picture, or text, the fusion does not get, so that
    it learns what stands there: what was found with them is read all the same.
    The eye stands still here, unless `rates` gives it a rate: `visual`.
    """

    PARTS: ClassVar[tuple[str, ...]] = ("visual", "language", "fusion", "output", "retriever")

    steps: Steps = 500
    batch: Annotated[int, Field(ge=2)] = 64
    together: Positive = 24
    learning_rate: Rate = 0.008
    matrix_learning_rate: Rate = 0.012
    entries: Positive = 2
    passages: Positive = 4
    wrong: Share = 0.3
    no_gold: Share = 0.15
    no_evidence: Share = 0.05
    no_picture: Share = 0.0
    no_question: Share = 0.0


Objective = Literal["injection", "marginal", "likelihood", "attention", "contrast"]
_OBJECTIVES: tuple[Objective, ...] = ("injection", "contrast")


class JointConfig(StageConfig):
    """Stage three, retriever and reader together: `batch` and `together` as in reading.

    `entries` are those that a question is read from, found anew at every step, `passages` the most of each. With `gold`
    the right entries are known, and are among them; else what is right is taken from which passages state the answer.
    `searched` are the entries that can be found while it learns: all of the `base`, or those that are right for some
    question of training (`taught`), so that no entry is only ever learned to be wrong.
    `objectives`: what teaches the retriever, see docs/training.md; `candidates` of the contrast, which weighs
    `contrast_weight`, are the entries that are read for a question, for all questions of a batch, or all searched ones.
    The eye stands still, unless `rates` gives it a rate: `visual`; the keys follow it every `refresh` steps.
    """

    PARTS: ClassVar[tuple[str, ...]] = ReadConfig.PARTS

    steps: Steps = 0
    batch: Annotated[int, Field(ge=2)] = 32
    together: Positive = 4
    learning_rate: Rate = 0.002
    matrix_learning_rate: Rate = 0.003
    entries: Annotated[int, Field(ge=2)] = 4
    passages: Positive = 4
    gold: bool = True
    searched: Literal["base", "taught"] = "base"
    objectives: Annotated[list[Objective], Field(min_length=1)] = Field(default_factory=lambda: list(_OBJECTIVES))
    candidates: Literal["retrieved", "batch", "searched"] = "searched"
    contrast_weight: Annotated[float, Field(gt=0.0)] = 1.0
    refresh: Positive = 20

    @field_validator("objectives")
    @classmethod
    def _agree(cls, objectives: list[Objective]) -> list[Objective]:
        together = sorted({"injection", "attention"} & set(objectives))
        if "marginal" in objectives and together:
            names = " and ".join(map(repr, together))
            raise ValueError(f"'marginal' reads each entry alone, and {names} all of them together: choose")
        return objectives


class TrainingConfig(Settings):
    """A whole run. `checkpoint_every` is in optimiser steps."""

    seed: Annotated[int, Field(ge=0)] = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    checkpoint_every: Positive = 100
    match: MatchConfig = MatchConfig()
    read: ReadConfig = ReadConfig()
    joint: JointConfig = JointConfig()


class RunConfig(Settings):
    """A configuration file: what the model is made of and how it is trained."""

    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()


def read_run_config(path: Path | None, *, seed: int | None = None) -> RunConfig:
    """The configuration in a TOML file (none: the defaults); `seed` stands over the file's.

    Raises:
        PathError: there is no such file.
        ConfigError: faults, all of them: where, what was found, what is allowed.
    """
    values = seeded({} if path is None else read_toml(path), seed)
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        faults = [told(RunConfig, fault) for fault in error.errors()] + _part_faults(values)
        raise refused(path, list(dict.fromkeys(faults))) from error
    faults = _part_faults(values)
    if faults:
        raise refused(path, faults)
    return config


def _readable(kinds: TypeAdapter[Any], settings: dict[str, Any]) -> Any:
    """An encoder's settings, without those that are told already."""
    try:
        return kinds.validate_python(settings)
    except ValidationError as error:
        wrong = {str(fault["loc"][1]) for fault in error.errors() if len(fault["loc"]) > 1}
        return kinds.validate_python({name: value for name, value in settings.items() if name not in wrong})


def _part_faults(values: Mapping[str, Any]) -> list[str]:
    """What is wrong with the parts of a configuration, of those whose settings can be read at all."""
    model = values.get("model")
    return [] if not isinstance(model, dict) else _encoder_faults(model) + _output_faults(model)


def _output_faults(model: Mapping[str, Any]) -> list[str]:
    from ravlm.model.outputs import output_faults

    settings = model.get("output", {})
    if not isinstance(settings, dict):
        return []
    faults = contradictions(settings)
    config, wrong = _loosely(settings)
    if config is not None and not wrong & {"decoder", "revision"}:
        width = None if "heads" in wrong else _fusion_width(model.get("fusion", {}))
        faults += output_faults(config, width)
    return [f"  model.output: {fault}" for fault in faults]


def _loosely(settings: Mapping[str, Any]) -> tuple[GenerationConfig | None, set[str]]:
    """A generation layer's settings without those that are refused, and the names of these; None for other layers.

    What contradicts each other is kept. A refused `longest` is the shortest, which has room everywhere.
    """
    if settings.get("kind") != "generation":
        return None, set()
    wrong: set[str] = set()
    try:
        return GenerationConfig.model_validate(settings), wrong
    except ValidationError as error:
        wrong |= {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}
    kept = {name: value for name, value in settings.items() if name not in wrong}
    return GenerationConfig.model_construct(**{"longest": 0} | kept if "longest" in wrong else kept), wrong


def _fusion_width(settings: Any) -> int | None:
    """The width of a fusion, whatever else is wrong with it; None where the width itself is refused."""
    given = {name: value for name, value in settings.items() if name == "width"} if isinstance(settings, dict) else None
    with suppress(ValidationError):
        return int(TypeAdapter[Any](FusionConfig).validate_python(given).width)
    return None


def _encoder_faults(model: Mapping[str, Any]) -> list[str]:
    return [fault for side in _SETTINGS for fault in side_faults(f"model.{side}", side, model.get(side))]


def side_faults(place: str, side: str, settings: Any) -> list[str]:
    """What is wrong with an encoder's settings at a place, beside what reading them told.

    `side` is `visual` or `language`; settings that can't be read at all are told already.
    """
    if not isinstance(settings, dict) or settings.get("kind", "compact") == "compact":
        return []
    from ravlm.model.encoders import language_faults, visual_faults

    try:
        config = _readable(TypeAdapter(_SETTINGS[side]), settings)
    except ValidationError:
        return []  # told already
    found = visual_faults(config) if side == "visual" else language_faults(config)
    return [f"  {place}: {fault.strip()}" for fault in found]
