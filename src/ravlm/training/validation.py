"""Validation questions, asked as they will be asked: while training for a loss, after it for the confidence."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float

from ravlm.data.dataset import Dataset
from ravlm.encoders.features.cache import FeatureCache
from ravlm.heads.calibration import Calibration, Validated, calibrate, calibrated
from ravlm.model.folder import encoders_of
from ravlm.model.output_config import OutputConfig
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.records import Example, Wanted
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.tasks.teaching import finder_for, teachable
from ravlm.tensors import Batch, Encoded
from ravlm.training.loop import Progress
from ravlm.training.optim import hash_seed
from ravlm.training.photos import see_photos, seen_of

SPLIT = "val"
_MOST = 1024  # questions
_AT_ONCE = 64


class ValidationQuestions:
    """Questions with what the model's eye sees of their photos and what its retriever finds for them.

    Both are as they were when this was made, or when it was last told to `see` and to `find`.
    """

    def __init__(
        self,
        model: RetrievalAugmentedVLM,
        retriever: EntityThenPassageRetriever,
        dataset: Dataset,
        questions: Sequence[Example],
        *,
        cache: FeatureCache | None,
        progress: Progress,
    ) -> None:
        self._model, self._dataset, self._questions = model, dataset, questions
        self._cache, self._progress = cache, progress
        self._head = calibrated(model.output_layer)
        self._finder = finder_for(self._head)
        self._retriever = retriever
        self.see()
        self.find()

    @torch.no_grad()
    def _queries(self, retriever: EntityThenPassageRetriever, asked: Sequence[str]) -> Float[np.ndarray, "n v"]:
        if not retriever.reads_question:
            return retriever.query_keys(self._seen)
        encoder, seen, found = self._model.language_encoder, self._seen, []
        for start in range(0, len(asked), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            part = Encoded(seen.tokens[rows], seen.mask[rows], seen.pooled[rows])
            texts = encoder.tokenize(asked[rows]).to(seen.pooled.device)
            found.append(retriever.query_keys(part, encoder(texts)))
        return np.concatenate(found)

    def find(self) -> None:
        """What the retriever finds as it is now."""
        retriever, questions = self._retriever, self._questions
        asked = [e.question or "" for e in questions]
        ranked = retriever.images.search(self._queries(retriever, asked), retriever.entries)
        self._hits = [retriever.read(row, q, e.language) for row, q, e in zip(ranked, asked, questions, strict=True)]

    def see(self) -> None:
        """What the eye makes of the photos as it is now."""
        eye, _ = encoders_of(self._model)
        photos = see_photos(self._dataset, self._questions, eye, None if eye.learns else self._cache, self._progress)
        self._seen = seen_of(photos, [photos.place[e.images[0]] for e in self._questions], eye, 0)

    def answers(self) -> Iterator[Validated]:
        """The model's predictions in batches, each with its targets."""
        device = self._seen.pooled.device
        for start in range(0, len(self._questions), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            some, seen = self._questions[rows], self._seen
            asked = [e.question or "" for e in some]
            batch = Batch(
                images=torch.zeros(len(some), 3, 0, 0, device=device),
                texts=self._model.language_encoder.tokenize(asked).to(device),
                questions=asked,
                languages=[e.language for e in some],
                seen=Encoded(seen.tokens[rows], seen.mask[rows], seen.pooled[rows]),
                wanted=[Wanted(choices=e.choices) for e in some],
            )
            output = self._model(batch, self._hits[rows])
            targets = self._finder.targets(some, output.knowledge)
            yield Validated(output.prediction, targets, output.knowledge, some)

    @torch.no_grad()
    def loss(self) -> float:
        """The output layer's loss, the mean over the questions."""
        of = [(float(self._head.loss(v.prediction, v.targets)), len(v.examples)) for v in self.answers()]
        return sum(value * n for value, n in of) / sum(n for _, n in of)


def validation_questions(output: OutputConfig, dataset: Dataset, seed: int) -> list[Example]:
    """Up to 1,024 questions of the split `val`, drawn by lot; none where there is no such split."""
    if SPLIT not in dataset.splits:
        return []
    asked = teachable(output, dataset.split(SPLIT))
    generator = torch.Generator().manual_seed(hash_seed(seed, SPLIT))
    chosen = torch.randperm(len(asked), generator=generator)[:_MOST].sort().values
    return [asked[i] for i in chosen.tolist()]


@torch.no_grad()
def validate(
    model: RetrievalAugmentedVLM,
    retriever: EntityThenPassageRetriever,
    output: OutputConfig,
    dataset: Dataset,
    questions: Sequence[Example],
    *,
    cache: FeatureCache | None,
    progress: Progress,
) -> Calibration:
    """Answer validation questions from what is retrieved for them, as they will be asked, and calibrate.

    The retriever, the model's own, must have the index of the base.

    Raises:
        TypeError: the output layer has no confidence that could be calibrated.
    """
    model.eval()
    asked = ValidationQuestions(model, retriever, dataset, questions, cache=cache, progress=progress)

    def batches() -> Iterator[Validated]:
        done = 0
        for given in asked.answers():
            yield given
            done += len(given.examples)
            progress("answering validation questions", done, len(questions))

    return calibrate(calibrated(model.output_layer), batches, risk=output.risk, delta=output.delta)
