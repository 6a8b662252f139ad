"""What each input is worth: the accuracy that is left without it, beside the weight that the fusion gives it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from ravlm.answering.answerer import MODALITIES, Answerer, Asked
from ravlm.answering.occlusion import GREY
from ravlm.data.dataset import Dataset
from ravlm.evaluation.measures import mean
from ravlm.evaluation.runs.records import AskedQuestion, RunAnswer
from ravlm.grading import is_right
from ravlm.safe.images import read_image

_AT_ONCE = 64
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Modality:
    """What the fusion's mean weight of a modality is, and the accuracy that is left when it is taken away."""

    weight: float | None
    accuracy_without: float | None
    drop: float | None


@dataclass(frozen=True)
class Modalities:
    """The modalities by name, measured on `n` questions, and the accuracy with all of them."""

    accuracy: float | None
    n: int
    by_name: dict[str, Modality]


def without_each(
    answerer: Answerer,
    dataset: Dataset,
    questions: Sequence[AskedQuestion],
    answers: Sequence[RunAnswer],
    *,
    progress: Progress = lambda *_: None,
) -> Modalities:
    """Answer questions without the picture (plain grey), the question (empty), or the knowledge (nothing to read).

    `answers` are those with all of them.
    """
    accuracy = mean(is_right(q.example, a.answer) for q, a in zip(questions, answers, strict=True))
    found = {}
    for name in MODALITIES:
        left = mean(_right(answerer, dataset, questions, name, progress))
        drop = None if accuracy is None or left is None else accuracy - left
        weights = [answer.weights[name] for answer in answers if name in answer.weights]
        found[name] = Modality(mean(weights), left, drop)
    return Modalities(accuracy, len(questions), found)


def _right(
    answerer: Answerer, dataset: Dataset, questions: Sequence[AskedQuestion], without: str, progress: Progress
) -> list[bool]:
    right: list[bool] = []
    for start in range(0, len(questions), _AT_ONCE):
        some = [question.example for question in questions[start : start + _AT_ONCE]]
        asked = [Asked(read_image(dataset.image_path(e.images[0])), e.question or "", e.language) for e in some]
        if without == "image":
            asked = [replace(a, image=Image.new("RGB", a.image.size, GREY)) for a in asked]
        elif without == "question":
            asked = [replace(a, question="") for a in asked]
        found = answerer.find(asked)
        hits = [[] for _ in asked] if without == "knowledge" else found.hits
        answers = answerer.answer(asked, found.seen, hits)
        right += [is_right(example, answer.text) for example, answer in zip(some, answers, strict=True)]
        progress(f"answering without {without}", len(right), len(questions))
    return right
