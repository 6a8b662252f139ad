"""Decoders that read a memory: a transformer of GPT-2's form with cross-attention, small and new or pre-trained."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import GenerationConfig, GenerationMixin, GPT2Config, GPT2Model, GPT2PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithCrossAttentions

from ravlm.errors import ConfigError
from ravlm.heads.generation_copy import CopyGate, Copying, mix
from ravlm.heads.generation_text import AnswerTokenizer

NEW_PARTS = ("crossattention", "ln_cross_attn")  # of names, of what a pre-trained GPT-2 need not have


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
        return [weight for name, weight in named if not any(part in name for part in NEW_PARTS)]

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
