"""The settings of a training run, read from TOML; all faults are told at once."""

import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from ravlm.errors import ConfigError, PathError
from ravlm.model.config import LanguageConfig, ModelConfig, VisualConfig
from ravlm.model.fusion_config import FusionConfig
from ravlm.model.output_config import OutputConfig
from ravlm.model.settings import Positive, Settings, Share
from ravlm.training.stage_config import Rate, StageConfig

_SIDES: Mapping[str, Any] = {"visual": VisualConfig, "language": LanguageConfig}
_PARTS: Mapping[str, Any] = {**_SIDES, "fusion": FusionConfig, "output": OutputConfig}  # those of several kinds


class MatchConfig(StageConfig):
    """Stage one, picture matching: `batch` in pairs of pictures."""

    steps: Positive = 220
    batch: Annotated[int, Field(ge=2)] = 128
    learning_rate: Rate = 0.002


class ReadConfig(StageConfig):
    """Stage two, reading: `batch` in questions, `together` the most of them about one entry in one language;
    `entries` and `passages` of each are the most that a question is trained with.

    `matrix_learning_rate` is that of the linear layers' weights (Muon), `learning_rate` that of all others (AdamW), but
    for a language encoder that did not begin at random: all of that learns at `pretrained_learning_rate` (AdamW).
    `wrong` is the share of steps with wrong entries among the hits; in these, `no_gold` is the share of questions whose
    right entry is taken out, so that "none of these" is learned; `no_evidence` the share read without any hit.
    """

    steps: Positive = 500
    batch: Annotated[int, Field(ge=2)] = 64
    together: Positive = 24
    learning_rate: Rate = 0.008
    matrix_learning_rate: Rate = 0.012
    entries: Positive = 2
    passages: Positive = 4
    wrong: Share = 0.3
    no_gold: Share = 0.15
    no_evidence: Share = 0.05


class TrainingConfig(Settings):
    """A whole run. `checkpoint_every` is in optimiser steps."""

    seed: Annotated[int, Field(ge=0)] = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    checkpoint_every: Positive = 100
    match: MatchConfig = MatchConfig()
    read: ReadConfig = ReadConfig()


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
    values = {}
    if path is not None:
        if not path.is_file():
            raise PathError(f"There is no configuration file {path}. Leave it out to train with the defaults.")
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not TOML: {error}. See configs/ for examples.") from error
    if seed is not None and isinstance(values.get("training", {}), dict):
        values = {**values, "training": {**values.get("training", {}), "seed": seed}}
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        faults = [_told(fault) for fault in error.errors()] + _part_faults(values)
        raise _refused(path, faults) from error
    faults = _part_faults(values)
    if faults:
        raise _refused(path, faults)
    return config


def _refused(path: Path | None, faults: Sequence[str]) -> ConfigError:
    count = f"{len(faults)} fault{'s' * (len(faults) != 1)}"
    return ConfigError("\n".join([f"{path or 'The configuration'} has {count}:", *faults]))


def _told(fault: ErrorDetails) -> str:
    """A fault: where, what is wrong, what was found, and what is allowed and nearest where a name is not known."""
    where = [str(part) for part in fault["loc"]]
    if len(where) > 2 and where[0] == "model" and where[1] in _PARTS:
        del where[2]  # the kind of the part, which stands in no file
    place = f"  {'.'.join(where) or 'file'}"
    if fault["type"] == "union_tag_invalid":
        kinds = fault["ctx"]["expected_tags"].replace("'", "").split(", ")
        near = get_close_matches(fault["ctx"]["tag"], kinds, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{place}.kind: there is no kind {fault['ctx']['tag']!r}, only {', '.join(kinds)}{hint}"
    if fault["type"] != "extra_forbidden":
        found = "" if isinstance(fault["input"], dict) else f", found {fault['input']!r}"
        return f"{place}: {fault['msg'].removeprefix('Value error, ')}{found}"
    names = _names(fault["loc"][:-1])
    near = get_close_matches(where[-1], names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{place}: there is no such setting here, only {', '.join(names)}{hint}"


def _names(loc: Sequence[int | str]) -> list[str]:
    """The settings that there are at a place of the configuration; a part's kind is part of its place."""
    here: Any = RunConfig
    for part in map(str, loc):
        if here in _PARTS.values():
            tagged = get_args(get_args(here)[0])
            here = next(get_args(kind)[0] for kind in tagged if part in (extra.tag for extra in get_args(kind)[1:]))
        else:
            here = _PARTS.get(part) or here.model_fields[part].annotation
    return list(here.model_fields)


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

    output, fusion = (
        _loosely(part, model.get(part, {}), deciding)
        for part, deciding in (("output", ("kind", "heads", "decoder", "revision", "longest")), ("fusion", ("width",)))
    )
    width = None if fusion is None else fusion.width
    return [] if output is None else [f"  model.output: {fault}" for fault in output_faults(output, width)]


def _loosely(part: str, settings: Any, deciding: Sequence[str]) -> Any:
    """A part's settings, or where they are refused, those of them that decide whether parts fit, as far as they can be
    read; None where they can't. What is left out is told already.
    """
    if not isinstance(settings, dict):
        return None
    some = {name: value for name, value in settings.items() if name in deciding}
    for tried in (settings, some, {name: value for name, value in some.items() if name != "heads"}):
        with suppress(ValidationError):
            return TypeAdapter[Any](_PARTS[part]).validate_python(tried)
    return None


def _encoder_faults(model: Mapping[str, Any]) -> list[str]:
    faults: list[str] = []
    for side, kinds in _SIDES.items():
        settings = model.get(side)
        if not isinstance(settings, dict) or settings.get("kind", "compact") == "compact":
            continue
        from ravlm.model.encoders import language_faults, visual_faults

        try:
            config = _readable(TypeAdapter(kinds), settings)
        except ValidationError:
            continue  # told already
        found = visual_faults(config) if side == "visual" else language_faults(config)
        faults += [f"  model.{side}: {fault.strip()}" for fault in found]
    return faults
