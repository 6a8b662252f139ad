"""Visual encoders of every family: shapes, batches, and the same numbers as their library's."""

from typing import Any

import pytest
import timm
import torch
import transformers as hf
from families import VISUAL, Folders, sample_pictures, stir
from torch import Tensor

from ravlm.encoders.base import Encoder
from ravlm.encoders.compact_visual import ResidualBlock
from ravlm.encoders.joint import JointEncoder
from ravlm.encoders.patches import Patches
from ravlm.encoders.pictures import stack_pictures
from ravlm.encoders.timm_visual import TimmVisualEncoder
from ravlm.encoders.transformers_visual import TransformersVisualEncoder
from ravlm.errors import ConfigError
from ravlm.protocols import VisualEncoder

TIMM = [name for name in VISUAL if name.startswith("timm-")]
MAPS = ["timm-resnet50", "timm-inception-v3", "timm-inception-v4", "timm-efficientnet", "timm-convnext"]
OWN = ["hf-vit", "hf-dinov2", "hf-dinov3", "hf-resnet"]
TOWERS = ["clip-eye", "siglip-eye", "siglip2-eye"]


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", VISUAL)
def test_a_batch_equals_its_pictures_alone(folders: Folders, name: str) -> None:
    encoder = folders.encoder(name)
    assert isinstance(encoder, VisualEncoder)
    assert isinstance(encoder, Encoder)
    pixels = [encoder.preprocess(p) for p in sample_pictures()]
    assert all(p.dtype == torch.uint8 for p in pixels)
    if name != "siglip2-eye":
        size = encoder.image_size
        assert {tuple(p.shape) for p in pixels} == {(3, *((size, size) if isinstance(size, int) else size))}
    together = encoder(stack_pictures(pixels))
    assert together.tokens.shape[2] == encoder.width
    assert together.pooled.shape == (4, encoder.pooled_width)
    assert together.tokens.isfinite().all()
    assert together.pooled.std(0).max() > 1e-3
    for i, picture in enumerate(pixels):
        alone = encoder(picture.unsqueeze(0))
        close(together.tokens[i][together.mask[i]], alone.tokens[0][alone.mask[0]])
        close(together.pooled[i], alone.pooled[0])


def test_patches_keep_a_picture_s_shape_and_padding_changes_nothing(folders: Folders) -> None:
    encoder = folders.encoder("siglip2-eye")
    pixels = [encoder.preprocess(p) for p in sample_pictures()]
    assert len({tuple(p.shape) for p in pixels}) > 1
    batch = stack_pictures(pixels)
    found = encoder(batch)
    assert found.mask.sum(1).tolist() == [p.shape[1] * p.shape[2] // 16 for p in pixels]
    wider = torch.nn.functional.pad(batch, (0, 8, 0, 12))
    close(encoder(wider).pooled, found.pooled)
    close(encoder(wider).tokens[found.mask], found.tokens[found.mask])
    junk = torch.where(
        batch[:, 3:] > 0, batch, torch.randint_like(batch, 1, 255) * torch.tensor([1, 1, 1, 0]).view(4, 1, 1)
    )
    close(encoder(junk.to(torch.uint8)).pooled, found.pooled)


def test_patches_put_together_are_the_processor_s(folders: Folders) -> None:
    encoder = folders.encoder("siglip2-eye")
    processor = hf.AutoImageProcessor.from_pretrained(folders.folder("siglip2-eye"))
    made = processor(images=sample_pictures(), return_tensors="pt")
    inputs, mask = encoder.patches.inputs(
        stack_pictures([encoder.preprocess(p) for p in sample_pictures()]), encoder.normalize
    )
    assert torch.equal(inputs["spatial_shapes"], made["spatial_shapes"])
    assert torch.equal(mask, made["pixel_attention_mask"].bool())
    close(inputs["pixel_values"][mask], made["pixel_values"][mask])


def test_patches_of_another_size_are_refused(folders: Folders) -> None:
    with pytest.raises(ConfigError, match="patches of 16 pixels and the model reads 4"):
        Patches.of(hf.Siglip2ImageProcessor(), folders.encoder("siglip2-eye").model.config.vision_config)


def library_input(name: str, folders: Folders) -> tuple[Any, Tensor]:
    model = timm.create_model(f"local-dir:{folders.folder(name)}", pretrained=True).eval()
    transform: Any = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    return model, torch.stack([transform(p) for p in sample_pictures()])


@pytest.mark.parametrize("name", TIMM)
@torch.no_grad()
def test_tokens_are_timm_s(folders: Folders, name: str) -> None:
    encoder = folders.encoder(name)
    model, x = library_input(name, folders)
    features = model.forward_features(x)
    expected = features.flatten(2).transpose(1, 2) if name in MAPS else features
    found = encoder(torch.stack([encoder.preprocess(p) for p in sample_pictures()]))
    close(found.tokens, expected)
    close(found.pooled, model.forward_head(features, pre_logits=True))


@pytest.mark.parametrize("name", ["timm-resnet50", "timm-inception-v4", "timm-convnext", "timm-vit", "timm-dinov3"])
@torch.no_grad()
def test_an_earlier_layer_is_timm_s(folders: Folders, name: str) -> None:
    encoder = folders.fresh(name, layer=1)
    model, x = library_input(name, folders)
    (expected,) = model.forward_intermediates(x, indices=[1], intermediates_only=True)
    found = encoder(torch.stack([encoder.preprocess(p) for p in sample_pictures()]))
    assert found.tokens.shape[2] == encoder.width == expected.shape[1]
    patches = expected.flatten(2).transpose(1, 2)
    close(found.tokens[:, encoder.prefix_tokens :], patches)
    close(found.pooled, found.tokens[:, 0] if encoder.prefix_tokens else patches.mean(1))
    if encoder.prefix_tokens:
        ((_, prefix),) = model.forward_intermediates(x, indices=[1], intermediates_only=True, return_prefix_tokens=True)
        close(found.tokens[:, : encoder.prefix_tokens], prefix)


def library_output(name: str, folders: Folders) -> tuple[Any, Any]:
    """The library's own output on its own processor's full output, every layer of it."""
    folder = folders.folder(name)
    processor = hf.AutoImageProcessor.from_pretrained(folder)
    model = hf.AutoModel.from_pretrained(folder).eval()
    inputs = processor(images=sample_pictures(), return_tensors="pt")
    if name == "hf-dinov3":  # it resizes fractions, and whole numbers travel here
        encoder = folders.encoder(name)
        ours = encoder.normalize(stack_pictures([encoder.preprocess(p) for p in sample_pictures()]))
        assert (ours - inputs["pixel_values"]).abs().max() < 1.01 / 255 / min(processor.image_std)
        inputs["pixel_values"] = ours
    tower = model.vision_model if name in TOWERS else model
    return model, tower(**inputs, output_hidden_states=True)


@pytest.mark.parametrize("name", [*OWN, *TOWERS])
@torch.no_grad()
def test_tokens_are_transformers_s(folders: Folders, name: str) -> None:
    encoder = folders.encoder(name)
    model, expected = library_output(name, folders)
    found = encoder(stack_pictures([encoder.preprocess(p) for p in sample_pictures()]))
    tokens = expected.last_hidden_state
    tokens = tokens.flatten(2).transpose(1, 2) if tokens.ndim == 4 else tokens
    close(found.tokens[found.mask], tokens[found.mask])
    pooled = tokens[:, 0] if name == "hf-vit" else expected.pooler_output.flatten(1)
    close(found.pooled, model.visual_projection(pooled) if name == "clip-eye" else pooled)


@pytest.mark.parametrize("name", [*OWN, *TOWERS])
@torch.no_grad()
def test_an_earlier_layer_is_transformers_s(folders: Folders, name: str) -> None:
    encoder = folders.fresh(name, layer=1)
    _, expected = library_output(name, folders)
    tokens = expected.hidden_states[2]
    tokens = tokens.flatten(2).transpose(1, 2) if tokens.ndim == 4 else tokens
    found = encoder(stack_pictures([encoder.preprocess(p) for p in sample_pictures()]))
    close(found.tokens[found.mask], tokens[found.mask])
    weights = found.mask.unsqueeze(-1).float()
    mean = (found.tokens * weights).sum(1) / weights.sum(1)
    close(found.pooled, found.tokens[:, 0] if encoder.prefix_tokens else mean)


@pytest.mark.parametrize("name", ["timm-resnet50", "timm-inception-v3", "timm-convnext", "timm-dinov3", *OWN, *TOWERS])
def test_random_weights_are_built_by_name(name: str) -> None:
    family = VISUAL[name]
    kind = TimmVisualEncoder if family.library == "timm" else TransformersVisualEncoder
    torch.manual_seed(0)
    encoder: Any = kind.from_architecture(
        family.architecture, **family.options, **({"image_size": family.size} if family.size else {})
    )
    found = encoder(encoder.example())
    assert found.pooled.shape == (1, encoder.pooled_width)
    assert found.pooled.isfinite().all()
    assert encoder.trainable == "all"


def test_the_residual_block_is_timm_s() -> None:
    ours, theirs = ResidualBlock(channels_in=8, channels=8, stride=1).eval(), timm.models.resnet.BasicBlock(8, 8).eval()
    stir(theirs)
    names = {"conv1": "residual.0", "bn1": "residual.1", "conv2": "residual.3", "bn2": "residual.4"}
    state = {f"{names[key.split('.')[0]]}.{key.split('.')[1]}": value for key, value in theirs.state_dict().items()}
    ours.load_state_dict(state)
    x = torch.randn(2, 8, 10, 10)
    close(ours(x), theirs(x))


def test_the_residual_block_with_a_shortcut_is_timm_s() -> None:
    shortcut = timm.models.resnet.downsample_conv(8, 12, kernel_size=1, stride=2)
    theirs = timm.models.resnet.BasicBlock(8, 12, stride=2, downsample=shortcut).eval()
    stir(theirs)
    ours = ResidualBlock(channels_in=8, channels=12, stride=2).eval()
    names = {"conv1": "residual.0", "bn1": "residual.1", "conv2": "residual.3", "bn2": "residual.4"}
    names |= {"downsample.0": "shortcut.0", "downsample.1": "shortcut.1"}
    state = {f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": v for key, v in theirs.state_dict().items()}
    ours.load_state_dict(state)
    x = torch.randn(2, 8, 10, 10)
    close(ours(x), theirs(x))


def test_both_towers_know_each_other_s_space(folders: Folders) -> None:
    encoder: JointEncoder = folders.encoder("clip")
    assert encoder.visual.pooled_width == encoder.language.pooled_width == encoder.pooled_width == 12
