import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.training.match import contrastive_loss
from ravlm.training.pretrain.config import ClassesConfig, PicturesConfig, TextsConfig, VisualPretraining
from ravlm.training.pretrain.views import permuted
from ravlm.training.pretrain.visual_stages import (
    ClassesStage,
    PicturesStage,
    PictureViews,
    TextsStage,
    cosine_logits,
)

WHOLE = {"least_area": 1.0, "mirror": 0.0, "strength": 0.0, "steps": 4}


CPU = torch.device("cpu")


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def eye() -> CompactVisualEncoder:
    torch.manual_seed(0)
    return CompactVisualEncoder(image_size=32, channels=(4, 8), width=8).eval()


def views(settings: VisualPretraining, labels: list[int]) -> PictureViews:
    pixels = torch.randint(0, 256, (len(labels), 3, 32, 32), dtype=torch.uint8, generator=generator())
    return PictureViews(pixels, torch.tensor(labels), torch.zeros(len(labels), dtype=torch.bool), (32,), settings, CPU)


@given(st.floats(1.0, 40.0), st.floats(0.0, 0.9), st.floats(0.1, 9.0))
def test_the_right_class_has_its_cosine_less_the_margin(scale: float, margin: float, length: float):
    features, weights = length * torch.tensor([[1.0, 0.0, 0.0], [0.0, 3.0, 4.0]]), torch.eye(3) / length
    logits = cosine_logits(features, weights, torch.tensor([0, 1]), scale, margin)
    expected = scale * torch.tensor([[1 - margin, 0.0, 0.0], [0.0, 0.6 - margin, 0.8]])
    assert torch.allclose(logits, expected, atol=1e-4)


def test_classes_that_cannot_be_told_apart_cost_log_n():
    settings = ClassesConfig(batch=6, **WHOLE)
    stage = ClassesStage(eye=eye(), views=views(settings, [0, 1, 2, 3]), classes=4, settings=settings)
    nn.init.ones_(stage.parts["classes"][0])
    assert stage.loss(0, generator()).item() == pytest.approx(math.log(4), abs=1e-5)


def test_a_class_with_its_channels_permuted_is_a_class_of_its_own():
    settings = ClassesConfig(batch=6, permuted=1.0, **WHOLE)
    some = views(settings, [0, 1])
    stage = ClassesStage(eye=eye(), views=some, classes=2, settings=settings)
    weights = stage.parts["classes"][0]
    assert weights.shape == (12, 8)
    drawn = generator()
    places = some.draw(drawn)
    changed, order = permuted(some.look(places, 0, drawn), 1.0, drawn)
    with torch.no_grad():
        cosine = nn.functional.normalize(eye()(changed).pooled, dim=-1) @ nn.functional.normalize(weights, dim=-1).T
    each = (settings.scale * cosine).log_softmax(1)[torch.arange(6), 6 * some.labels[places] + order]
    assert stage.loss(0, generator()).item() == pytest.approx(-each.mean().item(), abs=1e-4)


def test_equal_views_of_a_picture_cost_what_two_batches_of_the_same_keys_do():
    settings = PicturesConfig(batch=4, **WHOLE)
    some = views(settings, [0, 0, 1, 1])
    stage = PicturesStage(eye=eye(), views=some, settings=settings)
    with torch.no_grad():
        keys = eye()(some.pixels).pooled
    expected = contrastive_loss(keys, keys, torch.arange(4), torch.tensor(1 / 0.07))
    assert stage.loss(0, generator()).item() == pytest.approx(expected.item(), abs=1e-3)


def test_pictures_of_one_class_are_no_negatives_where_pairs_are_of_a_class():
    settings = PicturesConfig(batch=3, pairs="classes", **WHOLE)
    stage = PicturesStage(eye=eye(), views=views(settings, [5, 5, 5]), settings=settings)
    assert stage.loss(0, generator()).item() == pytest.approx(0.0, abs=1e-5)


def test_texts_are_those_of_the_picture_s_class():
    settings = TextsConfig(batch=4, width=4, **WHOLE)
    texts = [["red", "a red thing"], ["blue"]]
    tokenizer = train_tokenizer(["red a red thing blue"], 60)
    reader = CompactLanguageEncoder(tokenizer=tokenizer, width=8, layers=1, heads=2, noise=0.0)
    read: list[str] = []
    tokenize = reader.tokenize
    reader.tokenize = lambda said: (read.extend(said), tokenize(said))[1]  # type: ignore[method-assign]
    some = views(settings, [0, 0, 0, 1])
    stage = TextsStage(eye=eye(), language=reader, views=some, texts=texts, settings=settings)
    assert set(stage.parts) == {"visual", "projections", "scale", "language"}
    for step in range(8):
        stage.loss(0, torch.Generator().manual_seed(step)).backward()
    assert read.count("blue") == 8
    assert {"red", "a red thing"} < set(read)
    assert all(p.grad is not None for p in stage.parts["projections"].parameters())
    reader.declare_trainable("none")
    still = TextsStage(eye=eye(), language=reader, views=some, texts=texts, settings=settings)
    assert set(still.parts) == {"visual", "projections", "scale"}
