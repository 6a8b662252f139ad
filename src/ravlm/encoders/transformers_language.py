"""Language encoders of transformers: BERT and GPT and their kin, T5's encoder, text towers, sentence encoders."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, Num
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_MASKED_LM_MAPPING_NAMES

from ravlm.encoders.base import Encoder, Trainable, write_config
from ravlm.encoders.faults import named, option_faults, refuse, shape_faults
from ravlm.encoders.layers import LAST, check_layer
from ravlm.encoders.sentence_head import (
    POOLINGS,
    Pooling,
    SentenceFolder,
    SentenceHead,
    read_sentence_folder,
    write_sentence_folder,
)
from ravlm.encoders.tokenizer import MULTIPLE
from ravlm.encoders.transformers_parts import (
    VISUAL_SIDE,
    build_model,
    built_from,
    is_joint,
    known_types,
    layer_blocks,
    load_model,
    outline,
    save_library_files,
    transformers_faults,
    without,
)
from ravlm.encoders.transformers_tokenizer import as_library_tokenizer, load_tokenizer, spoken
from ravlm.encoders.windows import Frame, Windows, cut
from ravlm.errors import ConfigError, FormatError
from ravlm.tensors import Encoded, TextBatch, masked_mean

_PADDED = ("siglip", "siglip2")  # trained with every text filled up to the same length, the filling read like text
_CAUSAL_TOWERS = ("clip", "metaclip_2")
_UNBOUNDED = 512  # tokens a window, where a model has no bound of its own
_AT_ONCE = 32  # windows
_FEWEST = 16  # tokens a window


class TransformersLanguageEncoder(Encoder):
    """A text model of transformers, or the text tower of a joint one.

    Tokens are those of the last layer, special ones included, `pooled` is made of them by family: BERT-like models give
    the class token, GPT-like ones the last token, T5's encoder and models without a class token the mean, text towers
    their own output in the space of both towers, sentence-transformers folders what they say.

    A text of more than `longest` tokens is read in windows that overlap by a quarter: each token is taken from the
    window in which it sees most, a class token (and a tower's own output) is the mean over the windows. SigLIP's text
    tower alone cuts, since the place that it pools from is fixed.

    Args:
        model: a model of transformers that takes `input_ids`; the image tower of a joint one is taken away.
        tokenizer: its tokeniser, of the kind that tells offsets ("fast").
        pooling: in place of the family's.
        layer: -1 for the model's end; else the layer after which the tokens are taken, from 0, or from the end with -2
            and below.
        longest: tokens read at once, at most as many as the model has places.
        head: what follows the pooling.
        trainable: which weights learn: "none", "all", or the last n layers.

    Raises:
        ConfigError: there is no such layer or place, or the pooling does not fit.
        FormatError: the tokeniser tells no offsets.
    """

    kind = "transformers-language"
    OPTIONS = ("pooling", "layer", "longest", "trainable")

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        *,
        pooling: Pooling | None = None,
        layer: int = LAST,
        longest: int | None = None,
        head: SentenceHead | None = None,
        trainable: Trainable = "none",
    ) -> None:
        super().__init__()
        if not getattr(tokenizer, "is_fast", False):
            raise FormatError(
                f"The tokeniser {type(tokenizer).__name__} tells no offsets, which citations need. Give a folder with "
                "a tokenizer.json."
            )
        config: Any = model.config
        self.joint = is_joint(config)
        self.model: Any = without(model, VISUAL_SIDE) if self.joint else model
        self.tokenizer = tokenizer
        inner = config.text_config if self.joint else config
        self.layer = check_layer(layer, int(inner.num_hidden_layers))
        self.width = int(inner.hidden_size)
        self.pooling = self._pooling(pooling, config)
        self.padded = config.model_type in _PADDED
        self.longest = self._longest(longest, inner)
        self.head = head or SentenceHead([], normalize=False)
        projected = getattr(config, "projection_dim", None) or getattr(inner, "projection_size", None)
        own = int(projected) if self.pooling == "own" and projected else self.width
        self.pooled_width = self.head.width or own
        masked = config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES
        causal = config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and not masked
        self.causal = causal or config.model_type in _CAUSAL_TOWERS
        self.pad = int(next(t for t in (tokenizer.pad_token_id, tokenizer.eos_token_id, 0) if t is not None))
        self.declare_trainable(trainable)

    @classmethod
    def from_architecture(
        cls,
        architecture: str,
        *,
        tokenizer: Tokenizer | PreTrainedTokenizerFast,
        pooling: Pooling | None = None,
        layer: int = LAST,
        longest: int | None = None,
        trainable: Trainable = "all",
        **options: Any,
    ) -> "TransformersLanguageEncoder":
        """A model type of transformers (`bert`, `gpt2`, ...) with random weights.

        `tokenizer` may be one of the `tokenizers` library, as `train_tokenizer` makes. `options` are those of the
        model's configuration, such as `hidden_size`; the vocabulary's size is the tokeniser's.

        Raises:
            ConfigError: there is no such model type, or an option has no such name or does not fit; all at once.
        """
        made = as_library_tokenizer(tokenizer) if isinstance(tokenizer, Tokenizer) else tokenizer
        own: dict[str, Any] = {"pooling": pooling, "layer": layer, "longest": longest, "trainable": trainable}
        faults = cls.architecture_faults(architecture, own, options, made)
        refuse(f"The encoder {architecture!r} can't be built", faults)
        model = build_model(architecture, spoken(architecture, options, made), text=True)
        return cls(model, made, **own).eval()

    @classmethod
    def architecture_faults(
        cls,
        architecture: str,
        own: Mapping[str, Any],
        options: Mapping[str, Any],
        tokenizer: PreTrainedTokenizerFast,
    ) -> list[str]:
        """All that `from_architecture` would refuse, `own` being the encoder's options and `options` the model's."""
        options = spoken(architecture, options, tokenizer)
        faults = transformers_faults(architecture, options, known_types(visual=False))
        if faults:
            return faults
        with torch.device("meta"):
            model = build_model(architecture, options, text=True)
        wrong, others = _pooling_faults(own)
        return wrong + option_faults(lambda given: cls(model, tokenizer, **given), others)

    def tokenize(self, texts: Sequence[str]) -> TextBatch:
        """Texts as token ids [b, t] with their offsets; an empty text is one token of filling."""
        found = self.tokenizer(
            list(texts),
            return_offsets_mapping=True,
            return_attention_mask=False,
            return_token_type_ids=False,
            truncation=self.padded,
            max_length=self.longest if self.padded else None,
            verbose=False,
        )
        rows = [row or [self.pad] for row in found["input_ids"]]
        longest = max((len(row) for row in rows), default=1)
        width = -(-longest // MULTIPLE) * MULTIPLE  # few shapes: kernels are made anew for each
        width = width if longest > self.longest else min(width, self.longest)
        ids = torch.full((len(rows), width), self.pad)
        mask = torch.zeros(len(rows), width, dtype=torch.bool)
        offsets = torch.zeros(len(rows), width, 2, dtype=torch.long)
        for i, (row, text) in enumerate(zip(rows, texts, strict=True)):
            ids[i, : len(row)], mask[i, : len(row)] = torch.tensor(row), True
            spans = [_trimmed(text, a, b) for a, b in found["offset_mapping"][i]]
            if spans:
                offsets[i, : len(spans)] = torch.tensor(spans)
        return TextBatch(ids, mask, offsets)

    def forward(self, texts: TextBatch) -> Encoded:
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.learns):
            if texts.ids.shape[1] <= self.longest:
                tokens, own = self._read(texts.ids, texts.mask)
                return Encoded(tokens, texts.mask, self.head(self._pool(tokens, texts.mask, own)))
            windows = self.windows(texts)
            read = [
                self._read(ids, mask)
                for ids, mask in zip(
                    torch.split(windows.ids, _AT_ONCE), torch.split(windows.mask, _AT_ONCE), strict=True
                )
            ]
            apart = torch.cat([tokens for tokens, _ in read])  # [w, s, l]
            tokens = windows.together(apart)  # [b, t, l]
            if self.pooling in ("class", "own"):
                own = torch.cat([own for _, own in read if own is not None]) if self.pooling == "own" else None
                pooled = windows.mean(self._pool(apart, windows.mask, own))
            else:
                pooled = self._pool(tokens, texts.mask, None)
            return Encoded(tokens, texts.mask, self.head(pooled))

    def _read(self, ids: Int[Tensor, "b t"], mask: Bool[Tensor, "b t"]) -> tuple[Tensor, Tensor | None]:
        """Tokens [b, t, l] and the model's own pooled output."""
        inputs, shift = self.inputs(ids, mask)
        found = self.run(**inputs, output_hidden_states=self.layer != LAST, return_dict=True)
        tokens = found.last_hidden_state if self.layer == LAST else found.hidden_states[self.layer + 1]
        tokens = tokens if shift is None else _rolled(tokens, -shift)
        return tokens[:, : ids.shape[1]], getattr(found, "pooler_output", None)

    def inputs(
        self, ids: Int[Tensor, "b t"], mask: Bool[Tensor, "b t"]
    ) -> tuple[dict[str, Tensor], Int[Tensor, " b"] | None]:
        """What the model is run with, and by how much each text is moved on in it where it is filled from the left."""
        ids = ids.masked_fill(~mask, self.pad)
        if not self.padded:
            return {"input_ids": ids, "attention_mask": mask.long()}, None
        filled = nn.functional.pad(ids, (0, self.longest - ids.shape[1]), value=self.pad)
        if self.tokenizer.padding_side != "left":
            return {"input_ids": filled}, None
        shift = self.longest - mask.sum(1)  # [b]
        return {"input_ids": _rolled(filled.unsqueeze(-1), shift).squeeze(-1)}, shift

    @property
    def run(self) -> Callable[..., Any]:
        """The model, or of a joint one its text tower."""
        found: Callable[..., Any] = self.model.get_text_features if self.joint else self.model
        return found

    def _pool(
        self, tokens: Float[Tensor, "b t l"], mask: Bool[Tensor, "b t"], own: Tensor | None
    ) -> Float[Tensor, "b p"]:
        if self.pooling == "own" and own is not None:
            return own
        if self.pooling == "class":
            return tokens[:, 0]
        if self.pooling == "last":
            return tokens[torch.arange(len(tokens)), mask.sum(1) - 1]
        if self.pooling == "max":
            lowest = torch.finfo(tokens.dtype).min
            return tokens.masked_fill(~mask.unsqueeze(-1), lowest).amax(1)
        return masked_mean(tokens, mask)

    def windows(self, texts: TextBatch) -> Windows:
        """The windows in which texts of more than `longest` tokens are read."""
        return cut(texts, self._frame())

    def _frame(self) -> Frame:
        """How windows are framed: by the special tokens that the tokeniser puts around a text."""
        special = self.tokenizer("a", return_special_tokens_mask=True)["special_tokens_mask"]
        before = special.index(0) if 0 in special else len(special)
        after = special[::-1].index(0) if 0 in special else 0
        return Frame(self.longest, before, after, self.causal)

    def _pooling(self, asked: Pooling | None, config: Any) -> Pooling:
        faults = [] if asked is None else named("pooling", asked, POOLINGS)
        if faults:
            raise ConfigError(faults[0].strip())
        if asked == "own" and not (self.joint and self.layer == LAST):
            raise ConfigError(
                "pooling is 'own', which text towers alone have, at their end. Choose class, mean, max or last."
            )
        has_class = self.tokenizer.cls_token is not None
        if asked == "class" and not has_class and not self.joint:
            raise ConfigError("pooling is 'class', and the tokeniser has no class token. Choose mean, max or last.")
        if asked is not None:
            return asked
        if self.joint:
            return "own" if self.layer == LAST else "mean"
        masked = config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES
        causal = config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
        if causal and not masked:
            return "last"
        return "class" if has_class and masked else "mean"

    def _longest(self, asked: int | None, config: Any) -> int:
        """Tokens read at once: as asked, else as many as there are places; no more than these."""
        places = getattr(config, "max_position_embeddings", None)
        for name, part in self.model.named_modules():
            if name.endswith("position_embeddings") and getattr(part, "padding_idx", None) is not None:
                places = part.num_embeddings - part.padding_idx - 1  # RoBERTa's places begin behind the filling's
        most = min(int(places or _UNBOUNDED), int(self.tokenizer.model_max_length))
        if asked is not None and not _FEWEST <= asked <= most:
            raise ConfigError(f"longest is {asked} tokens; this encoder reads {_FEWEST} to {most} at once.")
        return most if asked is None else asked

    def blocks(self) -> list[list[nn.Parameter]]:
        """The model's layers up to the one taken; the final norm, projections and the head belong to the last."""
        found = layer_blocks(self.model)
        found = found if self.layer == LAST else found[: self.layer + 1]
        found[-1] += self.head.parameters()
        return found

    def example(self) -> TextBatch:
        return self.tokenize(["a"]).to(self.device)

    def settings(self) -> dict[str, Any]:
        return {"layer": self.layer, "pooling": self.pooling, "longest": self.longest, "head": self.head.settings()}

    def fingerprint_text(self) -> str:
        filling = f"{self.pad} {self.tokenizer.padding_side}" if self.padded else ""
        rules = json.loads(self.tokenizer.backend_tokenizer.to_str())
        rules |= {"truncation": None, "padding": None}  # what the last call asked for: `tokenize` sets both
        return f"{json.dumps(rules)}{filling}{built_from(self.model)}"

    def save_files(self, folder: Path, about: dict[str, Any]) -> None:
        config = save_library_files(folder, self.model, self.tokenizer)
        if self.pooling != "own" and self.layer == LAST:
            write_sentence_folder(folder, self.width, self.pooling, self.longest, self.head)
        write_config(folder, config, about)

    @classmethod
    def folder_faults(cls, folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
        sentence = read_sentence_folder(folder)
        inside = folder if sentence is None else sentence.model
        model, tokenizer = outline(inside, text=True), load_tokenizer(inside)
        said = _said(about, sentence, _pooling_faults(options)[1])
        wrong, others = _pooling_faults(options)
        faults = shape_faults(inside, model) + wrong
        return faults + option_faults(lambda given: cls(model, tokenizer, **{**said, **given}), others)

    @classmethod
    def load_files(
        cls, folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]
    ) -> "TransformersLanguageEncoder":
        sentence = read_sentence_folder(folder)
        inside = folder if sentence is None else sentence.model
        model = load_model(inside, left_out=VISUAL_SIDE, text=True)
        return cls(
            model,
            load_tokenizer(inside),
            head=None if sentence is None else sentence.head,
            **{**_said(about, sentence, options), **options},
        )


def _said(about: Mapping[str, Any], sentence: SentenceFolder | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """What a folder says of the encoder; a tower's own output is no pooling of the earlier layer that `options` ask."""
    said = {} if sentence is None else {"pooling": sentence.pooling, "longest": sentence.longest}
    said |= {name: about[name] for name in ("pooling", "layer", "longest") if name in about}
    earlier = options.get("layer", LAST) != LAST and said.get("pooling") == "own"
    return said | {"pooling": None} if earlier else said


def _rolled(x: Num[Tensor, "b t l"], shift: Int[Tensor, " b"]) -> Num[Tensor, "b t l"]:
    """Every row moved on by its own shift; what leaves it at the end comes in at the beginning."""
    t = x.shape[1]
    source = (torch.arange(t, device=x.device) - shift[:, None]) % t  # [b, t]
    return x.gather(1, source.unsqueeze(-1).expand(-1, -1, x.shape[2]))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A token's range of characters without the white space that byte-level tokenisers take along."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _pooling_faults(options: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """What is wrong with the name of a pooling, and the options without it, where it is."""
    asked = options.get("pooling")
    faults = [] if asked is None else named("pooling", str(asked), POOLINGS)
    return faults, {name: value for name, value in options.items() if not faults or name != "pooling"}
