"""A cross-encoder gives what the library that saved it gives."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from families import LINES, MINILM, library_tokenizer, stir
from sentence_transformers import CrossEncoder as TheirCrossEncoder
from tokenizers.implementations import ByteLevelBPETokenizer
from torch import nn

from ravlm.encoders.cross_encoder import CrossEncoder
from ravlm.errors import ConfigError, FormatError, PathError

CPU = torch.device("cpu")
SIZES = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
PAIRS = [
    ("What is the capital of this country?", "The capital of Freedonia is Fredville, a city of 29,743 people."),
    ("What is the capital of this country?", "Zebra crossings."),
    ("这个国家的首都是哪里？", "弗里多尼亚的首都是弗雷德维尔。"),
    ("ostriches", "Ostriches cross. " * 40),
    ("", "the a of in is"),
    ("capital", ""),
]


def saved(folder: Path, labels: int = 1) -> Path:
    tokenizer = library_tokenizer("bert")
    config = hf.BertConfig(
        **SIZES,
        vocab_size=len(tokenizer),
        max_position_embeddings=64,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=labels,
    )
    torch.manual_seed(0)
    model = hf.BertForSequenceClassification(config)
    stir(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("cross"))


@pytest.fixture(scope="module")
def ours(folder: Path) -> CrossEncoder:
    return CrossEncoder.from_pretrained(folder, device=CPU)


def test_parity_with_sentence_transformers(folder: Path, ours: CrossEncoder):
    theirs = TheirCrossEncoder(str(folder), device="cpu")
    logits = torch.tensor(ours.score(PAIRS))
    expected = theirs.predict(PAIRS, activation_fn=nn.Identity(), convert_to_tensor=True)
    assert logits.tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    assert logits.sigmoid().tolist() == pytest.approx(theirs.predict(PAIRS).tolist(), abs=1e-5)
    assert len({round(score, 4) for score in logits.tolist()}) == len(PAIRS), "the model tells the pairs apart"


def test_what_sentence_transformers_saves_is_read(folder: Path, ours: CrossEncoder, tmp_path: Path):
    TheirCrossEncoder(str(folder), device="cpu").save_pretrained(str(tmp_path / "theirs"))
    read = CrossEncoder.from_pretrained(tmp_path / "theirs", device=CPU)
    assert read.score(PAIRS) == pytest.approx(ours.score(PAIRS), abs=1e-6)
    assert (read.origin, read.revision) == (str(tmp_path / "theirs"), None)


def test_neither_order_nor_batches_count(folder: Path, ours: CrossEncoder):
    together = ours.score(PAIRS)
    assert ours.score(PAIRS) == together, "the same every time"
    assert ours.score(PAIRS[::-1])[::-1] == together
    one_by_one = CrossEncoder.from_pretrained(folder, device=CPU, batch=1)
    assert one_by_one.score(PAIRS) == pytest.approx(together, abs=1e-5)
    assert ours.score([]) == []


def test_the_second_text_is_cut_and_the_first_one_only_where_it_leaves_no_room(ours: CrossEncoder):
    question, long = "Ostriches cross zebra crossings", "Zebra naïve façades. " * 30
    assert ours.longest == 64
    assert ours.score([(question, long)]) == ours.score([(question, long + "Fredville " * 30)])
    assert ours.score([(long, "Fredville")]) == ours.score([(long + "capital", "Fredville")])
    assert ours.score([(long, "Fredville")]) != ours.score([(long, "ostriches")]), "it is read beside a long question"
    ids = ours.tokenizer(ours._cut([long])[long], add_special_tokens=False)["input_ids"]
    assert len(ids) == (64 - 3) * 3 // 4


def test_places_of_roberta_begin_behind_the_filling(tmp_path: Path):
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        LINES, vocab_size=320, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], show_progress=False
    )
    written = json.loads(trained.to_str())["model"]
    tokenizer: Any = hf.RobertaTokenizer(vocab=written["vocab"], merges=[tuple(pair) for pair in written["merges"]])
    config = hf.RobertaConfig(
        **SIZES, vocab_size=len(tokenizer), max_position_embeddings=34, pad_token_id=1, num_labels=1
    )
    made = CrossEncoder(hf.RobertaForSequenceClassification(config), tokenizer, device=CPU)
    assert made.longest == 32
    assert len(made.score(PAIRS)) == len(PAIRS)


def test_more_than_one_label_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="has 3 labels, and a cross-encoder that ranks has 1"):
        CrossEncoder.from_pretrained(saved(tmp_path, labels=3))


def test_an_encoder_of_single_texts_is_none(tmp_path: Path):
    shutil.copytree(MINILM, tmp_path / "model")
    with pytest.raises(ConfigError, match="is a BertModel, which has no head that ranks pairs"):
        CrossEncoder.from_pretrained(tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    del config["architectures"]
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="has 2 labels"):
        CrossEncoder.from_pretrained(tmp_path / "model")
    labels = {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
    (tmp_path / "model" / "config.json").write_text(json.dumps(config | labels))
    with pytest.raises(FormatError, match=r"cross-encoder in .* lacks \d+ weights .* classifier"):
        CrossEncoder.from_pretrained(tmp_path / "model")


def test_options_that_do_not_fit_are_refused(folder: Path):
    for options in ({"longest": 65}, {"longest": 8}, {"batch": 0}):
        with pytest.raises(ConfigError, match="this model reads 16 to 64 tokens"):
            CrossEncoder.from_pretrained(folder, device=CPU, **options)
    shorter = CrossEncoder.from_pretrained(folder, device=CPU, longest=20)
    assert shorter.longest == 20


def test_a_folder_without_a_model_or_with_a_pickled_one_is_refused(folder: Path, tmp_path: Path):
    with pytest.raises(PathError):
        CrossEncoder.from_pretrained(tmp_path)
    shutil.copytree(folder, tmp_path / "pickled")
    (tmp_path / "pickled" / "model.safetensors").rename(tmp_path / "pickled" / "pytorch_model.bin")
    with pytest.raises(FormatError, match="never read"):
        CrossEncoder.from_pretrained(tmp_path / "pickled")
    shutil.copytree(folder, tmp_path / "damaged")
    (tmp_path / "damaged" / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(FormatError, match="can't be loaded"):
        CrossEncoder.from_pretrained(tmp_path / "damaged")
