"""Stage two: the answer is read out of the passages (language encoder, fusion and output layer; the eye stands still)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from ravlm.encoders.language import CompactLanguageEncoder
from ravlm.records import Example, Hit
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.tensors import Batch
from ravlm.training.config import ReadConfig


@dataclass(frozen=True)
class Reading:
    """The questions to train on: `photo` [n] is each question's place in `photos` [m, c, y, x].

    `ranked` holds, for each photo, the entries that its picture finds, as (entry id, image id, cosine).
    """

    examples: Sequence[Example]
    photo: Tensor
    photos: Tensor
    ranked: Sequence[Sequence[tuple[str, str, float]]]

    def groups(self) -> list[list[int]]:
        """Questions about the same entry: they share passages, so that a batch of them is read at less cost."""
        by_entry: dict[str, list[int]] = defaultdict(list)
        for i, example in enumerate(self.examples):
            by_entry[example.entries[0] if example.entries else example.id].append(i)
        return [by_entry[key] for key in sorted(by_entry)]


def sample_questions(groups: Sequence[Sequence[int]], size: int, generator: Generator, together: int = 6) -> list[int]:
    """`size` questions (or all there are) in groups of `together` about one entry, every entry equally likely."""
    size = min(size, sum(len(group) for group in groups))
    chosen: dict[int, None] = {}
    while len(chosen) < size:
        for g in torch.randperm(len(groups), generator=generator).tolist():
            order = torch.randperm(len(groups[g]), generator=generator)[:together].tolist()
            chosen |= dict.fromkeys(groups[g][i] for i in order)
            if len(chosen) >= size:
                break
    return list(chosen)[:size]


def training_hits(
    retriever: EntityThenPassageRetriever,
    example: Example,
    ranked: Sequence[tuple[str, str, float]],
    config: ReadConfig,
    draw: tuple[float, float],
) -> list[Hit]:
    """The hits that one question is trained with.

    The entries that its picture finds, the gold one put in where it was missed; sometimes without the gold one
    ("none of these" is right then), sometimes nothing at all. `draw` are two numbers in [0, 1) that decide.
    """
    if draw[0] < config.no_evidence:
        return []
    gold = [entry for entry in ranked if entry[0] in example.entries]
    others = [entry for entry in ranked if entry[0] not in example.entries]
    if example.entries and draw[1] < config.no_gold:
        kept = others[: retriever.entries]
    else:
        kept = sorted([*gold, *others[: retriever.entries - len(gold)]], key=lambda entry: -entry[2])
    return retriever.read(kept, example.question or "", example.language)


def question_batch(
    encoder: CompactLanguageEncoder, reading: Reading, chosen: Sequence[int], device: torch.device
) -> Batch:
    """The chosen questions as the model reads them."""
    examples = [reading.examples[i] for i in chosen]
    questions = [example.question or "" for example in examples]
    return Batch(
        images=reading.photos[reading.photo[list(chosen)]].to(device),
        texts=encoder.tokenize(questions).to(device),
        questions=questions,
        languages=[example.language for example in examples],
    )
