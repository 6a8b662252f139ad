"""The settings of a training run, read from TOML; all faults are told at once."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from ravlm.errors import ConfigError, PathError
from ravlm.model.config import ModelConfig, Positive, Settings

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Rate = Annotated[float, Field(gt=0.0, le=1.0)]


class MatchConfig(Settings):
    """Stage one, picture matching. `steps` in optimiser steps, `batch` in pairs of pictures."""

    steps: Positive = 220
    batch: Annotated[int, Field(ge=2)] = 128
    learning_rate: Rate = 0.002
    weight_decay: Share = 0.05
    average: Share = 0.99


class ReadConfig(Settings):
    """Stage two, reading. `steps` in optimiser steps, `batch` in questions, `together` the most of them about
    one entry in one language; `entries` and `passages` of each are the most that a question is trained with.

    `matrix_learning_rate` is that of the linear layers' weights (Muon), `learning_rate` that of all others (AdamW).
    `wrong` is the share of steps with wrong entries among the hits; in these, `no_gold` is the share of questions whose
    right entry is taken out, so that "none of these" is learned; `no_evidence` the share read without any hit.
    """

    steps: Positive = 500
    batch: Annotated[int, Field(ge=2)] = 64
    together: Positive = 24
    learning_rate: Rate = 0.008
    matrix_learning_rate: Rate = 0.012
    weight_decay: Share = 0.05
    average: Share = 0.99
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
    if seed is not None:
        values = {**values, "training": {**values.get("training", {}), "seed": seed}}
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        faults = [
            f"  {'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}, found {fault['input']!r}"
            for fault in error.errors()
        ]
        raise ConfigError("\n".join([f"{path or 'The configuration'} has {len(faults)} faults:", *faults])) from error
