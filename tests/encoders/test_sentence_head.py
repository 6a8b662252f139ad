"""Folders of sentence-transformers: read, refused, and written so that it opens them again."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from families import MINILM, SHORT, Folders
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Dense, Normalize, Pooling, Transformer
from torch import nn

from ravlm.encoders.choose import load_encoder
from ravlm.encoders.sentence_head import read_sentence_folder
from ravlm.errors import FormatError, PathError

TEXTS = SHORT[:3]
NEW = {"cls": "class", "mean": "mean", "max": "max", "lasttoken": "last"}
OLD = {
    "cls": "pooling_mode_cls_token",
    "mean": "pooling_mode_mean_tokens",
    "max": "pooling_mode_max_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}


def written(folders: Folders, folder: Path, mode: str, *behind: nn.Module) -> Any:
    """What sentence-transformers writes of the small BERT, and itself."""
    modules = [Transformer(str(folders.folder("bert"))), Pooling(24, mode), *behind]
    torch.manual_seed(1)
    model = SentenceTransformer(modules=modules, device="cpu")
    model.save(str(folder))
    return model


def vectors(encoder: Any) -> np.ndarray:
    with torch.no_grad():
        found: np.ndarray = encoder(encoder.tokenize(TEXTS)).pooled.numpy()
    return found


def close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mode", NEW)
def test_both_forms_of_a_pooling_are_read(folders: Folders, mode: str, tmp_path: Path) -> None:
    model = written(folders, tmp_path, mode)
    expected = model.encode(TEXTS)
    encoder: Any = load_encoder(tmp_path)
    assert encoder.pooling == NEW[mode]
    close(vectors(encoder), expected)
    old = {"word_embedding_dimension": 24} | {key: name == mode for name, key in OLD.items()}
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(old))
    close(vectors(load_encoder(tmp_path)), expected)


@pytest.mark.parametrize(
    ("behind", "width"),
    [
        ([Dense(24, 24)], 24),
        ([Dense(24, 10, activation_function=nn.Identity())], 10),
        ([Dense(24, 10, bias=False), Dense(10, 7, activation_function=nn.ReLU()), Normalize()], 7),
    ],
)
def test_dense_layers_are_read_saved_and_opened_again(
    folders: Folders, behind: list[nn.Module], width: int, tmp_path: Path
) -> None:
    expected = written(folders, tmp_path / "theirs", "mean", *behind).encode(TEXTS)
    encoder: Any = load_encoder(tmp_path / "theirs")
    assert encoder.pooled_width == width == expected.shape[1]
    close(vectors(encoder), expected)
    encoder.save_pretrained(tmp_path / "ours")
    close(SentenceTransformer(str(tmp_path / "ours"), device="cpu").encode(TEXTS), expected)
    again: Any = load_encoder(tmp_path / "ours")
    assert np.array_equal(vectors(again), vectors(encoder))
    assert again.fingerprint() == encoder.fingerprint()
    assert not list((tmp_path / "ours").rglob("*.bin"))


def test_a_plain_language_model_is_saved_for_sentence_transformers_too(folders: Folders, tmp_path: Path) -> None:
    encoder = folders.fresh("gpt2", pooling="mean", longest=32)
    encoder.save_pretrained(tmp_path)
    model = SentenceTransformer(str(tmp_path), device="cpu")
    model.tokenizer.pad_token = model.tokenizer.eos_token
    assert model.max_seq_length == 32
    close(model.encode(TEXTS), vectors(encoder))


def test_dense_layers_learn_with_the_last_block(folders: Folders, tmp_path: Path) -> None:
    written(folders, tmp_path, "mean", Dense(24, 10))
    encoder: Any = load_encoder(tmp_path, trainable=1)
    names = {name for name, p in encoder.named_parameters() if p.requires_grad}
    assert {"head.dense.0.weight", "head.dense.0.bias"} <= names
    assert all(name.startswith(("head.", "model.encoder.layer.2.")) for name in names)


def test_minilm_saved_is_minilm(folders: Folders, tmp_path: Path) -> None:
    encoder = folders.encoder("minilm")
    encoder.save_pretrained(tmp_path)
    saved, real = (SentenceTransformer(str(path), device="cpu") for path in (tmp_path, MINILM))
    assert np.array_equal(saved.encode(TEXTS), real.encode(TEXTS))
    assert saved.max_seq_length == real.max_seq_length == 256


def small(tmp_path: Path) -> Path:
    """The description of MiniLM without its weights."""
    shutil.copytree(MINILM, tmp_path / "other", ignore=shutil.ignore_patterns("*.safetensors", "vocab.txt"))
    return tmp_path / "other"


def listing(*kinds: str, path: str = "x") -> str:
    return json.dumps([{"idx": i, "name": str(i), "path": path, "type": f"a.b.{kind}"} for i, kind in enumerate(kinds)])


@pytest.mark.parametrize(
    ("modules", "told"),
    [
        (listing("Transformer", "Pooling", "LSTM"), "Transformer, Pooling, LSTM"),
        (listing("Transformer"), "lists Transformer"),
        (listing("Pooling", "Transformer"), "lists Pooling"),
        (listing("Transformer", "Pooling", "Normalize", "Dense"), "at the end Normalize"),
        ("{}", "lists"),
        ("[3]", "no list of modules"),
        ('[{"type": "Transformer"}]', "no list of modules"),
        ("3", "no list of modules"),
        ("{", "can't be read"),
    ],
)
def test_other_modules_are_refused(modules: str, told: str, tmp_path: Path) -> None:
    folder = small(tmp_path)
    (folder / "modules.json").write_text(modules)
    with pytest.raises(FormatError, match=told):
        read_sentence_folder(folder)


def test_a_module_outside_its_folder_is_refused(tmp_path: Path) -> None:
    folder = small(tmp_path)
    (folder / "modules.json").write_text(listing("Transformer", "Pooling", path="../elsewhere"))
    with pytest.raises(PathError, match=r"goes up with '\.\.'"):
        read_sentence_folder(folder)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"pooling_mode": "weightedmean"}, "weightedmean"),
        ({"pooling_mode": ["cls", "mean"]}, "cls and mean"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, "cls and mean"),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, "mean_sqrt_len_tokens"),
        ({}, "nothing"),
    ],
)
def test_other_poolings_are_refused(config: Any, told: str, tmp_path: Path) -> None:
    folder = small(tmp_path)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config))
    with pytest.raises(FormatError, match=f"pools by {told}"):
        read_sentence_folder(folder)


@pytest.mark.parametrize("damage", ["pickled", "activation", "shape", "missing"])
def test_dense_layers_that_can_t_be_read_are_refused(folders: Folders, damage: str, tmp_path: Path) -> None:
    written(folders, tmp_path, "mean", Dense(24, 10))
    dense = tmp_path / "2_Dense"
    config = json.loads((dense / "config.json").read_text())
    if damage == "pickled":
        (dense / "model.safetensors").rename(dense / "pytorch_model.bin")
    elif damage == "activation":
        config["activation_function"] = "os.system"
    elif damage == "shape":
        config["out_features"] = 11
    else:
        del config["in_features"]
    (dense / "config.json").write_text(json.dumps(config))
    with pytest.raises(FormatError, match="Dense"):
        load_encoder(tmp_path)
