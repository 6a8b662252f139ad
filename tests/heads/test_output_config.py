"""Output layers by their settings: what is refused, all faults at once, before anything loads."""

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError
from transformers import PreTrainedTokenizerFast

from builders import tokenizer
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
        'kind = "generation"\nbeem = 2\n[training.read]\nsteps = -1\n',
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
    words = tokenizer()
    PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(tmp_path)
    size = words.get_vocab_size()
    right = {"model_type": "gpt2", "n_positions": 64, "vocab_size": size, "eos_token_id": size - 1}
    wrong = {
        "longest is 64 tokens; the decoder has 48 places": {"n_positions": 48},
        "its embeddings are not tied": {"tie_word_embeddings": False},
        f"eos_token_id is {size}, which is none of its {size} tokens": {"eos_token_id": size},
        "eos_token_id is None": {"eos_token_id": None},
        f"eos_token_id is 50256, which is none of its {size} tokens": {"eos_token_id": 50_256},
        f"its tokeniser has {size} tokens, and the decoder {size - 1}": {"vocab_size": size - 1, "eos_token_id": 0},
    }
    for told, change in wrong.items():
        (tmp_path / "config.json").write_text(json.dumps(right | change))
        refused = refusal(tmp_path, output.format(tmp_path))
        assert "has 1 fault:" in refused
        assert told in refused
    (tmp_path / "config.json").write_text(json.dumps(right))
    (tmp_path / "right.toml").write_text(output.format(tmp_path))
    assert read_run_config(tmp_path / "right.toml").model.output.kind == "generation"
    for path in tmp_path.glob("tokenizer*"):
        path.unlink()
    every = right | {"n_positions": 48, "tie_word_embeddings": False, "eos_token_id": -1}
    (tmp_path / "config.json").write_text(json.dumps(every))
    refused = refusal(tmp_path, output.format(tmp_path) + "beams = 0\n")
    assert "has 5 faults" in refused
    assert "has no tokeniser that can be read" in refused


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("delta = 0.1\nmax_span = 0", ["max_span", "there is no risk"]),
        ("delta = 0.1\nrisk = 3.0", ["output.risk"]),  # it is there, though refused
        ('kind = "generation"\nrevision = "x"\ndelta = 0.1', ["there is no decoder", "there is no risk"]),
        ('kind = "generation"\nrevision = "x"\nlongest = 1', ["there is no decoder", "longest"]),
        ('kind = "generation"\nheads = 7\nlongest = 1', ["the decoder's 7 heads", "longest"]),
        ('kind = "generation"\nheads = 7\nrevision = "x"', ["the decoder's 7 heads", "there is no decoder"]),
        ('kind = "generation"\nheads = 0', ["output.heads"]),
        ('kind = "generation"\ndecoder = 3\nheads = 2', ["output.decoder", "layers and heads of its own"]),
        ('kind = "classification"\nrevision = "x"', ["output.revision"]),
        ('kind = "generatoin"\nrevision = "x"', ["did you mean 'generation'"]),
    ],
)
def test_contradictions_are_told_once_beside_what_is_wrong_by_itself(tmp_path, output, told):
    width = 90 if "heads = 0" in output else 92  # 90 is no multiple of the default's 4 heads
    refused = refusal(tmp_path, f"[model.fusion]\nwidth = {width}\n[model.output]\n{output}\n")
    assert f"has {len(told)} fault{'s' * (len(told) > 1)}:" in refused
    for part in told:
        assert part in refused
