"""Output layers by their settings: what is refused, all faults at once, before anything loads."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from ravlm.errors import ConfigError
from ravlm.model.output_config import OutputConfig
from ravlm.training.config import read_run_config

SETTINGS: TypeAdapter = TypeAdapter(OutputConfig)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"kind": "spans"}, ["expected tags"]),
        ({"delta": 0.1}, ["there is no risk"]),
        ({"risk": 1.5}, ["less than or equal to 1"]),
        ({"kind": "classification", "max_span": 4}, ["max_span"]),
        ({"kind": "regression", "vocabulary": 9, "tolerance": 0.0}, ["vocabulary", "tolerance"]),
        ({"kind": "generation", "decoder": "gpt2", "layers": 3}, ["layers and heads of its own"]),
        ({"kind": "generation", "revision": "main"}, ["there is no decoder"]),
        ({"kind": "generation", "longest": 1, "beams": 0}, ["longest", "beams"]),
    ],
)
def test_contradictory_settings_are_refused_all_at_once(settings, told):
    with pytest.raises(ValidationError) as refused:
        SETTINGS.validate_python(settings)
    assert refused.value.error_count() == len(told)
    for part in told:
        assert part in str(refused.value)


def refusal(tmp_path: Path, text: str) -> str:
    (tmp_path / "wrong.toml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_run_config(tmp_path / "wrong.toml")
    return str(refused.value)


def test_faults_of_all_parts_are_told_together(tmp_path):
    told = refusal(
        tmp_path,
        '[model.visual]\nkind = "timm"\narchitecture = "resnet5O"\n[model.fusion]\nwidth = 90\n[model.output]\n'
        'kind = "generation"\nbeem = 2\n[training.read]\nsteps = 0\n',
    )
    assert "has 4 faults" in told
    assert "model.output.beem: there is no such setting here, only risk, delta, kind, longest, beams," in told
    assert "; did you mean 'beams'?" in told
    assert "model.output: the fusion's width 90 can't be split into the decoder's 4 heads" in told
    assert "model.visual: " in told
    assert "resnet5O" in told
    assert "training.read.steps" in told


def test_a_fusion_whose_width_is_refused_is_told_once(tmp_path):
    told = refusal(tmp_path, '[model.fusion]\nwidth = -1\n[model.output]\nkind = "generation"\nheads = 7\n')
    assert "has 1 fault:" in told


def test_a_fault_of_a_part_hides_no_other(tmp_path):
    told = refusal(tmp_path, '[model.output]\nkind = "generation"\ndelta = 0.1\nheads = 7\n')
    assert "has 2 faults" in told
    assert "can't be split into the decoder's 7 heads" in told
    told = refusal(tmp_path, f'[model.output]\nkind = "generation"\ndecoder = "{tmp_path}/no"\nlayers = 3\n')
    assert "layers and heads of its own" in told
    assert "There is no model" in told
    both = '[model.fusion]\nwidth = 100\nheads = 3\n[model.output]\nkind = "generation"\nheads = 7\n'
    assert "has 2 faults" in refusal(tmp_path, both)


def test_settings_that_are_no_table_are_told_beside_a_seed(tmp_path):
    (tmp_path / "wrong.toml").write_text("training = 3\n")
    with pytest.raises(ConfigError, match="training"):
        read_run_config(tmp_path / "wrong.toml", seed=1)


def test_a_decoder_is_looked_at_before_it_is_loaded(tmp_path):
    output = '[model.output]\nkind = "generation"\ndecoder = "{}"\nlongest = 64\n'
    assert "There is no model" in refusal(tmp_path, output.format(tmp_path / "nowhere"))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    assert "holds a 'bert'; a 'gpt2' can be used" in refusal(tmp_path, output.format(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "gpt2", "n_positions": 48}')
    assert "longest is 64 tokens; the decoder has 48 places" in refusal(tmp_path, output.format(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "gpt2", "n_positions": 64}')
    (tmp_path / "right.toml").write_text(output.format(tmp_path))
    assert read_run_config(tmp_path / "right.toml").model.output.kind == "generation"
