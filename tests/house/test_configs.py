"""Every committed configuration is valid, and the default one tells every default."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ravlm.errors import ConfigError
from ravlm.model.encoders import build_visual_encoder
from ravlm.training.config import RunConfig, read_run_config
from ravlm.training.pretrain.config import PretrainRunConfig, read_pretrain_config

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = [
    "captions.toml",
    "classification.toml",
    "default.toml",
    "feature-fusion.toml",
    "gated-fusion.toml",
    "generation.toml",
    "grocery-eye.toml",
    "grocery.toml",
    "hierarchical-fusion.toml",
    "interaction-fusion.toml",
    "joint.toml",
    "labels.toml",
    "multi-head-fusion.toml",
    "reference.toml",
    "regression.toml",
    "weighted-sum-fusion.toml",
]
WITH_ENCODERS_ELSEWHERE = ["grocery.toml", "reference.toml"]  # read beside folders of these names: below, and in
# tests/model/test_reference.py
PRETRAINING = ["grocery-eye.toml"]


def settings(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, object]]:
    """Every setting as (`training.read.steps`, value)."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from settings(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def test_these_configurations_are_there() -> None:
    assert sorted(path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*.*")) == FILES


@pytest.mark.parametrize("name", [name for name in FILES if name not in WITH_ENCODERS_ELSEWHERE + PRETRAINING])
def test_a_configuration_is_valid(name: str) -> None:
    assert isinstance(read_run_config(CONFIGS / name), RunConfig)


@pytest.mark.parametrize("name", PRETRAINING)
def test_a_configuration_of_pre_training_is_valid(name: str) -> None:
    assert isinstance(read_pretrain_config(CONFIGS / name), PretrainRunConfig)


def test_the_grocery_model_is_made_beside_the_eye_that_its_configuration_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visual = read_pretrain_config(CONFIGS / "grocery-eye.toml").pretrain.visual
    assert visual is not None
    monkeypatch.chdir(tmp_path)
    build_visual_encoder(visual.encoder).save_pretrained("grocery-eye")
    read = read_run_config(CONFIGS / "grocery.toml")
    assert read.model.visual.model_dump(exclude_unset=True) == {"kind": "pretrained", "source": "grocery-eye"}


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
