import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pictures import encoded, noise, picture
from ravlm.device import precision_of
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.encoders.features.cache import FeatureCache
from ravlm.encoders.features.extract import Extractor
from ravlm.encoders.features.loading import longest_of, pixels_of
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.errors import ConfigError, ImageError, PathError, UnknownChoice
from ravlm.safe.images import decode_image
from ravlm.tensors import Encoded, TextBatch

TEXTS = ["an ant", "", "a long text about many ants and bees", "bee", "an ant", "ants and bees", "a bee and an ant"]
PICTURES = [picture(seed) for seed in range(7)]


@pytest.fixture(scope="module")
def visual() -> CompactVisualEncoder:
    torch.manual_seed(0)
    return CompactVisualEncoder(image_size=16, channels=(4, 8), width=8).eval()


@pytest.fixture(scope="module")
def language() -> CompactLanguageEncoder:
    torch.manual_seed(0)
    return CompactLanguageEncoder(tokenizer=train_tokenizer(TEXTS, 80), width=16, layers=1, heads=2).eval()


class Counted(nn.Module):
    """An encoder that notes how many rows it was given at once, and has room for few."""

    def __init__(self, inner: nn.Module, room: int = 1000) -> None:
        super().__init__()
        self.inner, self.room = inner, room
        self.rows: list[int] = []
        self.decoded = 0

    def preprocess(self, image: object) -> Tensor:
        self.decoded += 1
        return self.inner.preprocess(image)  # type: ignore[no-any-return, operator]

    def fingerprint(self) -> str:
        return "counted"

    def forward(self, images: Tensor) -> Encoded:
        self.rows.append(len(images))
        if len(images) > self.room:
            raise torch.OutOfMemoryError("no room")
        return self.inner(images)  # type: ignore[no-any-return]


class Read(Counted):
    preprocess = None  # type: ignore[assignment]

    def __getattribute__(self, name: str) -> object:
        if name == "preprocess":
            raise AttributeError(name)
        return super().__getattribute__(name)

    def tokenize(self, texts: Sequence[str]) -> TextBatch:
        return self.inner.tokenize(texts)  # type: ignore[no-any-return, operator]

    def forward(self, texts: TextBatch) -> Encoded:  # type: ignore[override]
        self.rows.append(len(texts.ids))
        return self.inner(texts)  # type: ignore[no-any-return]


def counter(extractor: Extractor) -> Counted:
    """The copy that computes, from now on."""
    model = extractor._computing._model
    assert isinstance(model, Counted)
    model.rows = []
    return model


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_pictures_come_in_order_whatever_the_batch(visual: CompactVisualEncoder, batch: int) -> None:
    got = list(Extractor(visual, batch=batch, precision="float32").images(PICTURES, tokens=True))
    with torch.no_grad():
        for data, features in zip(PICTURES, got, strict=True):
            pixels = pixels_of(visual, data, [0], "p")
            assert not isinstance(pixels, ImageError)
            alone = visual(pixels[0][None])
            assert torch.allclose(features.pooled, alone.pooled[0], atol=1e-5)
            assert torch.allclose(features.tokens, alone.tokens[0], atol=1e-5)


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_texts_come_in_order_whatever_the_batch(language: CompactLanguageEncoder, batch: int) -> None:
    got = list(Extractor(language, batch=batch, precision="float32").texts(TEXTS, tokens=True))
    with torch.no_grad():
        for text, features in zip(TEXTS, got, strict=True):
            ready = language.tokenize([text])
            alone = language(ready)
            assert torch.allclose(features.pooled, alone.pooled[0], atol=1e-5)
            assert features.tokens is not None
            assert features.tokens.shape[0] == int(ready.mask.sum())
            assert torch.allclose(features.tokens, alone.tokens[0][ready.mask[0]], atol=1e-5)


def test_equal_texts_are_computed_once_and_like_lengths_together(language: CompactLanguageEncoder) -> None:
    extractor = Extractor(Read(language), batch=4)
    model = counter(extractor)
    assert len(list(extractor.texts(TEXTS * 3))) == 21
    assert model.rows == [4, 2]


def test_pictures_are_taken_as_they_are_needed(visual: CompactVisualEncoder) -> None:
    taken = 0

    def sources() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield PICTURES[0]

    stream = Extractor(visual, batch=4).images(sources())
    assert [next(stream) for _ in range(3)]
    assert taken <= 16
    stream.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ravlm-pictures")]


@pytest.mark.parametrize("known", [0, 3, 7])
def test_what_the_cache_has_is_neither_decoded_nor_computed(
    visual: CompactVisualEncoder, tmp_path: Path, known: int
) -> None:
    fresh = [f.pooled for f in Extractor(visual).images(PICTURES)]
    encoder = Counted(visual)
    with FeatureCache(tmp_path / "cache") as cache:
        list(Extractor(encoder, cache=cache).images(PICTURES[::-1][:known]))
        extractor = Extractor(encoder, cache=cache)
        model = counter(extractor)
        encoder.decoded = 0
        got = [f.pooled for f in extractor.images(PICTURES)]
        assert (sum(model.rows), encoder.decoded) == (7 - known, 7 - known)
        again = [f.pooled for f in extractor.images(PICTURES)]
        assert (sum(model.rows), encoder.decoded) == (7 - known, 7 - known)
    assert torch.allclose(torch.stack(got), torch.stack(fresh), atol=1e-5)
    assert torch.equal(torch.stack(got), torch.stack(again))


def test_texts_are_kept_too_and_tokens_apart(language: CompactLanguageEncoder, tmp_path: Path) -> None:
    with FeatureCache(tmp_path / "cache") as cache:
        extractor = Extractor(Read(language), cache=cache)
        model = counter(extractor)
        first = list(extractor.texts(TEXTS))
        assert all(f.tokens is None for f in extractor.texts(TEXTS))
        assert sum(model.rows) == 6
        second = list(extractor.texts(TEXTS, tokens=True))
        assert sum(model.rows) == 12
    assert all(f.tokens is not None for f in second)
    assert torch.allclose(first[0].pooled, second[0].pooled, atol=1e-5)


def test_views_follow_each_picture_and_are_kept_apart(visual: CompactVisualEncoder, tmp_path: Path) -> None:
    with FeatureCache(tmp_path / "cache") as cache:
        plain = [f.pooled for f in Extractor(visual, cache=cache).images(PICTURES)]
        three = Extractor(visual, cache=cache, views=3, batch=2)
        got = [f.pooled for f in three.images(PICTURES)]
        assert cache.info().entries == 21
        assert torch.equal(torch.stack(got), torch.stack([f.pooled for f in three.images(PICTURES)]))
    assert len(got) == 21
    assert torch.equal(torch.stack(got[::3]), torch.stack(plain))
    assert len({tuple(vector.tolist()) for vector in got}) == 21


def test_memory_that_runs_out_halves_the_batch(visual: CompactVisualEncoder) -> None:
    expected = [f.pooled for f in Extractor(visual).images(PICTURES)]
    extractor = Extractor(Counted(visual, room=2), batch=7)
    model = counter(extractor)
    got = [f.pooled for f in extractor.images(PICTURES)]
    assert model.rows == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    assert torch.allclose(torch.stack(got), torch.stack(expected), atol=1e-5)
    hopeless = Extractor(visual, batch=7)
    hopeless._computing._model = Counted(visual, room=0)
    with pytest.raises(torch.OutOfMemoryError):
        list(hopeless.images(PICTURES))


def test_the_first_damaged_picture_ends_the_run_and_is_named(visual: CompactVisualEncoder, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(PICTURES[0])
    bad.write_bytes(PICTURES[1][:200])
    with pytest.raises(ImageError, match=r"bad\.png"):
        list(Extractor(visual).images([good, bad]))
    with pytest.raises(PathError, match=r"gone\.png"):
        list(Extractor(visual).images([good, tmp_path / "gone.png"]))


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_damaged_pictures_are_told_before_what_follows_them(visual: CompactVisualEncoder, batch: int) -> None:
    sources = [b"", PICTURES[0], PICTURES[1][:200], PICTURES[2], b"text"]
    told: list[int] = []
    left = {1: [0], 2: [0, 2]}
    stream = Extractor(visual, batch=batch, views=2).images(sources, damaged=lambda number, _: told.append(number))
    for came, _ in enumerate(stream):
        assert told[: len(left[came // 2 + 1])] == left[came // 2 + 1]
    assert (came, told) == (3, [0, 2, 4])


def test_features_can_be_trained_on_and_are_alone_in_memory(visual: CompactVisualEncoder) -> None:
    first, *_ = Extractor(visual).images(PICTURES)
    head = nn.Linear(8, 1)
    head(first.pooled).sum().backward()
    assert head.weight.grad is not None
    assert first.pooled.untyped_storage().nbytes() == 8 * 4


def test_bfloat16_is_near_float32(visual: CompactVisualEncoder, language: CompactLanguageEncoder) -> None:
    for encoder in (visual, language):
        exact, rough = (Extractor(encoder, precision=precision) for precision in ("float32", "bfloat16"))
        one = exact.images(PICTURES) if encoder is visual else exact.texts(TEXTS)
        other = rough.images(PICTURES, tokens=True) if encoder is visual else rough.texts(TEXTS, tokens=True)
        for a, b in zip(one, other, strict=True):
            assert float(torch.cosine_similarity(a.pooled, b.pooled, dim=0)) > 0.99
            assert (b.pooled.dtype, b.tokens is not None and b.tokens.dtype) == (torch.float32, torch.bfloat16)


def test_the_plan_says_where_and_how(visual: CompactVisualEncoder) -> None:
    plan = Extractor(visual, batch=3, precision="float32", device=torch.device("cpu")).plan
    assert plan.startswith("CPU (")
    assert "in float32, 3 at once, about 0.1 GB" in plan


def test_the_wrong_side_and_wrong_settings_are_refused(
    visual: CompactVisualEncoder, language: CompactLanguageEncoder
) -> None:
    with pytest.raises(ConfigError, match="reads texts, and was given pictures"):
        Extractor(language).images(PICTURES)
    with pytest.raises(ConfigError, match="reads pictures, and was given texts"):
        Extractor(visual).texts(TEXTS)
    with pytest.raises(ConfigError, match="batch is 0"):
        Extractor(visual, batch=0)
    with pytest.raises(UnknownChoice, match="bfloat16"):
        precision_of(torch.device("cpu"), "bfloat")


def test_a_large_jpeg_is_decoded_smaller_and_never_too_small() -> None:
    large = encoded(noise(0, 2000, 1000), "JPEG")
    assert longest_of(large, 100) == 401
    assert longest_of(large, (50, 100)) == 401
    assert longest_of(large, None) is None
    assert longest_of(b"\xff\xd8\xff", 100) is None


def test_a_picture_decoded_smaller_looks_the_same(visual: CompactVisualEncoder) -> None:
    photo = noise(0, 12, 8).resize((1200, 800))
    data = encoded(photo, "JPEG", quality=95)
    pixels = pixels_of(visual, data, [0], "p")
    assert not isinstance(pixels, ImageError)
    whole = visual.preprocess(decode_image(data))
    assert float((pixels[0].float() - whole.float()).abs().mean()) < 1
