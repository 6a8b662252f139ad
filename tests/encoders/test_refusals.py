"""What can't be used is refused before weights are read: all faults at once, and the nearest right name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from families import FAMILIES, Folders
from safetensors.torch import load_file, save_file

from builders import tokenizer
from ravlm.encoders.base import read_config
from ravlm.encoders.choose import KINDS, encoder_class, load_encoder
from ravlm.encoders.joint import JointEncoder
from ravlm.encoders.timm_visual import TimmVisualEncoder
from ravlm.encoders.transformers_language import TransformersLanguageEncoder
from ravlm.encoders.transformers_visual import TransformersVisualEncoder
from ravlm.errors import ConfigError, FormatError, PathError

WORDS = {"tokenizer": tokenizer()}


@pytest.mark.parametrize(
    ("build", "architecture", "options", "told"),
    [
        (TimmVisualEncoder, "resnet5", {}, ["'resnet5'", "resnet50"]),
        (TimmVisualEncoder, "resnet50", {"drop_rat": 0.1, "blok": 1}, ["'drop_rat'. Nearest: drop_rate", "'blok'"]),
        (TimmVisualEncoder, "vit_tiny_patch16_224", {"num_heads": 5}, ["sizes don't fit", "num_heads = 5"]),
        (
            TimmVisualEncoder,
            "vit_tiny_patch16_224",
            {"depth": 2, "layer": 7, "trainable": 3},
            ["layer is 7", "trainable is 3"],
        ),
        (TransformersVisualEncoder, "dinov", {}, ["'dinov'", "dinov2"]),
        (
            TransformersVisualEncoder,
            "vit",
            {"hiden_size": 24, "num_layers": 2},
            ["Nearest: hidden_size", "'num_layers'"],
        ),
        (TransformersVisualEncoder, "clip", {"vision_config": {"num_attention_heads": 7}}, ["sizes don't fit", "': 7"]),
        (TransformersVisualEncoder, "vit", {"layer": 12, "trainable": 13}, ["layer is 12", "trainable is 13"]),
        (TransformersLanguageEncoder, "bret", WORDS, ["'bret'", "bert"]),
        (
            TransformersLanguageEncoder,
            "bert",
            {**WORDS, "hiden_size": 24, "num_hidden_layer": 2},
            ["Nearest: hidden_size", "Nearest: num_hidden_layers"],
        ),
        (TransformersLanguageEncoder, "bert", {**WORDS, "num_attention_heads": 7}, ["sizes don't fit"]),
        (
            TransformersLanguageEncoder,
            "gpt2",
            {**WORDS, "layer": 40, "longest": 5, "pooling": "own", "trainable": 0},
            ["layer is 40", "longest is 5", "pooling is 'own'", "trainable is 0"],
        ),
        (JointEncoder, "bert", WORDS, ["'bert'"]),
        (
            JointEncoder,
            "clip",
            {**WORDS, "vision_config": {"hiden_size": 1}, "text_config": {"num_layers": 1}, "projection": 2},
            ["vision_config.hiden_size", "vision_config.hidden_size", "text_config.num_layers", "projection_dim"],
        ),
    ],
)
def test_names_and_sizes_are_refused_all_at_once(build: Any, architecture: str, options: Any, told: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        build.from_architecture(architecture, **options)
    message = str(refused.value)
    assert architecture in message
    assert [part for part in told if part not in message] == []


def forbid_weights(name: str, patch: pytest.MonkeyPatch) -> None:
    """No weights may be read from now on, by whatever door."""

    def read(*_: Any, **__: Any) -> None:
        raise AssertionError("weights were read")

    for kind in KINDS:
        patch.setattr(encoder_class(kind), "load_files", read)
    patch.setattr("safetensors.torch.load_file", read)
    patch.setattr("ravlm.encoders.base.load", read)
    patch.setattr("ravlm.encoders.transformers_parts.load_model", read)
    assert name in FAMILIES


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        (
            "timm-resnet50",
            {"layer": 5, "trainable": 17, "imagesize": 9},
            ["layer is 5", "trainable is 17", "image_size"],
        ),
        ("timm-vit", {"layer": 0, "trainable": 2}, ["trainable is 2"]),
        ("timm-vit", {"layer": -4, "image_size": 33}, ["layer is -4"]),
        ("hf-vit", {"layer": 3, "trainable": 4, "pooling": "mean"}, ["layer is 3", "trainable is 4", "'pooling'"]),
        ("hf-vit", {"layer": 0, "trainable": 2}, ["trainable is 2"]),
        ("siglip2-eye", {"layer": 3, "trainable": 4}, ["layer is 3", "trainable is 4"]),
        (
            "bert",
            {"layer": 3, "longest": 65, "pooling": "own", "trainable": 4, "layr": 1},
            ["layer is 3", "longest is 65", "pooling is 'own'", "trainable is 4", "'layr'. Nearest: layer"],
        ),
        ("bert", {"layer": 0, "trainable": 2}, ["trainable is 2"]),
        ("gpt2", {"pooling": "class", "longest": 15}, ["pooling is 'class'", "longest is 15"]),
        ("clip-reader", {"layer": 0, "pooling": "own"}, ["pooling is 'own'"]),
        ("minilm", {"longest": 513, "trainable": 7}, ["longest is 513", "trainable is 7"]),
        ("clip", {"trainable": 4, "layer": 0}, ["trainable is 4", "'layer'"]),
        ("compact-eye", {"trainable": 4, "layer": 0}, ["trainable is 4", "'layer'"]),
        ("compact-reader", {"trainable": 4, "longest": 9}, ["trainable is 4", "'longest'"]),
    ],
)
def test_options_are_refused_before_weights_are_read(
    folders: Folders, name: str, options: Any, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders.folder(name)
    forbid_weights(name, monkeypatch)
    with pytest.raises(ConfigError) as refused:
        folders.fresh(name, **options)
    assert [part for part in told if part not in str(refused.value)] == []


@pytest.mark.parametrize("name", ["bert", "hf-vit", "timm-vit"])
def test_what_was_saved_counts_when_more_is_asked(
    folders: Folders, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders.fresh(name, layer=0).save_pretrained(tmp_path)
    forbid_weights(name, monkeypatch)
    with pytest.raises(ConfigError, match="trainable is 2"):
        load_encoder(tmp_path, trainable=2)
    rewrite(tmp_path / "config.json", lambda config: config["ravlm"].update(layer=7))
    with pytest.raises(ConfigError, match="layer is 7"):
        load_encoder(tmp_path)


def rewrite(path: Path, change: Callable[[Any], object]) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("bert", lambda c: c.update(hidden_size=28), "(24,), and its configuration says (28,)"),
        ("hf-vit", lambda c: c.update(hidden_size=28), "and its configuration says (28,)"),
        ("clip", lambda c: c["text_config"].update(vocab_size=9), "and its configuration says (9, 24)"),
        ("timm-vit", lambda c: c["model_args"].update(embed_dim=96), "and its configuration says (96,)"),
        ("compact-eye", lambda c: c["ravlm"].update(width=11), "and its configuration says (11,)"),
        ("compact-reader", lambda c: c["ravlm"].update(width=24), "and its configuration says (24,)"),
    ],
)
def test_weights_of_other_shapes_are_refused(
    folders: Folders, name: str, change: Any, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folders.copy(name, tmp_path / "other")
    rewrite(folder / "config.json", change)
    forbid_weights(name, monkeypatch)
    with pytest.raises(ConfigError) as refused:
        load_encoder(folder, trainable=99)
    assert "model.safetensors: " in str(refused.value)
    assert told in str(refused.value)
    assert "trainable is 99" in str(refused.value)


def test_weights_under_names_that_the_library_changes_are_refused_when_read(folders: Folders, tmp_path: Path) -> None:
    folder = folders.copy("hf-vit", tmp_path / "other")
    rewrite(folder / "config.json", lambda config: config.update(intermediate_size=40))
    with pytest.raises(FormatError, match="can't be loaded"):
        load_encoder(folder)


def cut_short(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])


def garbage(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\xff" * 999)


@pytest.mark.parametrize("damage", [cut_short, garbage])
@pytest.mark.parametrize("name", ["bert", "hf-vit", "timm-vit", "clip", "compact-eye", "compact-reader"])
def test_damaged_weights_are_refused(folders: Folders, name: str, damage: Any, tmp_path: Path) -> None:
    folder = folders.copy(name, tmp_path / "other")
    damage(folder)
    with pytest.raises(ConfigError, match=r"model\.safetensors is damaged"):
        load_encoder(folder)


@pytest.mark.parametrize("name", ["bert", "hf-vit", "timm-vit", "clip", "compact-eye"])
def test_pickled_weights_are_never_read(
    folders: Folders, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folders.copy(name, tmp_path / "other")
    weights = load_file(folder / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin")
    load_encoder(folder)
    (folder / "model.safetensors").unlink()
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a pickle was read"))
    with pytest.raises(FormatError, match=r"pytorch_model\.bin, which may hold code and so is never read"):
        load_encoder(folder)
    save_file({"other": torch.zeros(1)}, folder / "other.safetensors")  # something else that is safe
    with pytest.raises(FormatError):
        load_encoder(folder)


@pytest.mark.parametrize("name", ["bert", "hf-vit", "timm-vit", "clip", "compact-eye"])
def test_missing_weights_are_refused(folders: Folders, name: str, tmp_path: Path) -> None:
    folder = folders.copy(name, tmp_path / "other")
    weights = load_file(folder / "model.safetensors")
    first = sorted(key for key in weights if key.endswith(("weight", "bias")))[0]
    save_file(
        {key: value for key, value in weights.items() if key != first}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(FormatError, match=first.partition(".")[2].replace(".", r"\.")):
        load_encoder(folder)


@pytest.mark.parametrize(
    ("config", "error", "told"),
    [
        ("{", FormatError, "no JSON object"),
        ("[1]", FormatError, "no JSON object"),
        ("3", FormatError, "no JSON object"),
        ('{"ravlm": 3}', FormatError, "no JSON object"),
        ('{"ravlm": {"format": 2, "kind": "timm"}}', FormatError, "has format 2; this release reads format 1"),
        ('{"ravlm": {"format": 1, "kind": "tim"}}', FormatError, "Nearest: timm"),
        ('{"ravlm": {"format": 1}}', FormatError, "no kind of encoder"),
        ("{}", FormatError, "no known library"),
        ('{"model_type": "bertt"}', FormatError, "Nearest: bert"),
        ('{"architecture": "resnet51"}', ConfigError, "resnet50"),
        ('{"architecture": 3}', FormatError, "names no architecture of timm"),
        ('{"ravlm": {"format": 1, "kind": "compact-visual"}}', FormatError, "lacks image_size, channels"),
        (None, PathError, "found no config.json"),
    ],
)
def test_a_description_that_is_none_is_refused(
    config: str | None, error: type[Exception], told: str, tmp_path: Path
) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "model.safetensors")
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(error, match=told):
        load_encoder(tmp_path)


def test_bytes_that_are_no_text_are_no_description(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(FormatError, match="no JSON object"):
        read_config(tmp_path)


@pytest.mark.parametrize(("name", "side"), [("bert", "visual"), ("timm-vit", "language"), ("compact-eye", "language")])
def test_the_wrong_side_is_refused(folders: Folders, name: str, side: Any) -> None:
    with pytest.raises(ConfigError, match=f"a {side} one is asked for"):
        load_encoder(folders.folder(name), side=side)


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        (TransformersVisualEncoder, "compact-eye", r"Use ravlm\.load_encoder"),
        (TransformersVisualEncoder, "bert", "no image processor"),
        (TimmVisualEncoder, "bert", "names no architecture of timm"),
        (TransformersLanguageEncoder, "hf-vit", "no tokeniser"),
        (TransformersLanguageEncoder, "timm-vit", "no model type of transformers"),
    ],
)
def test_a_folder_of_another_kind_is_refused(folders: Folders, kind: Any, name: str, told: str) -> None:
    with pytest.raises(FormatError, match=told):
        kind.from_pretrained(folders.folder(name))


@pytest.mark.parametrize("name", ["bert", "clip-reader"])
def test_a_folder_without_tokeniser_is_refused(folders: Folders, name: str, tmp_path: Path) -> None:
    folder = folders.copy(name, tmp_path / "other")
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(FormatError, match="tokeniser"):
        load_encoder(folder, side="language")


def test_a_tokeniser_whose_class_tells_no_offsets_is_read_from_its_file(folders: Folders, tmp_path: Path) -> None:
    folder = folders.copy("siglip-reader", tmp_path / "other")
    rewrite(folder / "tokenizer_config.json", lambda config: config.update(tokenizer_class="SiglipTokenizer"))
    encoder: Any = load_encoder(folder, side="language")
    texts = encoder.tokenize(["The capital"])
    assert torch.equal(texts.ids, folders.encoder("siglip-reader").tokenize(["The capital"]).ids)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(FormatError, match="tokeniser"):
        load_encoder(folder, side="language")


def test_an_image_size_that_does_not_fit_is_refused(folders: Folders) -> None:
    with pytest.raises(ConfigError, match=r"image_size = -7 does not fit(.|\n)*layer is 3"):
        folders.fresh("timm-dinov3", image_size=-7, layer=3)
