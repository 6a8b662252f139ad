"""What every encoder promises, whichever library it is of: gradients, modes, folders, cards, fingerprints."""

import json
import shutil
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from families import FAMILIES, JOINT, LANGUAGE, LONG, SHORT, VISUAL, Folders, sample_pictures
from torch import Tensor, nn

from ravlm.encoders.base import Encoder
from ravlm.encoders.choose import KINDS, load_encoder
from ravlm.encoders.joint import JointEncoder
from ravlm.encoders.pictures import stack_pictures
from ravlm.encoders.timm_visual import TimmVisualEncoder
from ravlm.tensors import Encoded

BLOCKS = {  # what the last two blocks are called, and what stands behind the last
    "timm-resnet50": ("layer4.1.", "layer4.2."),
    "timm-inception-v3": ("Mixed_7b.", "Mixed_7c."),
    "timm-inception-v4": ("features.20.", "features.21."),
    "timm-efficientnet": ("blocks.5.3.", "blocks.6.0.", "conv_head.", "bn2."),
    "timm-convnext": ("stages.3.", "stages.3.blocks.1.", "head.norm."),
    "timm-vit": ("blocks.1.", "blocks.2.", "norm."),
    "timm-dinov2": ("blocks.1.", "blocks.2.", "norm."),
    "timm-dinov3": ("blocks.1.", "blocks.2.", "norm."),
    "hf-vit": ("layers.1.", "layers.2.", "layernorm."),
    "hf-dinov2": ("encoder.layer.1.", "encoder.layer.2.", "layernorm."),
    "hf-dinov3": ("model.layer.1.", "model.layer.2.", "norm."),
    "hf-resnet": ("encoder.stages.2.", "encoder.stages.3."),
    "clip-eye": (
        "vision_model.encoder.layers.1.",
        "vision_model.encoder.layers.2.",
        "vision_model.post_layernorm.",
        "visual_projection.",
    ),
    "bert": ("encoder.layer.1.", "encoder.layer.2."),
    "modernbert": ("layers.1.", "layers.2.", "final_norm."),
    "gpt2": ("h.1.", "h.2.", "ln_f."),
    "qwen2": ("layers.1.", "layers.2.", "norm."),
    "t5": ("encoder.block.1.", "encoder.block.2.", "encoder.final_layer_norm."),
    "minilm": ("encoder.layer.4.", "encoder.layer.5."),
    "clip-reader": (
        "text_model.encoder.layers.1.",
        "text_model.encoder.layers.2.",
        "text_model.final_layer_norm.",
        "text_projection.",
    ),
}


def run(encoder: Any, pictures: int = 2) -> list[Encoded]:
    """What an encoder makes of the samples: one output, or one of each tower."""
    if isinstance(encoder, JointEncoder):
        return run(encoder.visual) + run(encoder.language)
    if hasattr(encoder, "tokenize"):
        return [encoder(encoder.tokenize(SHORT))]
    return [encoder(stack_pictures([encoder.preprocess(p) for p in sample_pictures()[:pictures]]))]


def values(encoder: Any) -> list[Tensor]:
    with torch.no_grad():
        return list(chain.from_iterable((found.tokens, found.pooled) for found in run(encoder)))


def total(encoder: Any) -> Tensor:
    return torch.stack([found.tokens.sum() + found.pooled.sum() for found in run(encoder)]).sum()


def frozen_parts(encoder: nn.Module) -> list[nn.Module]:
    found = [part for part in encoder.modules() if list(part.parameters())]
    return [part for part in found if not any(p.requires_grad for p in part.parameters())]


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_are_where_training_is_declared(folders: Folders, name: str) -> None:
    encoder = folders.fresh(name)
    for trainable in ("none", 1, 2, "all"):
        encoder.declare_trainable(trainable)
        encoder.zero_grad(set_to_none=True)
        encoder.train()
        assert not any(part.training for frozen in frozen_parts(encoder) for part in frozen.modules())
        before = {key: value.clone() for key, value in encoder.named_buffers()}
        loss = total(encoder)
        if trainable == "none":
            assert loss.grad_fn is None
            assert not any(p.requires_grad for p in encoder.parameters())
            assert all(torch.equal(value, before[key]) for key, value in encoder.named_buffers())
            continue
        loss.backward()
        learning = {key for key, p in encoder.named_parameters() if p.requires_grad}
        assert learning == {key for key, p in encoder.named_parameters() if p.grad is not None}
        assert all(p.grad.isfinite().all() for p in encoder.parameters() if p.grad is not None)
        changed = {
            key.rpartition(".")[0] for key, value in encoder.named_buffers() if not torch.equal(value, before[key])
        }
        assert changed <= {key.rpartition(".")[0] for key in learning}
        if trainable == "all":
            left = {key.rpartition(".")[2] for key, _ in encoder.named_parameters() if key not in learning}
            assert left <= {"mask_token", "logit_scale", "logit_bias"}
        elif name in BLOCKS:
            prefixes = tuple(f"model.{prefix}" for prefix in BLOCKS[name][2 - trainable :])
            assert learning == {key for key, _ in encoder.named_parameters() if key.startswith(prefixes)}
            assert all(any(key.startswith(prefix) for key in learning) for prefix in prefixes)


@pytest.mark.parametrize("name", ["timm-resnet50", "hf-resnet", "bert", "t5", "compact-reader", "clip"])
def test_what_is_frozen_stays_as_in_evaluation(folders: Folders, name: str) -> None:
    encoder = folders.fresh(name)
    for part in encoder.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.5
    still = values(encoder)
    encoder.train()
    assert all(torch.equal(a, b) for a, b in zip(still, values(encoder), strict=True)) or name == "compact-reader"
    encoder.noise = 0.0
    assert all(torch.equal(a, b) for a, b in zip(still, values(encoder), strict=True))
    encoder.declare_trainable("all")
    encoder.train()
    assert not all(torch.equal(a, b) for a, b in zip(still, values(encoder), strict=True)) or name == "clip"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_saved_encoder_is_loaded_the_same(folders: Folders, name: str, tmp_path: Path) -> None:
    encoder = folders.encoder(name)
    encoder.save_pretrained(tmp_path)
    again = load_encoder(tmp_path, side=None if name in JOINT else "visual" if name in VISUAL else "language")
    assert type(again) is type(encoder)
    assert not again.training
    assert all(torch.equal(a, b) for a, b in zip(values(encoder), values(again), strict=True))
    assert again.fingerprint() == encoder.fingerprint()
    kinds = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert kinds <= {".json", ".safetensors", ".md", ".txt", ".jinja"}


@pytest.mark.parametrize("name", ["timm-vit", "hf-vit", "siglip2-eye", "compact-eye", "bert", "minilm", "clip"])
def test_the_card_tells_what_the_encoder_is(folders: Folders, name: str, tmp_path: Path) -> None:
    encoder = folders.encoder(name)
    encoder.save_pretrained(tmp_path)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "library_name: ravlm" in card
    assert f"kind `{encoder.kind}`" in card
    assert f"`{encoder.fingerprint()}`" in card
    assert f"[b, n, {encoder.width}]" in card
    assert f"[b, {encoder.pooled_width}]" in card
    assert f"{sum(p.numel() for p in encoder.parameters()):,}" in card
    assert str(folders.folder(name)) in card
    told = json.loads(card[card.index("```json") + 7 : card.rindex("```")])
    assert told == json.loads(json.dumps(encoder.settings()))
    about = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["ravlm"]
    assert (about["format"], about["kind"]) == (1, encoder.kind)
    assert KINDS[about["kind"]][1] == type(encoder).__name__


def altered(change: Callable[[Any], None]) -> Callable[[Folders, str], Encoder]:
    def alter(folders: Folders, name: str) -> Encoder:
        encoder: Encoder = folders.fresh(name)
        change(encoder)
        return encoder

    return alter


def nudge(encoder: Encoder) -> None:
    with torch.no_grad():
        next(encoder.parameters()).view(-1)[0] += 1e-3


def another_mean(encoder: Any) -> None:
    if hasattr(encoder, "data"):
        encoder.data["mean"] = (0.1, 0.2, 0.3)
    else:
        encoder.processor.image_mean = [0.1, 0.2, 0.3]


def another_word(encoder: Any) -> None:
    encoder.tokenizer.add_tokens(["zzz"])


def another_side(encoder: Any) -> None:
    encoder.tokenizer.padding_side = "right"


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("siglip2-reader", altered(another_side)),
        ("timm-vit", altered(nudge)),
        ("bert", altered(nudge)),
        ("compact-eye", altered(nudge)),
        ("clip", altered(nudge)),
        ("timm-vit", altered(another_mean)),
        ("hf-vit", altered(another_mean)),
        ("bert", altered(another_word)),
        ("timm-vit", lambda folders, name: folders.fresh(name, layer=0)),
        ("hf-vit", lambda folders, name: folders.fresh(name, layer=0)),
        ("bert", lambda folders, name: folders.fresh(name, layer=0)),
        ("bert", lambda folders, name: folders.fresh(name, pooling="mean")),
        ("bert", lambda folders, name: folders.fresh(name, longest=32)),
    ],
)
def test_the_fingerprint_tells_what_decides_the_output(
    folders: Folders, name: str, other: Callable[[Folders, str], Encoder]
) -> None:
    assert other(folders, name).fingerprint() != folders.encoder(name).fingerprint()


@pytest.mark.parametrize("name", ["timm-vit", "hf-vit", "bert", "clip", "compact-reader"])
def test_the_fingerprint_tells_not_what_learns(folders: Folders, name: str) -> None:
    assert folders.fresh(name, trainable="all").fingerprint() == folders.encoder(name).fingerprint()


@pytest.mark.parametrize("name", ["timm-vit", "hf-vit", "bert"])
def test_an_earlier_layer_is_saved_and_stops_what_learns(folders: Folders, name: str, tmp_path: Path) -> None:
    encoder = folders.fresh(name, layer=-2, trainable=1)
    encoder.save_pretrained(tmp_path)
    again: Any = load_encoder(tmp_path)
    assert again.layer == encoder.layer == 1
    assert all(torch.equal(a, b) for a, b in zip(values(encoder), values(again), strict=True))
    block, behind = (f"model.{prefix}" for prefix in BLOCKS[name][:2])
    learning = [key for key, p in encoder.named_parameters() if p.requires_grad]
    assert learning
    assert all(key.startswith(block) for key in learning)
    assert any(key.startswith(behind) for key, _ in encoder.named_parameters())


def test_there_are_twelve_families_and_more() -> None:
    assert len(VISUAL) + len(LANGUAGE) >= 16
    assert len(LONG) > 200


def test_what_is_pushed_is_the_saved_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, object] = {}

    class Hub:
        """The calls that the mixin makes of the hub's client."""

        def __init__(self, **_: object) -> None: ...

        def create_repo(self, repo_id: str, **_: object) -> SimpleNamespace:
            return SimpleNamespace(repo_id=repo_id)

        def upload_folder(self, *, repo_id: str, folder_path: Path, **_: object) -> str:
            shutil.copytree(folder_path, tmp_path / "pushed")
            sent["to"] = repo_id
            return "done"

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Hub)
    torch.manual_seed(0)
    encoder = TimmVisualEncoder.from_architecture("test_resnet", image_size=32)
    encoder.push_to_hub("owner/eye")
    assert sent["to"] == "owner/eye"
    assert load_encoder(tmp_path / "pushed").fingerprint() == encoder.fingerprint()
    assert encoder.fingerprint() in (tmp_path / "pushed" / "README.md").read_text(encoding="utf-8")
