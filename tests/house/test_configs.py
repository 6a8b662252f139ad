"""Every committed configuration is valid, and the default one tells every default."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ravlm.errors import ConfigError
from ravlm.training.config import RunConfig, read_run_config

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = [
    "classification.toml",
    "default.toml",
    "feature-fusion.toml",
    "gated-fusion.toml",
    "generation.toml",
    "grocery.toml",
    "hierarchical-fusion.toml",
    "interaction-fusion.toml",
    "labels.toml",
    "multi-head-fusion.toml",
    "reference.toml",
    "regression.toml",
    "weighted-sum-fusion.toml",
]
WITH_ENCODERS_OF_THE_HUB = ["reference.toml"]  # tests/model/test_reference.py reads it, beside folders of these names


def settings(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, object]]:
    """Every setting as (`training.read.steps`, value)."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from settings(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def test_these_configurations_are_there() -> None:
    assert sorted(path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*.*")) == FILES


@pytest.mark.parametrize("name", [name for name in FILES if name not in WITH_ENCODERS_OF_THE_HUB])
def test_a_configuration_is_valid(name: str) -> None:
    assert isinstance(read_run_config(CONFIGS / name), RunConfig)


@pytest.mark.parametrize("name", FILES)
def test_a_configuration_begins_with_what_it_is_for(name: str) -> None:
    assert (CONFIGS / name).read_text(encoding="utf-8").startswith("# ")


def test_the_default_file_tells_every_default_and_no_other() -> None:
    written = dict(settings(tomllib.loads((CONFIGS / "default.toml").read_text(encoding="utf-8"))))
    true = dict(settings(RunConfig().model_dump()))
    different = {name: (written.get(name), true.get(name)) for name in written | true}
    assert {name: pair for name, pair in different.items() if pair[0] != pair[1]} == {}


def test_every_line_of_the_default_file_has_its_comment() -> None:
    lines = (CONFIGS / "default.toml").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if " = " in line and "  # " not in line] == []


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("[training.read]\nstep = 5\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"training\.read\.step"):
        read_run_config(tmp_path / "wrong.toml")
