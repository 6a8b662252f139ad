"""Stage two: the answer is read out of the passages; the eye stands still, unless it has a rate."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Generator, Tensor, nn

from ravlm.heads.calibration import calibrated
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.records import Example, Hit
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.tasks.captioning import similar
from ravlm.tasks.teaching import counted, finder_for
from ravlm.tensors import Batch, Encoded
from ravlm.training.augment import view
from ravlm.training.config import ReadConfig
from ravlm.training.loop import Stage
from ravlm.training.optim import keep_statistics, learning, trainable
from ravlm.training.questions import QuestionReader
from ravlm.training.stage_config import StageConfig
from ravlm.training.validation import ValidationQuestions

_MOVED = 0.3  # strength of the augmentation where the eye learns


@dataclass(frozen=True)
class Reading:
    """The questions to train on: `photo` [n] is each question's place among the photos.

    `seen` is what the visual encoder makes of the photos at the beginning of the stage; `pixels` are the photos
    themselves, where it learns on, with the side at which it sees them in `size`. `queries` [m, v] are their keys, of
    unit length; `nearest` holds, for each photo, the ids of the entries that it finds, best first; `ids` [m] are those
    that the photos have, or would have, as pictures of the knowledge base.
    """

    examples: Sequence[Example]
    photo: Int[Tensor, " n"]
    seen: Encoded
    queries: Float[np.ndarray, "m v"]
    nearest: Sequence[Sequence[str]]
    ids: Sequence[str]
    pixels: UInt8[Tensor, "m c y x"] | None = None
    size: int = 0

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
    question's own photo; sometimes without the gold one ("none of these" is right then), sometimes nothing at all. For
    a caption, the entries of similar pictures, the nearest that are not its own. `draws` are two numbers in [0, 1) for
    each question that decide.
    """
    gold = reading.examples[group[0]].entries
    wrong = [entry_id for entry_id in reading.nearest[int(reading.photo[group[0]])] if entry_id not in gold]
    hits: list[list[Hit]] = []
    for i, (evidence_draw, gold_draw) in zip(group, draws, strict=True):
        place = int(reading.photo[i])
        example = reading.examples[i]
        if evidence_draw < config.no_evidence:
            hits.append([])
            continue
        if example.kind == "captions":
            others = similar(example, reading.nearest[place], retriever.images.shown_by(reading.ids[place]))
            hits.append(_read(retriever, reading, i, others[: config.entries], config))
            continue
        kept = () if with_wrong and gold_draw < config.no_gold else example.entries
        room = max(config.entries - len(kept), 0) if with_wrong else 0
        hits.append(_read(retriever, reading, i, [*kept, *wrong[:room]], config))
    return hits


def _read(
    retriever: EntityThenPassageRetriever, reading: Reading, i: int, entries: Sequence[str], config: ReadConfig
) -> list[Hit]:
    """The hits of a question in these entries, the most similar to its photo first."""
    example, place = reading.examples[i], int(reading.photo[i])
    query, own = reading.queries[place], reading.ids[place]
    scored = [retriever.images.compare(query, entry_id, besides=own) for entry_id in entries]
    scored.sort(key=lambda entry: (-entry[2], entry[0]))
    return retriever.read(scored, example.question or "", example.language, config.passages)


def question_batch(
    reader: QuestionReader, reading: Reading, chosen: Sequence[int], images: Tensor | None = None
) -> tuple[Batch, Encoded]:
    """The chosen questions as the model reads them, with what was seen of their photos, or with `images`; and read."""
    examples = [reading.examples[i] for i in chosen]
    questions = [example.question or "" for example in examples]
    places, seen = reading.photo[list(chosen)], reading.seen
    texts, language = reader.read(questions)
    batch = Batch(
        images=torch.empty(len(chosen), 3, 0, 0, dtype=torch.uint8) if images is None else images,
        texts=texts,
        questions=questions,
        languages=[example.language for example in examples],
        seen=None if images is not None else Encoded(seen.tokens[places], seen.mask[places], seen.pooled[places]),
    )
    return batch, language


class ReadStage(Stage):
    """Train language encoder, fusion and output layer to find the answer in the passages.

    Where the settings give the eye a rate, it learns with them, from photos that are moved a little; the keys of
    pictures in the index, and with them the entries that are found, stay those of the stage's beginning.
    `validation` are the questions that it is validated with.
    """

    name, title = "read", "learning to read answers"
    settings: ReadConfig

    def __init__(
        self,
        *,
        model: RetrievalAugmentedVLM,
        retriever: EntityThenPassageRetriever,
        reading: Reading,
        settings: ReadConfig,
        validation: ValidationQuestions | None = None,
    ) -> None:
        self.settings = settings
        self._model, self._retriever, self._reading, self._asked = model, retriever, reading, validation
        self._groups = reading.groups()
        self._reader = QuestionReader(model.language_encoder, retriever.log_scale.device)
        self._head = calibrated(model.output_layer)
        self._finder = finder_for(self._head)
        encoder = {"language": trainable(model.language_encoder)} if learning(model.language_encoder) else {}
        heads = {"fusion": trainable(model.fusion_module), "output": trainable(model.output_layer)}
        gain = nn.ParameterList([retriever.text_gain])
        self._looks = eye_learns(settings) and bool(learning(model.visual_encoder))
        eye = {"visual": trainable(model.visual_encoder)} if self._looks else {}
        self._beginning = {k: v.detach().clone() for part in eye.values() for k, v in part.state_dict().items()}
        self.parts = nn.ModuleDict({**eye, **encoder, **heads, "retriever": nn.ModuleList([retriever.picture, gain])})

    def loss(self, step: int, generator: Generator) -> Tensor:
        """The output layer's loss on questions with the hits that they are trained with."""
        settings, reading = self.settings, self._reading
        eye = trainable(self._model.visual_encoder)
        keep_statistics(eye) if self._looks else eye.eval()
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
        own = self.share.rows(len(chosen))
        images = None if not self._looks else self._photos(chosen, generator)[own]
        device = self._retriever.log_scale.device
        batch, language = question_batch(self._reader, reading, chosen[own], images)
        model = self._model
        visual = batch.seen or model.visual_encoder(batch.images)
        visual = _left_out(visual, settings.no_picture, len(chosen), own, generator)
        language = _left_out(language, settings.no_question, len(chosen), own, generator)
        output = model.read(batch, visual, language, hits[own])
        targets = self._finder.targets([reading.examples[i] for i in chosen[own]], output.knowledge)
        weight = self.share.weight_of(counted(self._head, targets), device)
        return self._head.loss(output.prediction, targets) * weight

    def _photos(self, chosen: Sequence[int], generator: Generator) -> Tensor:
        """The photos of questions, moved a little."""
        reading = self._reading
        if reading.pixels is None:
            raise TypeError("an eye that learns needs the photos themselves")
        photos = reading.pixels[reading.photo[list(chosen)]].to(self._retriever.log_scale.device)
        return view(photos, reading.size, generator, _MOVED)

    def validation(self) -> float:
        """The mean loss on validation questions, with what is retrieved for them.

        What is retrieved stays that of the stage's beginning, but where the question has a part in the query: its
        encoder may learn here, so that what a run finds would depend on whether it was resumed.
        """
        if self._asked is None:
            return super().validation()
        if self._looks:
            self._asked.see()
        if self._retriever.reads_question:
            self._asked.find()
        return self._asked.loss()

    def kept(self) -> Mapping[str, Tensor]:
        """The eye as it was at the beginning, where it learns: the index was made with it."""
        return self._beginning


def eye_learns(settings: StageConfig) -> bool:
    """Whether the eye has a rate in this stage."""
    return settings.rates.get("visual", 0.0) > 0.0


def _left_out(seen: Encoded, share: float, whole: int, own: slice, generator: Generator) -> Encoded:
    """What was seen, or read, with nothing in place of a share of the rows, which are those `own` of a `whole` batch.

    Nothing is drawn where the share is 0, so that all else is drawn as it was before there was one.
    """
    if share == 0.0:
        return seen
    out = (torch.rand(whole, generator=generator)[own] < share).to(seen.mask.device)  # [b]
    return Encoded(
        tokens=seen.tokens.masked_fill(out[:, None, None], 0.0),
        mask=seen.mask & ~out[:, None],
        pooled=seen.pooled.masked_fill(out[:, None], 0.0),
    )


def _pairs(n: int, generator: Generator) -> list[tuple[float, float]]:
    return [(a, b) for a, b in torch.rand(n, 2, generator=generator).tolist()]
