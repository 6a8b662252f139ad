"""What an encoder's own attention looks at: which words of a text, which places of a picture; and if it has none."""

import copy
from collections.abc import Callable
from itertools import chain
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ravlm.encoders.compact_language import CompactLanguageEncoder, SelfAttention
from ravlm.encoders.timm_visual import TimmVisualEncoder
from ravlm.encoders.transformers_language import TransformersLanguageEncoder
from ravlm.encoders.transformers_parts import quietly
from ravlm.encoders.transformers_visual import TransformersVisualEncoder
from ravlm.errors import ConfigError
from ravlm.tensors import TextBatch

_REFUSALS = (AttributeError, TypeError, ValueError, NotImplementedError, ImportError)


def attention_received(encoder: nn.Module, texts: TextBatch) -> Float[Tensor, "b t"]:
    """How much of a text's attention each of its tokens gets: what all of them give to it.

    It is the mean over heads in the layer that the encoder's tokens come from. A text's values sum to 1; special tokens
    and filling have 0, neither asking nor asked. Accumulated self-attention (Ding and Luo 2021, AttentionRank), in
    parts of what a token would get were attention even: in a causal model the first tokens are seen by all others and
    the last by none, which says nothing about them.

    The encoder is left as it is: the attention is that of a copy over the same weights, which drops nothing.

    Raises:
        ConfigError: the encoder reads no texts, or its model gives no attention between tokens.
    """
    if not isinstance(encoder, TransformersLanguageEncoder | CompactLanguageEncoder):
        raise ConfigError(
            f"{type(encoder).__name__} gives no attention between the words of a text. Choose a language encoder: "
            "CompactLanguageEncoder, TransformersLanguageEncoder, or plain words instead of attention."
        )
    texts = texts.to(encoder.device)
    mask = texts.mask & (texts.offsets[..., 0] < texts.offsets[..., 1])  # [b, t] the text's own
    with torch.inference_mode():
        if isinstance(encoder, CompactLanguageEncoder):
            received = _received(_of_compact(encoder, texts), mask, texts.mask, causal=False)
        else:
            received = _of_transformers(encoder, texts, mask)
        received = received.float().masked_fill(~mask, 0.0)
    return received / received.sum(1, keepdim=True).clamp(min=torch.finfo(received.dtype).tiny)


def class_attention(encoder: nn.Module, images: Tensor) -> Float[Tensor, "b i"] | None:
    """What the class token takes from each token in the layer that the tokens come from, the mean over heads.

    A row sums to 1 (Caron et al. 2021, DINO, fig. 1). None where the encoder has no class token, or its model gives no
    attention between tokens.

    Args:
        encoder: a visual encoder; it is left as it is.
        images: what it is called with [b, c, y, x].
    """
    with torch.inference_mode():
        if isinstance(encoder, TransformersVisualEncoder) and encoder.class_token and encoder.patches is None:
            found = _of_visual(encoder, images)
        elif isinstance(encoder, TimmVisualEncoder) and encoder.prefix_tokens:
            found = _of_timm(encoder, images)
        else:
            return None
    return None if found is None else found[:, :, 0].mean(1).float()


def _received(
    given: Float[Tensor, "b h t t"], asking: Bool[Tensor, "b t"], mask: Bool[Tensor, "b t"], *, causal: bool
) -> Float[Tensor, "b t"]:
    """What the tokens of `asking` give to each, over what they would were each to give as much to all that it sees."""
    t = mask.shape[1]
    seen = mask[:, None, :].expand(-1, t, -1)  # [b, t, t] of each row, the columns
    if causal:
        seen = seen & torch.ones(t, t, dtype=torch.bool, device=mask.device).tril()
    even = (seen & asking[:, :, None]) / seen.sum(2, keepdim=True).clamp(min=1)
    received = given.mean(1).masked_fill(~asking[:, :, None], 0.0).sum(1)
    return received / even.sum(1).clamp(min=torch.finfo(given.dtype).tiny)


def _of_transformers(
    encoder: TransformersLanguageEncoder, texts: TextBatch, mask: Bool[Tensor, "b t"]
) -> Float[Tensor, "b t"]:
    """As `attention_received`, not summing to 1; a long text's token asks in the window that it is taken from."""
    if texts.ids.shape[1] <= encoder.longest:
        return _received(_map(encoder, texts.ids, texts.mask), mask, texts.mask, causal=encoder.causal)
    windows = encoder.windows(texts)
    inside = torch.zeros_like(windows.mask).flatten()
    inside[windows.place[mask]] = True
    inside = inside.view_as(windows.mask)  # [w, s]
    received = _received(_map(encoder, windows.ids, windows.mask), inside, windows.mask, causal=encoder.causal)
    return windows.together(received.unsqueeze(-1)).squeeze(-1)


def _map(encoder: TransformersLanguageEncoder, ids: Tensor, mask: Tensor) -> Float[Tensor, "b h t t"]:
    """What each token, a row, gives to each in the encoder's layer."""
    t = ids.shape[1]
    apart = copy_of(encoder)
    inputs, shift = encoder.inputs(ids, mask)
    maps = _asked(apart, apart.run, inputs)
    if maps is None:
        raise ConfigError(
            f"{encoder.model.config.model_type!r} gives no attention between the words of a text. Choose another "
            "language encoder (BERT-like, GPT-like, T5), or plain words instead of attention."
        )
    found = maps[encoder.layer]  # [b, h, s, s]
    if shift is not None:
        found = torch.stack([row.roll((-int(n), -int(n)), (-2, -1)) for row, n in zip(found, shift, strict=True)])
    return found[..., :t, :t]


def _of_visual(encoder: TransformersVisualEncoder, images: Tensor) -> Tensor | None:
    """The attention of the encoder's layer [b, h, i, i]."""
    apart = copy_of(encoder)
    run = apart.model.get_image_features if apart.joint else apart.model
    maps = _asked(apart, run, {"pixel_values": apart.normalize(images)})
    return None if maps is None else maps[encoder.layer]


def _of_timm(encoder: TimmVisualEncoder, images: Tensor) -> Tensor | None:
    """The attention of the last block that is run [b, h, i, i], as it comes to its dropout."""
    kept: list[Tensor] = []
    apart = copy_of(encoder)
    for name, part in apart.named_modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = False  # the quick way keeps no weights
        if name.endswith("attn_drop"):
            part.register_forward_pre_hook(lambda part, inputs: kept.append(inputs[0]))
    tokens = apart(images).tokens.shape[1]
    fits = [m for m in kept if m.ndim == 4 and m.shape[2:] == (tokens, tokens)]
    return fits[-1] if fits and getattr(encoder.model, "has_class_token", True) else None


def _of_compact(encoder: CompactLanguageEncoder, texts: TextBatch) -> Float[Tensor, "b h t t"]:
    kept: list[Tensor] = []

    def keep(part: SelfAttention, inputs: tuple[Tensor, Tensor]) -> None:
        kept.append(part.weights(*inputs))

    apart = copy_of(encoder)
    for part in apart.modules():
        if isinstance(part, SelfAttention):
            part.register_forward_pre_hook(keep)
    apart(texts)
    return kept[-1]


def _asked(encoder: Any, run: Callable[..., Any], inputs: dict[str, Tensor]) -> tuple[Tensor, ...] | None:
    """The attention of every layer, each [b, h, s, s]; None where the model has none of this form."""
    try:
        with quietly():
            encoder.model.set_attn_implementation("eager")  # the quick ways keep no weights
        found = run(**inputs, output_attentions=True, return_dict=True)
        maps = tuple(found.attentions)
    except _REFUSALS:
        return None
    b = len(next(iter(inputs.values())))
    square = all(m is not None and m.ndim == 4 and m.shape[0] == b and m.shape[2] == m.shape[3] for m in maps)
    return maps if maps and square else None


def copy_of(encoder: Any) -> Any:
    """A copy with modules and configuration of its own over the same weights, in evaluation mode."""
    shared: list[Any] = [*chain(encoder.parameters(), encoder.buffers())]
    shared += [part for name in ("tokenizer", "processor") if (part := getattr(encoder, name, None)) is not None]
    return copy.deepcopy(encoder, {id(one): one for one in shared}).eval()
