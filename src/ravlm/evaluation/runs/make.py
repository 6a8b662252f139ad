"""A model answers a dataset's questions, and the run is written: evaluate, describe, write."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ravlm.answering.answerer import Answerer
from ravlm.data.dataset import Dataset
from ravlm.evaluation.evaluate import evaluate, questions_of
from ravlm.evaluation.runs.folder import Run
from ravlm.evaluation.runs.manifest import describe
from ravlm.evaluation.runs.records import EVIDENCE, EvidenceKind
from ravlm.evaluation.runs.write import write

Progress = Callable[[str, int, int], None]


def make_run(
    answerer: Answerer,
    model: Path,
    dataset: Dataset,
    out: Path,
    kinds: Sequence[EvidenceKind] = EVIDENCE,
    *,
    split: str = "test",
    groups: Sequence[str] = (),
    progress: Progress = lambda *_: None,
) -> Run:
    """Answer the questions of a split from these kinds of evidence, and write what came of it to `out`.

    Args:
        answerer: opened from `model`.
        model: its folder.
        dataset: that is asked.
        out: a new or empty folder; it appears when it is whole.
        kinds: of evidence; see `evidence.hits_of`.
        split: of the dataset.
        groups: the only ones whose questions are asked; empty: all.
        progress: told what goes on.

    Raises:
        DatasetError: the dataset has no such split.
        PathError: `out` holds something, or can't be written.
        TrainingError: the model's answers are no numbers.
    """
    questions = questions_of(dataset, split, groups, describes=answerer.describes)
    seen = evaluate(answerer, dataset, questions, kinds, progress=progress)
    given = list(seen.answers)
    about = describe(answerer, model, dataset, given, split=split, groups=groups, questions=len(questions))
    where = {"model": str(model.absolute()), "data": str(dataset.folder.absolute())}
    return write(out, about, seen.questions, seen.passages, seen.answers, where)
