"""The reference model: configs/reference.toml as it is, with folders where the hub's names lead."""

import json
from pathlib import Path

import pytest
import torch
import transformers as hf
from combinations import ENTRIES, QUESTIONS, Workshop, faults
from safetensors.torch import load_file, save_file
from tokenizers.implementations import BertWordPieceTokenizer

from coloured_dataset import ASKED, article, name
from command import ran
from documents import ROOT
from ravlm.fusion.attention import AttentionFusion
from ravlm.heads.candidates import CandidateHead
from ravlm.model.folder import SIDES, load_model
from ravlm.retrieval.tfidf import TfidfIndex
from ravlm.training.config import RunConfig, read_run_config

REFERENCE = ROOT / "configs" / "reference.toml"
SHORT = """
[training]
precision = "float32"

[training.match]
steps = 2
batch = 8

[training.read]
steps = 2
batch = 4
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds, under the hub's names, a ResNet-50 that sees 64 pixels and a BERT of two layers.

    Weights are random. The files are such as the hub has: with the heads of their first tasks, and of BERT with the
    norms' old names.
    """
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("hub")
    eye, reader = folder / "microsoft" / "resnet-50", folder / "google-bert" / "bert-base-uncased"
    hf.ResNetForImageClassification(hf.ResNetConfig(num_labels=10)).save_pretrained(eye)
    hf.ConvNextImageProcessor(size={"shortest_edge": 64}, crop_pct=0.875).save_pretrained(eye)
    words = BertWordPieceTokenizer()
    texts = [e.text for e in ENTRIES] + [q.question or "" for q in QUESTIONS] + [*ASKED.values()]
    texts += [article(name(2 * i), name(2 * i + 1)) for i in range(30)]
    words.train_from_iterator(texts, vocab_size=400, min_frequency=1, show_progress=False)
    tokenizer = hf.BertTokenizer(vocab=words.get_vocab(), model_max_length=512)
    config = hf.BertConfig(vocab_size=len(tokenizer), num_hidden_layers=2)
    hf.BertForMaskedLM(config).save_pretrained(reader)
    tokenizer.save_pretrained(reader)
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    weights = load_file(reader / "model.safetensors")
    for new, before in old.items():
        weights = {key.replace(new, before): value for key, value in weights.items()}
    save_file(weights, reader / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture
def config(hub: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    """The committed configuration, read where its names lead to these folders."""
    monkeypatch.chdir(hub)
    return read_run_config(REFERENCE)


def test_it_trains_and_answers(
    hub: Path,
    coloured: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(hub)
    short, out = tmp_path / "reference.toml", tmp_path / "model"
    short.write_text(REFERENCE.read_text(encoding="utf-8") + SHORT, encoding="utf-8")
    words = ["ravlm", "train", str(short), "--data", str(coloured), "--out", str(out)]
    assert ran(words, monkeypatch) == 0, capsys.readouterr().err
    capsys.readouterr()
    photo = coloured / "images" / "red-green.png"
    assert ran(["ravlm", "ask", str(out), str(photo), ASKED["keeper"], "--json"], monkeypatch) == 0
    answer = json.loads(capsys.readouterr().out)
    assert {stage for hit in answer["hits"] for stage in hit["scores"]} == {"image", "tfidf"}
    assert sum(answer["weights"].values()) == pytest.approx(1.0)

    model, _, _ = load_model(out)
    parts = ["visual_encoder", "language_encoder", "knowledge_retriever", "fusion_module", "output_layer"]
    assert [part for part, _ in model.named_children()] == parts
    eye, reader = model.visual_encoder.model.config, model.language_encoder.model.config
    assert (eye.model_type, eye.depths, eye.layer_type, model.visual_encoder.pooled_width) == (
        "resnet",
        [3, 4, 6, 3],
        "bottleneck",
        2048,
    )
    assert (reader.model_type, model.language_encoder.width) == ("bert", 768)
    assert isinstance(model.knowledge_retriever.passages, TfidfIndex)
    assert isinstance(model.fusion_module, AttentionFusion)
    assert isinstance(model.output_layer, CandidateHead)


@pytest.mark.parametrize("trainable", ["none", 1, "all"])
def test_its_gradients_are_where_they_belong(config: RunConfig, tmp_path: Path, trainable: str | int) -> None:
    sides = {side: getattr(config.model, side).model_copy(update={"trainable": trainable}) for side in SIDES}
    model = Workshop(tmp_path / "knowledge").assemble(config.model.model_copy(update=sides)).model
    assert faults(model) == []
