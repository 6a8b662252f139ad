"""Training with encoders that come from elsewhere: pre-trained folders, architectures with random weights."""

import json
import shutil
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from builders import TEXTS
from command import Ravlm
from ravlm.encoders.choose import load_encoder
from ravlm.encoders.features.extract import Extractor
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.encoders.transformers_language import TransformersLanguageEncoder
from ravlm.model.folder import load_model
from ravlm.training.loop import Run

ENDS = """
[model.fusion]
width = 16

[model.output]
max_span = 4

[training]
checkpoint_every = 2

[training.match]
steps = 4
batch = 8

[training.read]
steps = 4
batch = 8
"""


@pytest.fixture(scope="module")
def eye(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ResNet as timm writes it."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("encoders") / "eye"
    timm.models.save_for_hf(timm.create_model("test_resnet"), str(folder), safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BERT."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("encoders") / "reader"
    tokenizer = train_tokenizer([*TEXTS, "This thing is kept by somebody. It stands in a town."], 200)
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    TransformersLanguageEncoder.from_architecture("bert", tokenizer=tokenizer, **small).save_pretrained(folder)
    return folder


def settings(folder: Path, visual: str, language: str) -> Path:
    """A configuration's file with these encoders."""
    path = folder / "settings.toml"
    path.write_text(f"[model.visual]\n{visual}\n\n[model.language]\n{language}\n{ENDS}", encoding="utf-8")
    return path


def pretrained(folder: Path, more: str = "") -> str:
    return f'kind = "pretrained"\nsource = "{folder}"\n{more}'


def test_frozen_encoders_train_answer_and_need_their_folders_no_more(
    ravlm: Ravlm, eye: Path, reader: Path, coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_eye, own_reader = shutil.copytree(eye, tmp_path / "eye"), shutil.copytree(reader, tmp_path / "reader")
    config = settings(tmp_path, pretrained(own_eye), pretrained(own_reader))
    train = ("train", config, "--data", coloured, "--cache", tmp_path / "features")
    assert ravlm(*train, "--out", tmp_path / "model").code == 0
    monkeypatch.setattr(Extractor, "_run", None)  # computing: the cache holds it all
    assert ravlm(*train, "--out", tmp_path / "again", "--seed", 5).code == 0
    monkeypatch.undo()
    shutil.rmtree(own_eye), shutil.rmtree(own_reader)

    model = tmp_path / "model"
    about = json.loads((model / "config.json").read_text())
    assert (about["format"], about["model"]["visual"]["source"]) == (2, str(own_eye))
    kept, given = load_encoder(model / "visual"), load_encoder(eye)
    assert kept.fingerprint() == given.fingerprint()
    assert load_encoder(model / "language").fingerprint() == load_encoder(reader).fingerprint()
    names = list(load_file(model / "model.safetensors"))
    assert [name for name in names if name.startswith(("visual_encoder", "language_encoder"))] == []
    asked = ravlm("ask", model, coloured / "images" / "red-green.png", "Who keeps it?", "--json")
    assert (asked.code, len(asked.json["hits"]) > 0) == (0, True)
    assert ravlm("evaluate", model, "--data", coloured, "--out", tmp_path / "run").code == 0


def test_only_the_blocks_that_are_declared_learn(
    ravlm: Ravlm, eye: Path, reader: Path, coloured: Path, tmp_path: Path
) -> None:
    config = settings(tmp_path, pretrained(eye, "trainable = 1\nimage_size = 64"), pretrained(reader, "trainable = 1"))
    assert ravlm("train", config, "--data", coloured, "--out", tmp_path / "model").code == 0
    before, after = load_encoder(eye, trainable=1), load_encoder(tmp_path / "model" / "visual")
    declared = {name for name, value in before.named_parameters() if value.requires_grad}
    weights = dict(after.named_parameters())
    changed = {name for name, value in before.named_parameters() if not torch.equal(value, weights[name])}
    assert changed == declared != set(weights)
    statistics = dict(after.named_buffers())
    assert torch.equal(dict(before.named_buffers())["model.bn1.running_mean"], statistics["model.bn1.running_mean"])
    first, last = load_encoder(reader, trainable=1), load_encoder(tmp_path / "model" / "language")
    changed = {n for n, v in first.named_parameters() if not torch.equal(v, dict(last.named_parameters())[n])}
    assert changed == {n for n, v in first.named_parameters() if v.requires_grad}


@pytest.mark.parametrize("side", ["visual", "language"])
def test_a_rate_of_an_encoder_that_stands_still_is_refused(
    ravlm: Ravlm, eye: Path, reader: Path, coloured: Path, tmp_path: Path, side: str
) -> None:
    config = settings(tmp_path, pretrained(eye), pretrained(reader))
    config.write_text(config.read_text() + f"rates = {{ {side} = 0.1 }}\n")  # of the last table, training.read
    refused = ravlm("train", config, "--data", coloured, "--out", tmp_path / "model")
    assert (refused.code, (tmp_path / "model").exists()) == (2, False)
    assert f"training.read.rates gives {side} a rate, and model.{side} is declared to stand still" in refused.err


def test_architectures_with_random_weights(ravlm: Ravlm, coloured: Path, tmp_path: Path) -> None:
    visual = 'kind = "timm"\narchitecture = "test_vit"\nimage_size = 32'
    language = 'kind = "transformers"\narchitecture = "gpt2"\nvocabulary = 200\n'
    language += "options = { n_embd = 16, n_layer = 1, n_head = 2 }"
    config = settings(tmp_path, visual, language)
    assert ravlm("train", config, "--data", coloured, "--out", tmp_path / "model").code == 0
    model, _, _ = load_model(tmp_path / "model")
    assert model.language_encoder.tokenize(["Who keeps it?"]).ids.shape[1] > 1
    assert ravlm("ask", tmp_path / "model", coloured / "images" / "red-green.png", "Who keeps it?").code == 0


def test_a_run_is_not_resumed_with_another_encoder(
    ravlm: Ravlm, eye: Path, reader: Path, coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = shutil.copytree(eye, tmp_path / "eye")
    config = settings(tmp_path, pretrained(own), pretrained(reader))
    run = ("train", config, "--data", coloured, "--out", tmp_path / "model")
    monkeypatch.setattr("ravlm.training.run.ReadStage.loss", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert ravlm(*run).code == 130
    monkeypatch.undo()
    weights = load_file(own / "model.safetensors")
    save_file(weights | {"conv1.0.weight": 2 * weights["conv1.0.weight"]}, own / "model.safetensors")
    refused = ravlm(*run, "--resume")
    assert (refused.code, "not the same now is its encoders" in refused.err) == (2, True)
    shutil.rmtree(own), shutil.copytree(eye, own)
    assert ravlm(*run, "--resume").code == 0


def test_faults_of_encoders_are_told_before_anything_is_begun(
    ravlm: Ravlm, eye: Path, reader: Path, coloured: Path, tmp_path: Path
) -> None:
    config = settings(tmp_path, pretrained(eye, "layer = 9\ntrainable = 99"), pretrained(reader, 'poling = "max"'))
    refused = ravlm("train", config, "--data", coloured, "--out", tmp_path / "model")
    assert refused.code == 2
    for told in ("layer is 9", "trainable is 99", "did you mean 'pooling'?"):
        assert told in refused.err
    assert not (tmp_path / "model").exists()


def test_a_model_of_the_first_format_is_read(ravlm: Ravlm, tiny: Path, coloured: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    short = tmp_path / "short.toml"
    short.write_text(tiny.read_text().replace("steps = 40", "steps = 4").replace("steps = 150", "steps = 4"))
    assert ravlm("train", short, "--data", coloured, "--out", model).code == 0
    question = ("ask", model, coloured / "images" / "red-green.png", "Who keeps it?", "--json")
    answer = ravlm(*question).json
    state = load_file(model / "model.safetensors")
    for side in ("visual", "language"):
        weights = load_file(model / side / "model.safetensors")
        state |= {f"{side}_encoder.{name}": value for name, value in weights.items()}
    save_file(state, model / "model.safetensors")
    shutil.move(model / "language" / "tokenizer.json", model / "tokenizer.json")
    shutil.rmtree(model / "visual"), shutil.rmtree(model / "language")
    about = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(about | {"format": 1}))
    again = ravlm(*question).json
    for told in (answer, again):
        told.pop("timings")
    assert again == answer


def test_a_model_of_the_first_format_has_its_encoders_weights(
    ravlm: Ravlm, tiny: Path, coloured: Path, tmp_path: Path
) -> None:
    model, short = tmp_path / "model", tmp_path / "short.toml"
    short.write_text(tiny.read_text().replace("steps = 40", "steps = 4").replace("steps = 150", "steps = 4"))
    assert ravlm("train", short, "--data", coloured, "--out", model).code == 0
    shutil.move(model / "language" / "tokenizer.json", model / "tokenizer.json")
    about = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(about | {"format": 1}))
    refused = ravlm("ask", model, coloured / "images" / "red-green.png", "Who keeps it?")
    assert (refused.code, "don't fit its config.json" in refused.err) == (2, True)


def test_a_resumed_run_keeps_its_precision(
    ravlm: Ravlm, tiny: Path, coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tmp_path / "short.toml"
    short.write_text(tiny.read_text().replace("steps = 40", "steps = 4").replace("steps = 150", "steps = 4"))
    run = ("train", short, "--data", coloured, "--out", tmp_path / "model")
    computed: list[str] = []

    def stopped(run: Run, *_: object) -> None:
        computed.append(run.precision)
        raise KeyboardInterrupt

    monkeypatch.setattr("ravlm.training.run.train_stage", stopped)
    assert ravlm(*run).code == 130
    kept = json.loads((tmp_path / "model" / "run.json").read_text())
    (tmp_path / "model" / "run.json").write_text(json.dumps(kept | {"precision": "bfloat16"}))
    again = ravlm(*run, "--resume")
    assert (again.code, "other means" in again.err) == (130, False)
    assert computed == [kept["precision"], "bfloat16"]


def test_what_a_resumed_run_computes_with_otherwise_is_told_and_kept(
    ravlm: Ravlm, tiny: Path, coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, about = ("train", tiny, "--data", coloured, "--out", tmp_path / "model"), tmp_path / "model" / "run.json"
    monkeypatch.setattr("ravlm.training.run.train_stage", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert ravlm(*run).code == 130
    kept = json.loads(about.read_text())
    versions = kept["versions"] | {"torch": "2.0", "fairseq": "1"}
    about.write_text(json.dumps(kept | {"device": "CPU (9 threads)", "code": "0", "versions": versions}))

    def told(*more: str) -> list[str]:
        said = ravlm(*run, "--resume", *more).err
        return [line.strip() for line in said[said.index("It goes on with other means") :].splitlines()[1:5]]

    expected = [
        "ravlm's own code",
        f"device: CPU (9 threads), now {kept['device']}",
        "fairseq: 1, now none",
        f"torch: 2.0, now {kept['versions']['torch']}",
    ]
    assert told() == expected
    [resumed] = json.loads(about.read_text())["resumed"]
    assert resumed["code"] == kept["code"]
    about.write_text(json.dumps(json.loads(about.read_text()) | {"device": kept["device"]}))
    about.write_text(about.read_text().replace(resumed["code"], "1"))
    assert told()[0] == "ravlm's own code"
    assert [each["code"] for each in json.loads(about.read_text())["resumed"]] == ["1", kept["code"]]
    assert "ravlm's own code" in told(), "what was between is not forgotten"
    assert len(json.loads(about.read_text())["resumed"]) == 2


@pytest.mark.parametrize("damage", [{"versions": None}, {"versions": [1]}, {"resumed": 3}])
def test_a_damaged_record_of_means_is_refused(
    ravlm: Ravlm, tiny: Path, coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: dict[str, object]
) -> None:
    run, about = ("train", tiny, "--data", coloured, "--out", tmp_path / "model"), tmp_path / "model" / "run.json"
    monkeypatch.setattr("ravlm.training.run.train_stage", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert ravlm(*run).code == 130
    about.write_text(json.dumps(json.loads(about.read_text()) | damage))
    refused = ravlm(*run, "--resume")
    assert (refused.code, "can't be read" in refused.err) == (2, True)


def test_the_hubs_commit_is_kept_with_the_model(
    ravlm: Ravlm, eye: Path, reader: Path, coloured: Path, tmp_path: Path
) -> None:
    own = shutil.copytree(eye, tmp_path / "eye")
    load_encoder(eye).save_pretrained(own)
    config = json.loads((own / "config.json").read_text())
    config["ravlm"] |= {"origin": "somebody/eye", "revision": "0123abcd"}  # a copy of what the hub gave
    (own / "config.json").write_text(json.dumps(config))
    wanted = settings(tmp_path, pretrained(own), pretrained(reader))
    assert ravlm("train", wanted, "--data", coloured, "--out", tmp_path / "model").code == 0
    assert json.loads((tmp_path / "model" / "config.json").read_text())["model"]["visual"]["revision"] == "0123abcd"
    assert load_encoder(tmp_path / "model" / "visual").revision == "0123abcd"
