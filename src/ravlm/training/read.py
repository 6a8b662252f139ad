"""Stage two: the answer is read out of the passages; the eye stands still."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from ravlm.heads.calibration import calibrated
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.protocols import LanguageEncoder
from ravlm.records import Example, Hit
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.tasks.teaching import finder_for
from ravlm.tensors import Batch, Encoded
from ravlm.training.config import ReadConfig
from ravlm.training.loop import Stage
from ravlm.training.optim import learning, trainable


@dataclass(frozen=True)
class Reading:
    """The questions to train on: `photo` [n] is each question's place among the photos.

    `seen` is what the visual encoder, which stands still, makes of the photos; `queries` [m, v] are their keys, of unit
    length; `nearest` holds, for each photo, the ids of the entries that it finds, best first; `ids` [m] are those that
    the photos have, or would have, as pictures of the knowledge base.
    """

    examples: Sequence[Example]
    photo: Int[Tensor, " n"]
    seen: Encoded
    queries: Float[np.ndarray, "m v"]
    nearest: Sequence[Sequence[str]]
    ids: Sequence[str]

    def groups(self) -> list[list[int]]:
        """Questions about the same entries in the same language: they share passages, so that a batch costs less."""
        found: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(list)
        for i, example in enumerate(self.examples):
            found[example.entries or (example.id,), example.language].append(i)
        return [found[key] for key in sorted(found)]


def sample_groups(groups: Sequence[Sequence[int]], size: int, generator: Generator, together: int) -> list[list[int]]:
    """`size` questions (or all there are), `together` of a group at a time, every group equally likely."""
    size = min(size, sum(len(group) for group in groups))
    chosen: dict[int, dict[int, None]] = defaultdict(dict)
    count = 0
    while count < size:
        for g in torch.randperm(len(groups), generator=generator).tolist():
            order = torch.randperm(len(groups[g]), generator=generator)[: min(together, size - count)].tolist()
            new = [groups[g][i] for i in order if groups[g][i] not in chosen[g]]
            chosen[g] |= dict.fromkeys(new)
            count += len(new)
            if count >= size:
                break
    return [list(group) for group in chosen.values() if group]


def training_hits(
    retriever: EntityThenPassageRetriever,
    reading: Reading,
    group: Sequence[int],
    config: ReadConfig,
    draws: Sequence[tuple[float, float]],
    *,
    with_wrong: bool,
) -> list[list[Hit]]:
    """The hits that each question of a group is trained with.

    The gold entry and, `with_wrong`, the entries that the group's first photo takes for it, each with the cosine of the
    question's own photo; sometimes without the gold one ("none of these" is right then), sometimes nothing at all.
    `draws` are two numbers in [0, 1) for each question that decide.
    """
    gold = reading.examples[group[0]].entries
    wrong = [entry_id for entry_id in reading.nearest[int(reading.photo[group[0]])] if entry_id not in gold]
    hits: list[list[Hit]] = []
    for i, (evidence_draw, gold_draw) in zip(group, draws, strict=True):
        place = int(reading.photo[i])
        example, query = reading.examples[i], reading.queries[place]
        if evidence_draw < config.no_evidence:
            hits.append([])
            continue
        kept = () if with_wrong and gold_draw < config.no_gold else example.entries
        room = max(config.entries - len(kept), 0) if with_wrong else 0
        entries = [*kept, *wrong[:room]]
        scored = [retriever.images.compare(query, entry_id, besides=reading.ids[place]) for entry_id in entries]
        scored.sort(key=lambda entry: (-entry[2], entry[0]))
        hits.append(retriever.read(scored, example.question or "", example.language, config.passages))
    return hits


def question_batch(encoder: LanguageEncoder, reading: Reading, chosen: Sequence[int], device: torch.device) -> Batch:
    """The chosen questions as the model reads them."""
    examples = [reading.examples[i] for i in chosen]
    questions = [example.question or "" for example in examples]
    places, seen = reading.photo[list(chosen)], reading.seen
    return Batch(
        images=torch.empty(len(chosen), 3, 0, 0, dtype=torch.uint8),
        texts=encoder.tokenize(questions).to(device),
        questions=questions,
        languages=[example.language for example in examples],
        seen=Encoded(seen.tokens[places], seen.mask[places], seen.pooled[places]),
    )


class ReadStage(Stage):
    """Train language encoder, fusion and output layer to find the answer in the passages; the eye stands still."""

    name, title = "read", "learning to read answers"
    settings: ReadConfig

    def __init__(
        self,
        *,
        model: RetrievalAugmentedVLM,
        retriever: EntityThenPassageRetriever,
        reading: Reading,
        settings: ReadConfig,
    ) -> None:
        self.settings = settings
        self._model, self._retriever, self._reading = model, retriever, reading
        self._groups = reading.groups()
        self._finder = finder_for(calibrated(model.output_layer))
        encoder = {"language": trainable(model.language_encoder)} if learning(model.language_encoder) else {}
        heads = {"fusion": trainable(model.fusion_module), "output": trainable(model.output_layer)}
        gain = nn.ParameterList([retriever.text_gain])
        self.parts = nn.ModuleDict({**encoder, **heads, "retriever": nn.ModuleList([retriever.picture, gain])})

    def loss(self, step: int, generator: Generator) -> Tensor:
        """The output layer's loss on questions with the hits that they are trained with."""
        settings, reading = self.settings, self._reading
        trainable(self._model.visual_encoder).eval()
        drawn = sample_groups(self._groups, settings.batch, generator, settings.together)
        with_wrong = bool(torch.rand((), generator=generator) < settings.wrong)
        hits = [
            row
            for group in drawn
            for row in training_hits(
                self._retriever, reading, group, settings, _pairs(len(group), generator), with_wrong=with_wrong
            )
        ]
        chosen = [i for group in drawn for i in group]
        batch = question_batch(self._model.language_encoder, reading, chosen, self._retriever.log_scale.device)
        output = self._model(batch, hits)
        targets = self._finder.targets([reading.examples[i] for i in chosen], output.knowledge)
        return self._model.output_layer.loss(output.prediction, targets)


def _pairs(n: int, generator: Generator) -> list[tuple[float, float]]:
    return [(a, b) for a, b in torch.rand(n, 2, generator=generator).tolist()]
