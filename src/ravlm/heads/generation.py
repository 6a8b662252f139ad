"""Answers written token by token: spoken from a vocabulary, or copied out of the retrieved passages."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ravlm.errors import ConfigError
from ravlm.grading import normalise
from ravlm.heads.calibration import CalibratedHead, Observed
from ravlm.heads.generation_copy import NOT_COPIED, Copying, PassageIds
from ravlm.heads.generation_decoder import GenerationDecoder, Memory
from ravlm.heads.generation_support import Written, trace
from ravlm.heads.generation_text import AnswerTokenizer
from ravlm.heads.likelihood import Likelihood
from ravlm.records import Decoded
from ravlm.tensors import Batch, Fused, Kind, Knowledge

_SCORES = 10.0  # retrieval scores are of this size
_LEAST = 1e-30  # a probability whose logarithm is a number


@dataclass(frozen=True)
class GenerationPrediction:
    """What the decoder reads. It runs in `loss`, over the right tokens, and in `decode`, over its own."""

    memory: Memory


@dataclass(frozen=True)
class TokenTargets:
    """The right tokens `ids` [b, t], the end mark among them, and which of them are there, `mask` [b, t]."""

    ids: Int[Tensor, "b t"]
    mask: Bool[Tensor, "b t"]


class GenerationHead(CalibratedHead):
    """A decoder over the fused vector, the question's tokens and the passages' tokens.

    The log of the hits' probability, the softmax of the retrieval scores, times a gain is added to every attention on
    their tokens, so that gradients reach the query encoder. Beside what the fusion made of it a passage's token brings
    its word, and the word before it: whoever has copied one finds the next (the selective read of Gu et al. 2016,
    CopyNet, sec. 3.3, on the passage's side).

    The end mark at once, an empty answer, says "none of these": the model abstains where that is likelier than the best
    answer. Confidence is the probability of the answer's whole text, at the head's temperature.

    Args:
        width: that of the fusion.
        decoder: see `compact_decoder` and `pretrained_decoder`.
        tokens: the tokeniser of the decoder.
        longest: tokens of an answer, its end mark among them.
        beams: texts that are found for each question; 1 is greedy decoding.
        describes: whether it is taught captions too.

    Raises:
        ConfigError: the decoder has too few places or tokens.
    """

    def __init__(
        self,
        *,
        width: int,
        decoder: GenerationDecoder,
        tokens: AnswerTokenizer,
        longest: int = 32,
        beams: int = 4,
        describes: bool = False,
    ) -> None:
        super().__init__()
        places, size = int(decoder.config.n_positions), int(decoder.config.vocab_size)
        if longest > places or tokens.size > size:
            raise ConfigError(
                f"answers have up to {longest} of {tokens.size} tokens; the decoder has {places} places and {size} "
                "tokens. Choose shorter answers, or the decoder's own tokeniser."
            )
        self.decoder = decoder
        self.tokens = tokens
        self.longest = longest
        self.beams = beams
        self.describes = describes
        self.passage_ids = PassageIds(tokens)
        self.bridge = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, decoder.width))
        self.kind = nn.Parameter(0.02 * torch.randn(3, decoder.width))
        self.words = nn.Linear(2 * decoder.width, decoder.width)
        self.fit = nn.Linear(1, decoder.width)
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, fused: Fused, knowledge: Knowledge, batch: Batch) -> GenerationPrediction:
        ids = self.passage_ids(knowledge)  # [b, k, p]
        there = knowledge.kind != Kind.NOTHING  # [b, k]
        scores = fused.scores.float().masked_fill(~there, 0.0)
        evidence = self.bridge(fused.evidence) + self.kind[2] + self._words(ids)
        evidence = evidence + self.fit(scores.unsqueeze(-1) / _SCORES).unsqueeze(2)  # [b, k, p, d]
        asked = self.bridge(fused.tokens) + self.kind[1]  # [b, f, d]
        pooled = self.bridge(fused.pooled).unsqueeze(1) + self.kind[0]  # [b, 1, d]

        lowest = torch.finfo(scores.dtype).min
        of_hit = self.gain * scores.masked_fill(~there, lowest).log_softmax(-1)  # [b, k]
        read = of_hit.unsqueeze(-1).masked_fill(~(knowledge.mask & there.unsqueeze(-1)), lowest)  # [b, k, p]
        question = torch.zeros_like(fused.mask, dtype=scores.dtype).masked_fill(~fused.mask, lowest)
        before = 1 + fused.mask.shape[1]
        return GenerationPrediction(
            Memory(
                tokens=torch.cat([pooled, asked, evidence.flatten(1, 2)], dim=1),
                bias=torch.cat([torch.zeros_like(scores[:, :1]), question, read.flatten(1)], dim=1),
                ids=nn.functional.pad(ids.flatten(1), (before, 0), value=NOT_COPIED),
            )
        )

    def loss(self, prediction: GenerationPrediction, targets: TokenTargets) -> Float[Tensor, ""]:
        """The cross-entropy of each right token behind the right ones before it, the mean over all tokens."""
        known = self._read(prediction.memory, targets)[0]
        return -known.sum() / targets.mask.sum().clamp(min=1)

    def log_likelihood(self, prediction: GenerationPrediction, targets: TokenTargets) -> Float[Tensor, " b"]:
        """Log of the product of the right tokens' probabilities; an empty answer, the end mark alone, is none."""
        found = self._read(prediction.memory, targets)[0].sum(1)
        written = (targets.mask & (targets.ids != self.tokens.end)).any(1)
        return found.masked_fill(~written, torch.finfo(found.dtype).min)

    @torch.no_grad()
    def decode(self, prediction: GenerationPrediction, knowledge: Knowledge) -> list[Decoded]:
        """The likeliest answer that beam search finds, and the passages that it was copied from.

        An answer's probability is the sum over the found texts that are the same when normalised, each the product of
        its tokens' probabilities, the end mark's too; what is left is that of all texts that were not found. It is
        supported by the passages where it was copied from (`ravlm.heads.generation_support.support`), and is then cut
        out of the first.
        """
        return [row.decoded(self.temperature, self.threshold) for row in self._written(prediction, knowledge)]

    @torch.no_grad()
    def observed(self, prediction: GenerationPrediction, targets: TokenTargets, knowledge: Knowledge) -> Observed:
        """The answers that beam search finds, and all others together, which are right where the right one is none."""
        ends = (targets.mask & (targets.ids != self.tokens.end)).sum(1).tolist()
        wanted = [ids[:n] for ids, n in zip(targets.ids.tolist(), ends, strict=True)]
        rows = [
            (row.outcomes(1.0), normalise(self.tokens.text(ids, [None] * len(ids))))
            for row, ids, there in zip(
                self._written(prediction, knowledge), wanted, targets.mask.any(1).tolist(), strict=True
            )
            if there
        ]
        logits = torch.full((len(rows), self.beams + 1), -math.inf)
        right = torch.zeros(len(rows), self.beams + 1, dtype=torch.bool)
        for i, (outcomes, key) in enumerate(rows):
            logits[i, : len(outcomes)] = torch.tensor([max(p, _LEAST) for p in outcomes.values()]).log()
            right[i, list(outcomes).index(key if key in outcomes else None)] = True
        return Observed(logits, right)

    @torch.no_grad()
    def likelihoods(self, prediction: GenerationPrediction, knowledge: Knowledge, answer: str) -> list[Likelihood]:
        """The probability of the answer for each row, as `decode` counts it, whether beam search finds it or not.

        Where it doesn't, the answer is read by the decoder as its tokeniser writes it (teacher forcing). Other ways to
        write the same are not counted then. An answer with words that the tokeniser does not know may still be copied:
        of that no more is known than what is left by the texts that were found.
        """
        ids = self.tokens.encode(answer)
        written = self._written(prediction, knowledge)
        if normalise(self.tokens.text(ids, [None] * len(ids))) != normalise(answer):
            return [row.likelihood(answer, None, self.temperature) for row in written]
        if len(ids) > self.longest:
            return [row.likelihood(answer, 0.0, self.temperature) for row in written]
        one = torch.tensor([[*ids, self.tokens.end][: self.longest]], device=prediction.memory.ids.device)  # [1, t]
        texts = one.expand(len(written), -1)  # [b, t]
        log_p, _ = self._read(prediction.memory, TokenTargets(texts, torch.ones_like(texts, dtype=torch.bool)))
        spelled = log_p.double().sum(1).exp().tolist()
        return [row.likelihood(answer, p, self.temperature) for row, p in zip(written, spelled, strict=True)]

    def _written(self, prediction: GenerationPrediction, knowledge: Knowledge) -> list[Written]:
        """The texts that beam search finds for each row."""
        memory, (b, k, p) = prediction.memory, knowledge.mask.shape
        texts = self.decoder.write(memory, self.tokens, beams=self.beams, longest=self.longest).flatten(
            0, 1
        )  # [b r, s]
        targets = TokenTargets(texts, _through(texts, self.tokens.end))
        log_p, copying = self._read(memory.repeated(self.beams), targets)  # [b r, s]
        likely = log_p.double().sum(1).exp().tolist()
        lengths = (targets.mask & (texts != self.tokens.end)).sum(1).tolist()
        evidence, offsets = memory.ids[:, -k * p :].view(b, k, p), knowledge.offsets.cpu()

        rows = [Written(knowledge.passages[i], offsets[i], self.tokens) for i in range(b)]
        for at, n in enumerate(lengths):
            ids, traced, row = texts[at, :n], None, at // self.beams
            if copying is not None:
                a = copying.attention[at, :n, -k * p :].view(n, k, p)
                traced = trace(ids, log_p[at, :n], copying.copied[at, :n], a, evidence[row])
            rows[row].add(ids.tolist(), likely[at], traced)
        return rows

    def _read(self, memory: Memory, targets: TokenTargets) -> tuple[Float[Tensor, "b t"], Copying | None]:
        """Log P of each target behind those before it, zero where there is none; how it is mixed."""
        mask = targets.mask
        right = targets.ids.masked_fill(~mask, self.tokens.pad)
        start = torch.full_like(right[:, :1], self.tokens.start)
        ids = torch.cat([start, right[:, :-1]], dim=1)
        there = torch.cat([torch.ones_like(mask[:, :1]), mask[:, :-1]], dim=1)
        log_p, copying = self.decoder.read(ids, there, memory)
        return log_p.gather(-1, right.unsqueeze(-1)).squeeze(-1).masked_fill(~mask, 0.0), copying

    def _words(self, ids: Int[Tensor, "b k p"]) -> Float[Tensor, "b k p d"]:
        """What the words of the passages' tokens, and of the tokens before them, bring; nothing where none is known."""
        known = (ids != NOT_COPIED).unsqueeze(-1)
        words = self.decoder.get_input_embeddings()(ids.clamp(min=0)).masked_fill(~known, 0.0)
        before = nn.functional.pad(words[:, :, :-1], (0, 0, 1, 0))
        brought: Tensor = self.words(torch.cat([words, before], dim=-1))
        return brought


def _through(ids: Int[Tensor, "b s"], end: int) -> Bool[Tensor, "b s"]:
    """What stands before the first end mark, and this one."""
    ended = (ids == end).long().cumsum(1) - (ids == end).long()
    return ended == 0
