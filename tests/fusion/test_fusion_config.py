"""Fusions by their settings: what is built, and what is refused, all faults at once."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from fusion_inputs import IMAGE_TOKEN, LANGUAGE, QUESTION, VISUAL, batch
from pydantic import TypeAdapter, ValidationError

from ravlm.errors import ConfigError
from ravlm.fusion.hierarchical import LEVELS
from ravlm.model.build import FUSIONS, build_fusion
from ravlm.model.config import FusionConfig, ModelConfig
from ravlm.training.config import read_run_config

CONFIGS = Path(__file__).parents[2] / "configs"
SETTINGS: TypeAdapter = TypeAdapter(FusionConfig)
ENCODERS = {
    "visual": SimpleNamespace(width=IMAGE_TOKEN, pooled_width=VISUAL),
    "language": SimpleNamespace(width=LANGUAGE, pooled_width=QUESTION),
}


def read(**settings):
    return SETTINGS.validate_python(settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"kind": "attention", "heads": 4},
        *({"kind": "feature", "mode": mode} for mode in ("concatenation", "weighted-sum", "gated")),
        {"kind": "interaction", "layers": 1, "heads": 2},
        *({"kind": "hierarchical", "levels": [level]} for level in LEVELS),
        {"kind": "hierarchical", "levels": [*LEVELS]},
    ],
)
def test_settings_become_a_fusion_in_the_encoders_widths(settings):
    config = read(width=16, **settings)
    fusion = build_fusion(config, **ENCODERS).double()
    assert type(fusion) is FUSIONS[settings.get("kind", "attention")]
    assert fusion(*batch()).pooled.shape == (5, 16)
    assert len(getattr(fusion, "layers", [])) == settings.get("layers", 0)
    assert SETTINGS.validate_python(config.model_dump()) == config


def test_settings_of_a_model_from_before_there_were_heads():
    config = ModelConfig.model_validate({"fusion": {"kind": "attention", "width": 32}}).fusion
    assert (config.width, config.heads) == (32, 1)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"kind": "gated"}, ["expected tags"]),
        ({"width": 96, "heads": 5}, ["width 96 can't be split into 5 heads"]),
        ({"kind": "interaction", "width": 90}, ["width 90 can't be split into 4 heads"]),
        ({"kind": "attention", "levels": ["feature"]}, ["levels"]),
        ({"kind": "feature", "heads": 2, "mode": "sum"}, ["heads", "'concatenation', 'weighted-sum' or 'gated'"]),
        ({"kind": "hierarchical", "levels": []}, ["one or more of feature, attention, decision"]),
        ({"kind": "hierarchical", "levels": ["decision", "feature"]}, ["each once, from low to high"]),
        (
            {"kind": "hierarchical", "levels": ["late"], "width": 10, "heads": 3},
            ["'feature', 'attention' or 'decision'", "width 10 can't be split into 3 heads"],
        ),
        ({"kind": "interaction", "layers": 0, "width": 0, "heads": 0}, ["layers", "width", "heads"]),
    ],
)
def test_contradictory_settings_are_refused_all_at_once(settings, told):
    with pytest.raises(ValidationError) as refused:
        read(**settings)
    assert refused.value.error_count() == len(told)
    for part in told:
        assert part in str(refused.value)


def test_a_fusion_s_faults_are_told_by_their_place_with_the_nearest_name(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text('[model.fusion]\nkind = "interaction"\nlayer = 3\nheads = 5\n\n[training]\nsead = 1\n')
    with pytest.raises(ConfigError) as refused:
        read_run_config(path)
    assert "has 3 faults" in str(refused.value)
    assert "model.fusion.heads: width 96 can't be split into 5 heads" in str(refused.value)
    told = "model.fusion.layer: there is no such setting here, only kind, width, layers, heads; did you mean 'layers'?"
    assert told in str(refused.value)
    path.write_text('[model.fusion]\nkind = "atention"\n')
    with pytest.raises(ConfigError, match=r"model\.fusion\.kind: there is no kind 'atention'.*'attention'\?"):
        read_run_config(path)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*-fusion.toml")), ids=lambda path: path.stem)
def test_the_committed_fusions_are_built(path):
    assert build_fusion(read_run_config(path).model.fusion, **ENCODERS).width == 96
