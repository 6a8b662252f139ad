"""After training: the output layer's confidence is fitted to what it gets right on validation."""

from collections.abc import Iterator, Sequence

import torch

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
    head = calibrated(model.output_layer)
    eye, _ = encoders_of(model)
    photos = see_photos(dataset, questions, eye, cache, progress)
    places = [photos.place[e.images[0]] for e in questions]
    features = seen_of(photos, places, eye, 0)
    finder = finder_for(head)

    def batches() -> Iterator[Validated]:
        for start in range(0, len(questions), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            some, seen = questions[rows], Encoded(features.tokens[rows], features.mask[rows], features.pooled[rows])
            asked = [e.question or "" for e in some]
            ranked = retriever.images.search(retriever.query_keys(seen), retriever.entries)
            hits = [retriever.read(row, q, e.language) for row, q, e in zip(ranked, asked, some, strict=True)]
            batch = Batch(
                images=torch.zeros(len(some), 3, 0, 0, device=eye.device),
                texts=model.language_encoder.tokenize(asked).to(eye.device),
                questions=asked,
                languages=[e.language for e in some],
                seen=seen,
                wanted=[Wanted(choices=e.choices) for e in some],
            )
            output = model(batch, hits)
            yield Validated(output.prediction, finder.targets(some, output.knowledge), output.knowledge, some)
            progress("answering validation questions", start + len(some), len(questions))

    return calibrate(head, batches, risk=output.risk, delta=output.delta)
