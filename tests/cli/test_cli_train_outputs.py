"""Training with every output layer: from its configuration to an answer."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from coloured_dataset import ASKED, THINGS, TINY, UNSEEN, colours, name, photo
from command import Ravlm
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.model.folder import load_model
from small_dataset import lines_of, write_lines

OUTPUTS = {kind: f'kind = "{kind}"' for kind in ("candidates", "classification", "labels", "regression")}
OUTPUTS["generation"] = 'kind = "generation"\nlongest = 8'
HEAVY = "How heavy is it?"
SEEN = next(thing for thing in THINGS if thing not in UNSEEN)


def weight(thing: str) -> float:
    return 1000.0 + 10 * THINGS.index(thing)


@pytest.fixture(scope="module")
def weighed(coloured: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The coloured things, asked for their weight as well, with a validation split."""
    data = Path(shutil.copytree(coloured, tmp_path_factory.mktemp("weighed") / "data"))
    for split in ("train", "test"):
        lines = lines_of(data / f"{split}.jsonl")
        for line in [line for line in lines if line["id"].endswith("keeper")]:
            asked = {**line, "id": f"{line['id']}-kg", "question": HEAVY, "kind": "number", "evidence": []}
            del asked["answers"]
            lines.append({**asked, "value": weight(line["entries"][0]), "unit": "kg"})
        write_lines(data / f"{split}.jsonl", lines)
    known = [line for line in lines_of(data / "test.jsonl") if line["entries"][0] not in UNSEEN]
    for place, thing in enumerate(THINGS):
        (data / f"images/val-{thing}.png").write_bytes(photo(colours(thing), 20_000 + place))
    shown = [(line, [f"images/val-{line['entries'][0]}.png"]) for line in known]
    write_lines(data / "val.jsonl", [{**line, "id": f"val-{line['id']}", "images": images} for line, images in shown])
    return data


def configured(path: Path, output: str, steps: int = 12) -> Path:
    path.write_text(TINY.replace("steps = 150", f"steps = {steps}") + f"\n[model.output]\n{output}\n")
    return path


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small GPT-2 with its tokeniser, as transformers writes them."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("decoders") / "gpt2"
    texts = [name(n) for n in range(60)]
    tokenizer = train_tokenizer(texts, 120)
    mark = int(tokenizer.get_vocab_size())
    marks = {"unk_token": "[UNK]", "eos_token": "<|endoftext|>"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks)
    fast.save_pretrained(folder)
    sizes: dict[str, Any] = {"n_positions": 16, "n_embd": 16, "n_layer": 1, "n_head": 2, "vocab_size": mark + 1}
    GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=mark, eos_token_id=mark)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", OUTPUTS)
def test_an_output_layer_from_its_configuration_to_an_answer(
    kind: str, ravlm: Ravlm, weighed: Path, tmp_path: Path
) -> None:
    config = configured(tmp_path / "c.toml", OUTPUTS[kind])
    trained = ravlm("train", config, "--data", weighed, "--out", tmp_path / "model")
    assert trained.code == 0, trained.err
    assert "Its confidence was fitted to" in trained.out
    about = json.loads((tmp_path / "model/config.json").read_text())
    assert about["model"]["output"]["kind"] == kind
    calibration = about["training"]["calibration"]
    loaded = load_model(tmp_path / "model")[0].output_layer
    assert (loaded.temperature, loaded.threshold) == (calibration["temperature"], 0.0)
    assert calibration["temperature"] != 1.0
    picture = weighed / f"images/test-{SEEN}-0.png"
    answer = ravlm("ask", tmp_path / "model", picture, HEAVY, "--json").json
    assert 0.0 <= answer["confidence"] <= 1.0
    assert (answer["interval"] is not None) is (kind == "regression")
    run = ravlm("evaluate", tmp_path / "model", "--data", weighed, "--out", tmp_path / "run", "--evidence", "retrieved")
    assert run.code == 0, run.err
    assert ravlm("verify", tmp_path / "run", "--replay", "--data", weighed).code == 0


def test_a_number_is_estimated_with_its_unit_and_interval(ravlm: Ravlm, weighed: Path, tmp_path: Path) -> None:
    config = configured(tmp_path / "c.toml", 'kind = "regression"', steps=100)
    assert ravlm("train", config, "--data", weighed, "--out", tmp_path / "model").code == 0
    told = ravlm("ask", tmp_path / "model", weighed / f"images/test-{SEEN}-0.png", HEAVY)
    value = float(told.out.split()[0].replace(",", ""))
    assert value == pytest.approx(weight(SEEN), rel=0.1)
    assert told.out.split()[1] == "kg"
    low, high = re.search(r"Estimated: nine times in ten between (\S+) and (\S+)\.\n", told.out).groups()
    assert float(low.replace(",", "")) < value < float(high.replace(",", ""))
    assert "It cites nothing" in told.out
    refused = ravlm("ask", tmp_path / "model", weighed / f"images/test-{SEEN}-0.png", HEAVY, "--unit", "kg")
    assert (refused.code, "a RegressionHead, can't keep to one" in refused.err) == (2, True)


def test_a_pre_trained_decoder_writes_and_is_kept_in_the_folder(
    ravlm: Ravlm, weighed: Path, gpt2: Path, tmp_path: Path
) -> None:
    config = configured(
        tmp_path / "c.toml", f'kind = "generation"\ndecoder = "{gpt2}"\nlongest = 8\nbeams = 2', steps=6
    )
    assert ravlm("train", config, "--data", weighed, "--out", tmp_path / "model").code == 0
    picture = weighed / f"images/test-{SEEN}-0.png"
    before = ravlm("ask", tmp_path / "model", picture, ASKED["keeper"], "--json").json
    shutil.move(gpt2, tmp_path / "away")
    try:
        after = ravlm("ask", tmp_path / "model", picture, ASKED["keeper"], "--json").json
    finally:
        shutil.move(tmp_path / "away", gpt2)
    assert {**after, "timings": {}} == {**before, "timings": {}}
    (tmp_path / "model/decoder/config.json").unlink()
    refused = ravlm("ask", tmp_path / "model", picture, ASKED["keeper"])
    assert (refused.code, "decoder" in refused.err) == (2, True)


def test_a_risk_that_validation_can_t_keep_silences_and_one_without_validation_is_refused(
    ravlm: Ravlm, weighed: Path, tmp_path: Path
) -> None:
    config = configured(tmp_path / "c.toml", 'kind = "classification"\nrisk = 0.0\ndelta = 0.001', steps=4)
    trained = ravlm("train", config, "--data", weighed, "--out", tmp_path / "model")
    assert "to keep the risk, it declines them all" in trained.out
    assert "Infinity" not in (tmp_path / "model/config.json").read_text()
    answer = ravlm("ask", tmp_path / "model", weighed / f"images/test-{SEEN}-0.png", HEAVY, "--json").json
    assert answer["abstained"] is True
    data = Path(shutil.copytree(weighed, tmp_path / "data"))
    (data / "val.jsonl").unlink()
    refused = ravlm("train", config, "--data", data, "--out", tmp_path / "other")
    assert (refused.code, (tmp_path / "other").exists()) == (2, False)
    assert "model.output.risk is 0.0" in refused.err
    assert "Add a val.jsonl" in refused.err


def test_regression_without_a_number_to_learn_from_is_refused(ravlm: Ravlm, coloured: Path, tmp_path: Path) -> None:
    config = configured(tmp_path / "c.toml", 'kind = "regression"')
    refused = ravlm("train", config, "--data", coloured, "--out", tmp_path / "model")
    assert (refused.code, (tmp_path / "model").exists()) == (2, False)
    assert "there are 0 that ask for a number" in refused.err


def test_a_question_may_say_what_it_wants(ravlm: Ravlm, trained: Path, coloured: Path) -> None:
    thing = UNSEEN[0]
    ask = ("ask", trained, coloured / f"images/test-{thing}-0.png", ASKED["keeper"])
    keeper, other = name(2 * THINGS.index(thing)), name(2 * THINGS.index(THINGS[0]))
    chosen = ravlm(*ask, "--choice", other, "--choice", keeper, "--json").json
    assert chosen["text"] == keeper
    assert {text for text, _ in chosen["alternatives"]} == {keeper, other}
    assert sum(p for _, p in chosen["alternatives"]) == pytest.approx(1.0)
    number = ravlm(*ask, "--number", "--json").json
    assert number["abstained"] is True


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--choice", "a", "--number"), "Leave one out"),
        (("--choice", "a"), "two or more different answers"),
        (("--choice", "a", "--choice", "a"), "two or more different answers"),
        (("--choice", "a", "--choice", " "), "two or more different answers"),
        (("--choice", "Rome", "--choice", "rome!"), "two or more different answers"),
        (("--choice", "!", "--choice", "?"), "two or more different answers"),
        (("--choice", "a", "--choice", "b", "--unit", "kg"), "Leave one out"),
    ],
)
def test_contradictory_wishes_are_refused(
    options: tuple[str, ...], told: str, ravlm: Ravlm, trained: Path, coloured: Path
) -> None:
    refused = ravlm("ask", trained, coloured / f"images/test-{THINGS[0]}-0.png", ASKED["keeper"], *options)
    assert (refused.code, told in refused.err) == (2, True)
