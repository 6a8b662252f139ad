"""A run done again: the same model, base and questions must give the same answers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from ravlm.answering.answerer import Answerer
from ravlm.data.dataset import Dataset
from ravlm.errors import DatasetError
from ravlm.evaluation.evaluate import Observed, evaluate, questions_of
from ravlm.evaluation.runs.folder import Run, answers_file
from ravlm.evaluation.runs.manifest import describe
from ravlm.evaluation.runs.records import RunAnswer

Progress = Callable[[str, int, int], None]
NEAR = 1e-3  # between two confidences or scores of one answer; other processors round otherwise
_WEIGHED = ("dataset", "model", "encoders", "knowledge", "index", "seeds", "evidence")  # must be the same
_ALLOWED = ("device", "versions")  # may differ, and are told
_TOLD_APART = ("id", "answer", "abstained", "timings")


def replay(
    run: Run, model: Path, data: Path, *, answerer: Answerer, progress: Progress = lambda *_: None
) -> tuple[list[str], list[str]]:
    """Answer the questions of a run again: every fault, and what else is to be known.

    Where a fingerprint of data, model, encoders, base or index is another, nothing is answered: other things answer
    otherwise. Another device or version is told, and tried. All of an answer but its seconds must be the same, in the
    same order; numbers may differ by 1e-3. On another processor, what is that near may change places, and is a fault.

    Args:
        run: as it was read.
        model: the folder of the model that answered.
        data: the folder of the dataset.
        answerer: opened from `model`.
        progress: told what goes on.

    Raises:
        DatasetError: the dataset has not the run's split.
    """
    dataset = Dataset.open(data)
    split, groups = run.about["dataset"]["split"], run.about["dataset"]["groups"]
    examples = questions_of(dataset, split, groups, describes=answerer.describes)
    if not examples:
        raise DatasetError(f"The split {split!r} of {data} has no question with a right answer: nothing to replay.")
    kinds = list(run.answers)
    answerer.refresh()
    now = describe(answerer, model, dataset, kinds, split=split, groups=groups, questions=len(examples))
    told = [f"run.json: {line}" for name in _ALLOWED for line in _changed(run.about.get(name), now[name], name)]
    faults = [f"run.json: {line}" for name in _WEIGHED for line in _changed(run.about.get(name), now[name], name)]
    if faults:
        return faults, [*told, "nothing was answered again: the model, its base or the data are others"]
    return list(_compare(run, evaluate(answerer, dataset, examples, kinds, progress=progress))), told


def _changed(told: Any, found: Any, where: str) -> Iterator[str]:
    """The leaves of two nested dictionaries that differ; a list is a leaf."""
    if isinstance(told, Mapping) and isinstance(found, Mapping):
        for name in dict.fromkeys([*told, *found]):
            yield from _changed(told.get(name), found.get(name), f"{where}.{name}")
    elif told != found:
        yield f"{where}: {told!r} in the run, {found!r} now"


def _compare(run: Run, again: Observed) -> Iterator[str]:
    for before, now in zip(run.questions, again.questions, strict=True):
        if before != now:
            yield f"questions.jsonl: {before.example.id}: the question, its photo or its support is another now"
    for name in dict.fromkeys([*run.passages, *again.passages]):
        if run.passages.get(name) != again.passages.get(name):
            yield f"passages.jsonl: {name}: it is another now"
    for kind, answers in run.answers.items():
        for told, found in zip(answers, again.answers[kind], strict=True):
            for what in _differs(told, found):
                yield f"{answers_file(kind)}: {told.id}: {what}"


def _differs(told: RunAnswer, found: RunAnswer) -> Iterator[str]:
    if (told.answer, told.abstained) != (found.answer, found.abstained):
        declined = {True: " (declined)", False: ""}
        yield f"answered {told.answer!r}{declined[told.abstained]}, now {found.answer!r}{declined[found.abstained]}"
    for field in fields(RunAnswer):
        if field.name not in _TOLD_APART and not near(getattr(told, field.name), getattr(found, field.name)):
            yield f"its {field.name} {'are others' if field.name.endswith('s') else 'is another'} now"


def near(told: Any, found: Any) -> bool:
    """Whether two values are the same, numbers in them within `NEAR`."""
    if is_dataclass(told) and type(told) is type(found):
        return all(near(getattr(told, field.name), getattr(found, field.name)) for field in fields(told))
    if isinstance(told, Mapping) and isinstance(found, Mapping):
        return told.keys() == found.keys() and all(near(told[name], found[name]) for name in told)
    if isinstance(told, tuple) and isinstance(found, tuple):
        return len(told) == len(found) and all(map(near, told, found))
    if isinstance(told, float) or isinstance(found, float):
        return bool(abs(told - found) <= NEAR)
    return bool(told == found)
