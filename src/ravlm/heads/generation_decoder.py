"""Decoders that read a memory: a transformer of GPT-2's form with cross-attention, small and new or pre-trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoConfig, GenerationConfig, GenerationMixin, GPT2Config, GPT2Model, GPT2PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithCrossAttentions
from transformers.utils import logging

from ravlm.errors import ConfigError, FormatError, words_of
from ravlm.heads.generation_copy import CopyGate, Copying, mix
from ravlm.heads.generation_text import AnswerTokenizer

_NEW = ("crossattention", "ln_cross_attn", "copying.")  # parts that a pre-trained GPT-2 does not have


@dataclass(frozen=True)
class Memory:
    """What a decoder reads: `tokens` [b, n, d]; `bias` [b, n], added to every attention on them, the lowest number
    where none is; and `ids` [b, n], those of the tokens that can be copied, else -1.
    """

    tokens: Float[Tensor, "b n d"]
    bias: Float[Tensor, "b n"]
    ids: Int[Tensor, "b n"]

    def repeated(self, times: int) -> "Memory":
        """Every row so many times, one after the other."""
        return Memory(*(part.repeat_interleave(times, dim=0) for part in (self.tokens, self.bias, self.ids)))


class GenerationDecoder(GPT2PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """GPT-2 (Radford et al. 2019) with cross-attention in every layer, tied embeddings, and a gate that copies.

    Its logits are log P(w) of the mixture (`ravlm.heads.generation_copy.mix`); without the gate they are GPT-2's.
    `origin` is the folder that pre-trained weights came from.

    Args:
        config: with `add_cross_attention`; `copies` says whether there is a gate.
    """

    config_class = GPT2Config
    origin: str | None = None

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.transformer = GPT2Model(config)
        self.copying = CopyGate(width=config.n_embd) if getattr(config, "copies", False) else None
        self.post_init()

    @property
    def width(self) -> int:
        """That of the memory's tokens."""
        return int(self.config.n_embd)

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """The weights that did not begin at random."""
        named = self.named_parameters() if self.origin is not None else ()
        return [weight for name, weight in named if not any(part in name for part in _NEW)]

    def get_input_embeddings(self) -> nn.Embedding:
        words: nn.Embedding = self.transformer.wte
        return words

    def forward(
        self,
        input_ids: Int[Tensor, "b s"],
        encoder_hidden_states: Float[Tensor, "b n d"],
        encoder_attention_mask: Float[Tensor, "b 1 1 n"],
        copied_ids: Int[Tensor, "b n"],
        **options: Any,
    ) -> CausalLMOutputWithCrossAttentions:
        """As `generate` calls it: the memory's parts by transformers' names, its bias as a mask of four axes."""
        memory = Memory(encoder_hidden_states, encoder_attention_mask[:, 0, 0], copied_ids)
        logits, _, found = self._run(input_ids, memory, **options)
        kept = {name: value for name, value in found.items() if name != "last_hidden_state"}
        return CausalLMOutputWithCrossAttentions(logits=logits, **kept)

    def read(
        self, ids: Int[Tensor, "b s"], mask: Bool[Tensor, "b s"], memory: Memory
    ) -> tuple[Float[Tensor, "b s w"], Copying | None]:
        """Log P(w) of the token behind each of `ids`, and how it is mixed where there is a gate."""
        logits, copying, _ = self._run(ids, memory, attention_mask=mask, use_cache=False)
        return logits.log_softmax(-1), copying

    def write(self, memory: Memory, tokens: AnswerTokenizer, *, beams: int, longest: int) -> Int[Tensor, "b r s"]:
        """The `beams` likeliest texts of up to `longest` tokens for each row, as beam search finds them (1: greedy)."""
        marks = sorted({tokens.start, tokens.pad} - {tokens.end})
        settings = GenerationConfig(
            max_new_tokens=longest,
            do_sample=False,
            suppress_tokens=marks or None,
            bos_token_id=tokens.start,
            eos_token_id=tokens.end,
            pad_token_id=tokens.pad,
        )
        if beams > 1:  # texts are ranked by their probability
            settings.update(num_beams=beams, num_return_sequences=beams, length_penalty=0.0)
        b = len(memory.tokens)
        start = torch.full((b, 1), tokens.start, device=memory.ids.device)
        found: Tensor = self.generate(
            start,
            generation_config=settings,
            attention_mask=torch.ones_like(start),
            encoder_hidden_states=memory.tokens,
            encoder_attention_mask=memory.bias[:, None, None],
            copied_ids=memory.ids,
        )
        return found[:, 1:].view(b, beams, -1)

    def _run(
        self, ids: Int[Tensor, "b s"], memory: Memory, **options: Any
    ) -> tuple[Float[Tensor, "b s w"], Copying | None, Any]:
        found = self.transformer(
            ids,
            encoder_hidden_states=memory.tokens,
            encoder_attention_mask=memory.bias[:, None, None].to(memory.tokens.dtype),
            **{**options, "return_dict": True},
        )
        states = found.last_hidden_state  # [b, s, d]
        logits = nn.functional.linear(states, self.transformer.wte.weight).float()
        if self.copying is None:
            return logits, None, found
        copying = self.copying(states, self.transformer.wte(ids), memory.tokens, memory.bias, memory.ids)
        return mix(logits.log_softmax(-1), copying, memory.ids), copying, found


def compact_decoder(
    tokens: AnswerTokenizer, *, width: int, layers: int = 2, heads: int = 4, longest: int = 32, dropout: float = 0.0
) -> GenerationDecoder:
    """A small decoder with fresh weights and a copy gate, for texts of up to `longest` tokens.

    Raises:
        ConfigError: the width can't be split into so many heads.
    """
    if width % heads:
        raise ConfigError(f"width {width} can't be split into {heads} heads: choose a multiple.")
    config = GPT2Config(
        vocab_size=tokens.size,
        n_positions=longest,
        n_embd=width,
        n_layer=layers,
        n_head=heads,
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        initializer_range=width**-0.5,
        add_cross_attention=True,
        bos_token_id=tokens.start,
        eos_token_id=tokens.end,
        pad_token_id=tokens.pad,
        copies=True,
    )
    return GenerationDecoder(config)


def pretrained_decoder(folder: Path, *, copies: bool = False) -> GenerationDecoder:
    """A GPT-2 from a folder that transformers wrote, cross-attention added where it has none, with fresh weights.

    Raises:
        FormatError: it is no GPT-2, has no tied embeddings, is damaged, or lacks weights.
    """
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, TypeError) as error:
        raise FormatError(
            f"The decoder in {folder} can't be used: {words_of(error)}. Give a folder that save_pretrained wrote."
        ) from error
    if config.model_type != "gpt2" or not config.tie_word_embeddings:
        found = f"a {config.model_type!r}" if config.model_type != "gpt2" else "one whose embeddings are not tied"
        raise FormatError(f"The decoder in {folder} is {found}; a 'gpt2' with tied embeddings can be used.")
    config.add_cross_attention, config.copies = True, copies
    try:
        with quietly():
            decoder, report = GenerationDecoder.from_pretrained(
                folder,
                config=config,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                dtype=torch.float32,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise FormatError(
            f"The decoder in {folder} can't be loaded ({type(error).__name__}: {words_of(error)}). Copy the folder "
            "again."
        ) from error
    missing = sorted(name for name in report["missing_keys"] if not any(part in name for part in _NEW))
    if missing:
        raise FormatError(
            f"The decoder in {folder} lacks {len(missing)} weights, {missing[0]} the first of them. Copy the folder "
            "again."
        )
    decoder.origin = str(folder)
    found_decoder: GenerationDecoder = decoder
    return found_decoder


def outline_decoder(folder: Path) -> GenerationDecoder:
    """A decoder by its `config.json` alone, with fresh weights: those that will be loaded take their place.

    Raises:
        FormatError: it is no configuration of a GPT-2.
    """
    try:
        return GenerationDecoder(GPT2Config.from_json_file(folder / "config.json"))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise FormatError(
            f"The decoder in {folder} can't be used: {words_of(error)}. Copy the model's folder again."
        ) from error


@contextmanager
def quietly() -> Iterator[None]:
    """Without the library's bars and warnings: what matters of them is told by errors here."""
    told, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(told)
        if bars:
            logging.enable_progress_bar()
