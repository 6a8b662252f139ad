"""What encoders look at: attention as the library gives it, in closed forms, and without a change to the encoder."""

from typing import Any

import pytest
import torch
import transformers as hf
from families import LANGUAGE, LONG, MINILM, SHORT, Folders, sample_pictures
from torch import Tensor

from builders import tokenizer
from ravlm.encoders.attention import attention_received, class_attention
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.saliency import place_saliency
from ravlm.encoders.transformers_language import TransformersLanguageEncoder
from ravlm.errors import ConfigError
from ravlm.tensors import TextBatch

MEANS = dict.fromkeys(("timm-resnet50", "hf-resnet", "siglip-eye", "siglip2-eye"), "similarity")
MEANS |= dict.fromkeys(("timm-vit", "timm-dinov2", "timm-dinov3", "hf-vit", "hf-dinov2", "hf-dinov3"), "attention")
MEANS |= {"clip-eye": "attention", "compact-eye": "norms"}
WORDS = "the capital of a small country is far"


def own(texts: TextBatch) -> Tensor:
    """Tokens of the texts themselves."""
    return texts.mask & (texts.offsets[..., 0] < texts.offsets[..., 1])


@pytest.mark.parametrize("name", LANGUAGE)
def test_each_text_shares_one_among_its_own_tokens(name: str, folders: Folders) -> None:
    encoder = folders.encoder(name)
    texts = encoder.tokenize(SHORT)
    received = attention_received(encoder, texts)
    assert received.shape == texts.ids.shape
    assert (received[own(texts)] > 0).all()
    assert not received[~own(texts)].any(), "special tokens and filling get nothing"
    expected = own(texts).any(1).float()  # the empty text has no token of its own
    assert received.sum(1).tolist() == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.parametrize("name", LANGUAGE)
def test_neighbours_in_a_batch_change_nothing(name: str, folders: Folders) -> None:
    encoder = folders.encoder(name)
    together = attention_received(encoder, encoder.tokenize(SHORT))
    for text, row in zip(SHORT, together, strict=True):
        alone = attention_received(encoder, encoder.tokenize([text]))[0]
        n = min(len(alone), len(row))
        torch.testing.assert_close(alone[:n], row[:n], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["bert", "gpt2", "t5", "clip-reader", "siglip2-reader", "compact-reader"])
def test_the_encoder_stays_as_it_is(name: str, folders: Folders) -> None:
    encoder = folders.fresh(name, trainable="all")
    texts = encoder.tokenize(SHORT)
    config = getattr(getattr(encoder, "model", None), "config", None)
    before = encoder(texts), getattr(config, "_attn_implementation", None)
    encoder.train()
    attention_received(encoder, texts)
    assert encoder.training
    encoder.eval()
    assert torch.equal(encoder(texts).tokens, before[0].tokens)
    assert getattr(config, "_attn_implementation", None) == before[1]


@pytest.mark.parametrize("layer", [-1, 1])
def test_parity_with_a_loop_over_the_library_s_attention(layer: int) -> None:
    encoder: Any = TransformersLanguageEncoder.from_pretrained(MINILM, layer=layer)
    texts = encoder.tokenize([WORDS, "Ostriches cross."])
    library: Any = hf.AutoModel.from_pretrained(MINILM, attn_implementation="eager").eval()
    with torch.no_grad():
        given = library(texts.ids, texts.mask.long(), output_attentions=True).attentions[layer].double()
    found = attention_received(encoder, texts)
    for b in range(2):
        places = own(texts)[b].nonzero().flatten().tolist()
        sums = {j: sum(float(given[b, h, i, j]) for h in range(given.shape[1]) for i in places) for j in places}
        total = sum(sums.values())
        assert [float(found[b, j]) for j in places] == pytest.approx([s / total for s in sums.values()], rel=1e-4)


def ask_nothing(encoder: Any) -> None:
    """Make every query vector zero: attention is even then."""
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if any(part in name for part in ("self.query.", "relative_attention_bias", ".q.", "q_proj")):
                parameter.zero_()
            if any(part in name for part in ("c_attn", "query_key_value")):
                width = encoder.width
                (parameter[:, :width] if "c_attn.weight" in name else parameter[:width]).zero_()


@pytest.mark.parametrize("name", ["bert", "roberta", "t5", "gpt2", "qwen2", "clip-reader", "siglip-reader"])
def test_even_attention_makes_all_tokens_alike_in_causal_models_too(name: str, folders: Folders) -> None:
    encoder = folders.fresh(name)
    ask_nothing(encoder)
    texts = encoder.tokenize([WORDS, "a capital"])
    n = own(texts).sum(1, keepdim=True)
    torch.testing.assert_close(attention_received(encoder, texts), own(texts) / n, atol=1e-5, rtol=1e-4)


def test_even_attention_of_the_compact_encoder() -> None:
    torch.manual_seed(0)
    encoder = CompactLanguageEncoder(tokenizer=tokenizer(), width=12, heads=2)
    ask_nothing(encoder)
    texts = encoder.tokenize([WORDS])
    assert attention_received(encoder, texts).tolist()[0] == pytest.approx((own(texts) / own(texts).sum()).tolist()[0])


def test_what_a_token_of_the_compact_encoder_gives_sums_to_one_and_skips_the_filling() -> None:
    torch.manual_seed(0)
    encoder = CompactLanguageEncoder(tokenizer=tokenizer(), width=12, heads=2)
    attention: Any = encoder.layers[0].attention  # type: ignore[union-attr]
    mask = torch.tensor([[True, True, True, False]])
    given = attention.weights(torch.randn(1, 4, 12), mask)
    torch.testing.assert_close(given.sum(-1), torch.ones(1, 2, 4))
    assert not given[..., 3].any()


@pytest.mark.parametrize("name", ["bert", "gpt2", "t5", "chinese-clip-reader"])
def test_a_text_of_several_windows(name: str, folders: Folders) -> None:
    encoder = folders.fresh(name, longest=16)
    texts = encoder.tokenize([LONG, "short", ""])
    assert texts.ids.shape[1] > 3 * 16
    received = attention_received(encoder, texts)
    assert (received[own(texts)] > 0).all()
    assert received.sum(1).tolist() == pytest.approx([1, 1, 0], abs=1e-5)
    alone = attention_received(encoder, encoder.tokenize(["short"]))[0]
    torch.testing.assert_close(received[1, : len(alone)], alone, atol=1e-5, rtol=1e-4)


def test_a_model_without_attention_and_an_encoder_of_pictures_are_refused(folders: Folders) -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 16}
    mixing = TransformersLanguageEncoder.from_architecture("fnet", tokenizer=tokenizer(), **sizes)
    with pytest.raises(ConfigError, match="'fnet' gives no attention between the words"):
        attention_received(mixing, mixing.tokenize(["a"]))
    texts = mixing.tokenize(["a"])
    with pytest.raises(ConfigError, match="TimmVisualEncoder gives no attention between the words"):
        attention_received(folders.encoder("timm-vit"), texts)


@pytest.mark.parametrize("name", MEANS)
def test_every_place_of_a_picture_has_its_share(name: str, folders: Folders) -> None:
    encoder = folders.encoder(name)
    picture = encoder.preprocess(sample_pictures()[0])
    saliency, means = place_saliency(encoder, picture)
    assert means == MEANS[name]
    tokens = encoder(picture.unsqueeze(0))
    there = int(tokens.mask.sum()) - int(getattr(encoder, "prefix_tokens", 0))
    assert saliency.numel() == there
    assert saliency.isfinite().all()
    assert saliency.min() >= 0
    ratio = saliency.shape[0] / saliency.shape[1]
    assert ratio == pytest.approx(picture.shape[1] / picture.shape[2])


@pytest.mark.parametrize("name", [name for name in MEANS if MEANS[name] == "attention"])
def test_what_the_class_token_takes_sums_to_one(name: str, folders: Folders) -> None:
    encoder = folders.encoder(name)
    images = torch.stack([encoder.preprocess(p) for p in sample_pictures()[:2]])
    taken = class_attention(encoder, images)
    assert taken is not None
    assert taken.shape == encoder(images).tokens.shape[:2]
    torch.testing.assert_close(taken.sum(1), torch.ones(2), atol=1e-5, rtol=1e-5)


def test_parity_of_the_class_token_with_the_library(folders: Folders) -> None:
    encoder = folders.encoder("hf-vit")
    images = torch.stack([encoder.preprocess(p) for p in sample_pictures()])
    library: Any = hf.AutoModel.from_pretrained(folders.folder("hf-vit"), attn_implementation="eager").eval()
    with torch.no_grad():
        maps = library(encoder.normalize(images), output_attentions=True).attentions
    taken = class_attention(encoder, images)
    assert taken is not None
    torch.testing.assert_close(taken, maps[-1][:, :, 0].mean(1), atol=1e-6, rtol=1e-5)
    earlier = class_attention(folders.fresh("hf-vit", layer=0), images)
    assert earlier is not None
    torch.testing.assert_close(earlier, maps[0][:, :, 0].mean(1), atol=1e-6, rtol=1e-5)


def test_the_class_token_of_timm_by_its_own_queries_and_keys(folders: Folders) -> None:
    encoder = folders.fresh("timm-vit")
    images = torch.stack([encoder.preprocess(p) for p in sample_pictures()])
    kept: list[Tensor] = []
    attention = encoder.model.blocks[-1].attn
    hook = attention.register_forward_pre_hook(lambda part, inputs: kept.append(inputs[0]))
    encoder(images)
    hook.remove()
    qkv = attention.qkv(kept[0]).unflatten(-1, (3, attention.num_heads, -1))  # [b, n, 3, h, d_k]
    q, k = attention.q_norm(qkv[:, :, 0]), attention.k_norm(qkv[:, :, 1])
    scores = torch.einsum("bhd,bnhd->bhn", q[:, 0], k) * attention.scale
    taken = class_attention(encoder, images)
    assert taken is not None
    torch.testing.assert_close(taken, scores.softmax(-1).mean(1), atol=1e-6, rtol=1e-4)
    assert attention.fused_attn, "the encoder itself still goes the quick way"


def test_a_mean_is_the_sum_of_what_its_places_give(folders: Folders) -> None:
    encoder = folders.encoder("timm-resnet50")
    picture = encoder.preprocess(sample_pictures()[0])
    saliency, _ = place_saliency(encoder, picture)
    pooled = encoder(picture.unsqueeze(0)).pooled[0]
    torch.testing.assert_close(saliency.mean(), pooled.norm(), atol=1e-4, rtol=1e-4)
