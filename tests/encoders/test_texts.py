"""Language encoders of every family: padding, long texts, offsets, and the same numbers as their library's."""

from itertools import pairwise
from typing import Any

import pytest
import torch
import transformers as hf
from families import JOINT, LANGUAGE, LINES, LONG, MINILM, SHORT, Folders, library_tokenizer, sample_pictures
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from builders import tokenizer
from ravlm.encoders.base import Encoder
from ravlm.encoders.joint import JointEncoder
from ravlm.encoders.pictures import stack_pictures
from ravlm.encoders.transformers_language import TransformersLanguageEncoder
from ravlm.encoders.windows import Frame, window_starts
from ravlm.protocols import LanguageEncoder
from ravlm.tensors import TextBatch

POOLED = {
    "bert": "class",
    "roberta": "class",
    "xlm-roberta": "class",
    "modernbert": "class",
    "gpt2": "last",
    "qwen2": "last",
    "t5": "mean",
}
TOWERS = {"clip-reader": "clip", "siglip-reader": "siglip", "siglip2-reader": "siglip2"}
TOWERS |= {"chinese-clip-reader": "chinese_clip"}
WINDOWED = [name for name in LANGUAGE if not name.startswith(("siglip", "compact"))]
CUT = ["siglip-reader", "siglip2-reader", "compact-reader"]
CHINESE = "弗里多尼亚的首都是弗雷德维尔。这个国家的首都是哪里？鸵鸟有四十二只，斑马线在首都。" * 8


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def wider(texts: TextBatch, more: int, filling: int = 0) -> TextBatch:
    """The batch with more columns that are not there."""
    return TextBatch(
        functional.pad(texts.ids, (0, more), value=filling),
        functional.pad(texts.mask, (0, more)),
        functional.pad(texts.offsets, (0, 0, 0, more)),
    )


@pytest.mark.parametrize("name", LANGUAGE)
def test_a_batch_equals_its_texts_alone(folders: Folders, name: str) -> None:
    encoder = folders.encoder(name)
    assert isinstance(encoder, LanguageEncoder)
    assert isinstance(encoder, Encoder)
    texts = [*SHORT, LONG]
    batch = encoder.tokenize(texts)
    together = encoder(batch)
    assert together.tokens.shape == (*batch.ids.shape, encoder.width)
    assert together.pooled.shape == (5, encoder.pooled_width)
    assert torch.equal(together.mask, batch.mask)
    assert together.tokens[together.mask].isfinite().all()
    assert together.pooled.std(0).max() > 1e-2
    for i, text in enumerate(texts):
        alone = encoder(encoder.tokenize([text]))
        close(together.tokens[i][together.mask[i]], alone.tokens[0][alone.mask[0]])
        close(together.pooled[i], alone.pooled[0])


@pytest.mark.parametrize("name", LANGUAGE)
def test_padding_changes_nothing(folders: Folders, name: str) -> None:
    encoder = folders.encoder(name)
    texts = encoder.tokenize(SHORT)
    found = encoder(texts)
    junk = torch.where(texts.mask, texts.ids, texts.ids.max() - texts.ids.flip(0) % 7)
    variants = [TextBatch(junk, texts.mask, texts.offsets), wider(texts, 64 - texts.ids.shape[1])]
    if name != "compact-reader":  # wider than it reads at once, nothing there
        variants.append(wider(texts, encoder.longest, filling=5))
    for variant in variants:
        other = encoder(variant)
        t = texts.ids.shape[1]
        close(other.tokens[:, :t][texts.mask], found.tokens[texts.mask])
        close(other.pooled, found.pooled)


@pytest.mark.parametrize("name", POOLED)
@torch.no_grad()
def test_tokens_are_transformers_s(folders: Folders, name: str) -> None:
    folder = folders.folder(name)
    kind = hf.T5EncoderModel if name == "t5" else hf.AutoModel
    model = kind.from_pretrained(folder).eval()
    library = hf.AutoTokenizer.from_pretrained(folder)
    library.pad_token = library.pad_token or library.eos_token
    inputs = library(SHORT[:3], padding=True, padding_side="right", return_tensors="pt")
    inputs.pop("token_type_ids", None)
    expected = model(**inputs, output_hidden_states=True)
    there = inputs["attention_mask"].bool()
    for layer in (-1, 0, 1):
        encoder = folders.encoder(name) if layer == -1 else folders.fresh(name, layer=layer)
        assert encoder.pooling == POOLED[name]
        texts = encoder.tokenize(SHORT[:3])
        found = encoder(texts)
        tokens = expected.last_hidden_state if layer == -1 else expected.hidden_states[layer + 1]
        assert torch.equal(texts.ids[texts.mask], inputs["input_ids"][there])
        close(found.tokens[texts.mask], tokens[there])
        last = there.sum(1) - 1
        means = torch.stack([row[mask].mean(0) for row, mask in zip(tokens, there, strict=True)])
        pooled = {"class": tokens[:, 0], "last": tokens[torch.arange(3), last], "mean": means}[POOLED[name]]
        close(found.pooled, pooled)


@pytest.mark.parametrize("name", TOWERS)
@torch.no_grad()
def test_tokens_of_a_tower_are_transformers_s(folders: Folders, name: str) -> None:
    folder = folders.folder(name)
    model = hf.AutoModel.from_pretrained(folder).eval()
    filled: Any = {"padding": "max_length", "max_length": 64} if "siglip" in name else {"padding": True}
    inputs = hf.AutoTokenizer.from_pretrained(folder)(SHORT[:3], return_tensors="pt", **filled)
    inputs.pop("token_type_ids", None)
    there = inputs["attention_mask"].bool()
    if "siglip" in name:
        inputs.pop("attention_mask")
    encoder = folders.encoder(name)
    texts = encoder.tokenize(SHORT[:3])
    found = encoder(texts)
    expected = model.text_model(**inputs)
    close(found.tokens[texts.mask], expected.last_hidden_state[there])
    given = model.get_text_features(**inputs)
    close(found.pooled, getattr(given, "pooler_output", given))


@pytest.mark.parametrize("name", JOINT)
@torch.no_grad()
def test_similarity_is_the_model_s_own(folders: Folders, name: str) -> None:
    folder = folders.folder(name)
    encoder: JointEncoder = folders.encoder(name)
    model = hf.AutoModel.from_pretrained(folder).eval()
    filled: Any = {"padding": "max_length", "max_length": 64} if "siglip" in name else {"padding": True}
    texts = hf.AutoTokenizer.from_pretrained(folder)(SHORT[:3], return_tensors="pt", **filled)
    texts.pop("token_type_ids", None)
    if "siglip" in name:
        texts.pop("attention_mask")
    pictures = hf.AutoImageProcessor.from_pretrained(folder)(images=sample_pictures(), return_tensors="pt")
    expected = model(**texts, **pictures).logits_per_image
    pixels = stack_pictures([encoder.visual.preprocess(p) for p in sample_pictures()])
    found = encoder.similarity(*encoder(pixels, encoder.language.tokenize(SHORT[:3])))
    close(found, expected)
    assert found.std() > 1e-2


@torch.no_grad()
def test_minilm_is_the_real_one(folders: Folders) -> None:
    from sentence_transformers import SentenceTransformer

    encoder = folders.encoder("minilm")
    texts = [*SHORT, "A cat sits on the mat.", "A kitten is on the rug.", "Interest rates rose."]
    expected = torch.from_numpy(SentenceTransformer(str(MINILM), device="cpu").encode(texts))
    found = encoder(encoder.tokenize(texts)).pooled
    close(found, expected)
    cat, kitten, rates = found[-3:]
    assert cat @ kitten > 0.5 > 0.2 > cat @ rates


@pytest.mark.parametrize("name", ["bert", "gpt2", "t5", "clip-reader", "minilm", "xlm-roberta"])
@torch.no_grad()
def test_a_text_as_long_as_a_window_is_read_whole(folders: Folders, name: str) -> None:
    whole, narrow = folders.encoder(name), folders.fresh(name, longest=32)
    frame = narrow._frame()
    ids = whole.tokenize([LONG]).ids
    for n, same in [(32, True), (33, False)]:
        end = ids[:, ids.shape[1] - frame.after :] if ids.shape[1] < 64 else whole.tokenize(["a"]).ids[:, :0]
        special = whole.tokenize(["a"])
        k = int(special.mask.sum())
        end = special.ids[:, k - frame.after : k]
        part = torch.cat([ids[:, : n - frame.after], end], dim=1)
        texts = TextBatch(part, torch.ones_like(part, dtype=torch.bool), torch.zeros(1, n, 2, dtype=torch.long))
        expected, found = whole(texts), narrow(texts)
        assert torch.allclose(expected.tokens, found.tokens, atol=1e-5, rtol=1e-5) is same
        assert torch.allclose(expected.pooled, found.pooled, atol=1e-5, rtol=1e-5) is same


@pytest.mark.parametrize("name", ["bert", "gpt2", "t5", "clip-reader", "xlm-roberta"])
@torch.no_grad()
def test_a_long_text_is_its_windows_put_together(folders: Folders, name: str) -> None:
    encoder = folders.fresh(name, longest=32)
    texts = encoder.tokenize([LONG])
    found = encoder(texts)
    frame: Frame = encoder._frame()
    n = int(texts.mask.sum())
    inner = texts.ids[0, frame.before : n - frame.after]
    starts = window_starts(len(inner), frame)
    assert len(starts) > 2
    read = []
    for start in starts:
        part = inner[start : start + frame.room]
        ids = torch.cat([texts.ids[0, : frame.before], part, texts.ids[0, n - frame.after : n]]).unsqueeze(0)
        read.append(encoder(TextBatch(ids, torch.ones_like(ids, dtype=torch.bool), torch.zeros(1, 32, 2).long())))
    for k in range(len(inner)):
        holding = [i for i, start in enumerate(starts) if 0 <= k - start < frame.room]
        left = {i: k - starts[i] for i in holding}
        seen = {i: left[i] if frame.causal else min(left[i], frame.room - 1 - left[i]) for i in holding}
        best = max(holding, key=lambda i: (seen[i], -i))
        close(found.tokens[0, frame.before + k], read[best].tokens[0, frame.before + left[best]])
    alone = torch.cat([window.pooled for window in read])
    expected = {
        "class": alone.mean(0),
        "own": alone.mean(0),
        "last": found.tokens[0, n - 1],
        "mean": found.tokens[0, :n].mean(0),
    }[encoder.pooling]
    close(found.pooled[0], expected)


@pytest.mark.parametrize("name", WINDOWED)
def test_gradients_flow_through_windows(folders: Folders, name: str) -> None:
    encoder = folders.fresh(name, longest=32, trainable="all")
    texts = encoder.tokenize([LONG, "a", ""])
    assert texts.ids.shape[1] > encoder.longest
    found = encoder(texts)
    (found.tokens[found.mask].pow(2).sum() + found.pooled.pow(2).sum()).backward()
    learning = [p for p in encoder.parameters() if p.requires_grad]
    assert learning
    assert all(p.grad is not None and p.grad.isfinite().all() for p in learning)


@pytest.mark.parametrize("name", CUT)
def test_towers_of_one_place_cut(folders: Folders, name: str) -> None:
    encoder = folders.encoder(name)
    texts = encoder.tokenize([LONG, "a"])
    assert texts.ids.shape[1] == encoder.longest == 64
    assert encoder(texts).tokens.shape == (2, 64, encoder.width)


def spans(encoder: Any, text: str) -> list[tuple[int, int]]:
    texts = encoder.tokenize([text])
    found = [(int(a), int(b)) for a, b in texts.offsets[0][texts.mask[0]].tolist()]
    return [(a, b) for a, b in found if b > a]


def check_spans(text: str, found: list[tuple[int, int]]) -> None:
    assert all(0 <= a < b <= len(text) for a, b in found)
    assert all(before[0] <= after[0] and before[1] <= after[1] for before, after in pairwise(found))
    assert all(text[a:b] == text[a:b].strip() for a, b in found)
    covered = {i for a, b in found for i in range(a, b)}
    assert covered == {i for i, letter in enumerate(text) if not letter.isspace()}


OFFSETS = ["bert", "roberta", "gpt2", "qwen2", "xlm-roberta", "t5", "clip-reader", "minilm"]


@pytest.mark.parametrize("name", OFFSETS)
def test_offsets_of_a_long_chinese_text_lead_back_to_it(folders: Folders, name: str) -> None:
    encoder = folders.encoder(name)
    texts = encoder.tokenize([CHINESE])
    assert texts.mask.sum() > 64
    check_spans(CHINESE, spans(encoder, CHINESE))
    assert encoder(texts).tokens.shape[1] == texts.ids.shape[1]


LETTERS = "".join(sorted(set("".join(LINES))))


@pytest.mark.parametrize("name", OFFSETS)
@settings(max_examples=25, deadline=None)
@given(text=st.text(st.sampled_from(LETTERS), max_size=40))
def test_offsets_lead_back_to_the_text(folders: Folders, name: str, text: str) -> None:
    check_spans(text, spans(folders.encoder(name), text))


def test_words_are_found_where_they_stand(folders: Folders) -> None:
    encoder = folders.encoder("gpt2")
    text = " The  capital 首都"
    texts = encoder.tokenize([text])
    words = [library_tokenizer("gpt2").decode([i]) for i in texts.ids[0][texts.mask[0]].tolist()]
    found = [text[a:b] for a, b in texts.offsets[0][texts.mask[0]].tolist()]
    assert [word.strip() for word in words if word.isascii()] == found[: sum(word.isascii() for word in words)]
    assert set("".join(found)) == set("Thecapital首都")


@pytest.mark.parametrize("name", [name for name in LANGUAGE if name not in ("minilm", "compact-reader")])
def test_random_weights_are_built_by_name(name: str) -> None:
    family = LANGUAGE[name]
    torch.manual_seed(0)
    encoder = TransformersLanguageEncoder.from_architecture(
        family.architecture, tokenizer=tokenizer(), **family.options
    )
    found = encoder(encoder.tokenize(SHORT))
    assert found.pooled.shape == (4, encoder.pooled_width)
    assert found.pooled.isfinite().all()
    assert encoder.trainable == "all"


@pytest.mark.parametrize("name", JOINT)
def test_random_towers_are_built_by_name(name: str) -> None:
    encoder = JointEncoder.from_architecture(name, tokenizer=tokenizer(), **JOINT[name].options)
    visual, language = encoder(encoder.visual.example(), encoder.language.tokenize(SHORT))
    assert encoder.similarity(visual, language).shape == (1, 4)


def test_a_pooling_can_be_chosen(folders: Folders) -> None:
    found = {pooling: folders.fresh("bert", pooling=pooling) for pooling in ("class", "mean", "max", "last")}
    texts = found["mean"].tokenize(SHORT[:2])
    tokens, there = found["mean"](texts).tokens[0], texts.mask[0]
    close(found["max"](texts).pooled[0], tokens[there].amax(0))
    close(found["mean"](texts).pooled[0], tokens[there].mean(0))
    close(found["last"](texts).pooled[0], tokens[there][-1])
    close(found["class"](texts).pooled[0], tokens[0])


def test_a_tower_s_own_output_is_not_pooled_from_an_earlier_layer(folders: Folders, tmp_path: Any) -> None:
    folders.encoder("clip-reader").save_pretrained(tmp_path)
    again = TransformersLanguageEncoder.from_pretrained(tmp_path, layer=0)
    plain = folders.fresh("clip-reader", layer=0)
    texts = plain.tokenize(SHORT)
    assert again.pooling == plain.pooling == "mean"
    close(again(texts).pooled, plain(texts).pooled)
