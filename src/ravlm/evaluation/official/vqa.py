"""VQA accuracy (VQA v2, OK-VQA): the official rule, and the variants in use that give other numbers.

Agrawal et al. 2015, VQA: Visual Question Answering, section 3: an answer is right to the degree of min(n / 3, 1), where
n people gave it, averaged over all sets of all but one of the people.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ravlm.errors import ConfigError, UnknownChoice
from ravlm.evaluation.measures import mean
from ravlm.evaluation.official.pairing import STRICT, Leniency, pair
from ravlm.evaluation.official.reading import (
    Identifier,
    Records,
    fields,
    identifier,
    listed,
    number,
    records,
    text,
    text_or_none,
)
from ravlm.evaluation.official.scored import Scored
from ravlm.evaluation.official.vqa_normalising import (
    flattened,
    normalised,
    processed,
    without_punctuation,
    words_normalised,
)
from ravlm.safe.jsonl import shown

DIGITS = 6  # decimals of accuracies in percent; the official code's own default is 2
_ENOUGH = 3  # people
_ID = "question_id"
_BY_PLACE = "lmms-eval-okvqa"  # leaves each person out by their place, whoever else is equal in everything

Normalise = Callable[[str, Sequence[str]], tuple[str, list[str]]]


def _official(prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
    prediction, flat = flattened(prediction), [flattened(answer) for answer in answers]
    if len(set(flat)) == 1:
        return prediction, flat
    return normalised(prediction), [normalised(answer) for answer in flat]


def _lavis(prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
    if len(set(answers)) == 1:
        return normalised(prediction), list(answers)
    return normalised(prediction), [without_punctuation(answer) for answer in answers]


def _lmms_eval(prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
    said, flat = processed(prediction), [flattened(answer) for answer in answers]
    if len(set(flat)) == 1:
        return said, flat
    many = [words_normalised(without_punctuation(answer, many_commas=True)) for answer in flat]
    return words_normalised(without_punctuation(said)), many


def _lmms_eval_okvqa(prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
    return processed(prediction), [processed(answer) for answer in answers]


def _substring(prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
    flat = [flattened(answer).lower() for answer in answers]
    return normalised(prediction), flat if len(set(flat)) == 1 else [normalised(answer) for answer in flat]


MODES: Mapping[str, Normalise] = {
    "official": _official,
    "lavis": _lavis,
    "lmms-eval": _lmms_eval,
    _BY_PLACE: _lmms_eval_okvqa,
    "substring": _substring,
}
"""What each variant makes of a prediction and the answers of people; `docs/scoring.md` says where each is used.

`official` normalises only where the answers are not all the same. `lavis`, as an older version of the official code,
always normalises the prediction and takes no more than punctuation from the answers. `lmms-eval` is its task `vqav2`,
`lmms-eval-okvqa` its task `ok_vqa`. `substring` counts an answer as given wherever it stands in the prediction.
"""


@dataclass(frozen=True, slots=True)
class VqaQuestion:
    """A question of an annotations file.

    Args:
        answers: what people answered, usually ten.
        identities: what else tells two answers apart, such as their number, or nothing: then all are of different
            people. The official code takes answers that are equal in everything for one person's.
        soft: in place of all these, how right each answer is, as in the files of LXMERT.
    """

    answers: tuple[str, ...]
    question_type: str | None = None
    answer_type: str | None = None
    identities: tuple[Hashable, ...] = ()
    soft: Mapping[str, float] | None = None


def vqa_accuracy(
    prediction: str, answers: Sequence[str], mode: str = "official", identities: Sequence[Hashable] = ()
) -> float:
    """How right a prediction is, in [0, 1]: mean over people of min(n / 3, 1), n of the *others* having given it.

    >>> vqa_accuracy("The dog!", ["dog", "dog", "a dog", *["cat"] * 7])
    0.9
    >>> vqa_accuracy("a red dog", ["dog", "dog", "dog", "dog", *["cat"] * 6], mode="substring")
    1.0

    Args:
        prediction: the answer to be judged.
        answers: those of people, one at least.
        mode: one of `MODES`.
        identities: see `VqaQuestion`; `lmms-eval-okvqa` does not ask for them.

    Raises:
        UnknownChoice: there is no such mode.
    """
    if mode not in MODES:
        raise UnknownChoice("mode", mode, list(MODES))
    said, right = MODES[mode](prediction, answers)
    given = [answer in said for answer in right] if mode == "substring" else [answer == said for answer in right]
    n = sum(given)
    if not n:
        return 0.0
    people: list[Hashable] = list(range(len(right)))
    if identities and mode != _BY_PLACE:
        people = list(zip(right, identities, strict=True))
    own = dict.fromkeys(people, 0)  # how often each person's answer was given, itself included
    for p, g in zip(people, given, strict=True):
        own[p] += g
    return sum(min((n - own[p]) / _ENOUGH, 1.0) for p in people) / len(people)


def soft_accuracy(prediction: str, soft: Mapping[str, float]) -> float:
    """How right a prediction is by answers with scores, the prediction normalised as by the official rule.

    >>> soft_accuracy("A pony tail.", {"pony tail": 1.0, "braid": 0.667})
    1.0
    """
    return soft.get(flattened(prediction), soft.get(normalised(prediction), 0.0))


def score_vqa(questions: Mapping[str, VqaQuestion], predictions: Mapping[str, str], mode: str = "official") -> Scored:
    """The accuracy of predictions by question: overall, by question type and by answer type, in percent.

    A question without a prediction counts as wrong. Types are left out where no question has one.
    """
    scores: dict[str, float] = {}
    groups: dict[str, dict[str, list[float]]] = {"perQuestionType": {}, "perAnswerType": {}}
    for name, asked in questions.items():
        score = 0.0
        if name in predictions and asked.soft is not None:
            score = soft_accuracy(predictions[name], asked.soft)
        elif name in predictions:
            score = vqa_accuracy(predictions[name], asked.answers, mode, asked.identities)
        scores[name] = score
        for group, kind in (("perQuestionType", asked.question_type), ("perAnswerType", asked.answer_type)):
            if kind is not None:
                groups[group].setdefault(kind, []).append(score)
    told = {group: {kind: _percent(some) for kind, some in kinds.items()} for group, kinds in groups.items() if kinds}
    return Scored({"overall": _percent(list(scores.values())), **told}, scores)


def score_vqa_files(
    predictions: Path, references: Path, *, mode: str = "official", leniency: Leniency = STRICT
) -> Scored:
    """The accuracy of a results file by an annotations file, as VQA v2 and OK-VQA have them.

    Args:
        predictions: `[{"question_id", "answer"}]`.
        references: `{"annotations": [{"question_id", "answers": [{"answer", ...}], "question_type", "answer_type"}]}`,
            or a list of these; or a list of `{"question_id", "label": {answer: score}}`.
        mode: one of `MODES`.
        leniency: what is let pass.

    Raises:
        PathError, FormatError: a file is missing, or of another format.
        DatasetError: predictions and questions don't belong together; see `pair`.
        UnknownChoice: there is no such mode.
        ConfigError: a mode is named for answers with scores, to which none applies.
    """
    if mode not in MODES:
        raise UnknownChoice("mode", mode, list(MODES))
    paired = pair(read_results(predictions), read_annotations(references), leniency)
    soft = any(question.soft is not None for question in paired.references.values())
    if soft and mode != "official":
        raise ConfigError(
            f"The mode {mode} was asked for, and {references} has answers with scores, to which no mode applies. Leave "
            "the mode out, or give the annotations of people."
        )
    notes = ("the references are answers with scores: no mode applies to them",) if soft else ()
    return score_vqa(paired.references, paired.predictions, mode).noted(*paired.notes, *notes)


def read_results(path: Path) -> Records[str]:
    """The predictions of a results file. Errors: as `listed`."""
    return records(path, listed(path, "results"), lambda r: (identifier(r, "question_id"), text(r, "answer")), _ID)


def read_annotations(path: Path) -> Records[VqaQuestion]:
    """The questions of an annotations file. Errors: as `listed`."""
    return records(path, listed(path, "annotations"), _question, _ID)


def _question(record: Any) -> tuple[Identifier, VqaQuestion]:
    name = identifier(record, "question_id")
    if "label" in record:
        soft = {answer: number(record["label"], answer) for answer in fields(record["label"])}
        if any(not 0 <= score <= 1 for score in soft.values()):
            raise ValueError(f"question {name}, field 'label': found {shown(soft)}, expected scores from 0 to 1")
        return name, VqaQuestion((), soft=soft)
    people = record.get("answers")
    if not isinstance(people, list) or not people:
        raise ValueError(f"question {name}, field 'answers': found {shown(people)}, expected a list of answers")
    answers = tuple(one if isinstance(one, str) else text(one, "answer") for one in people)
    others = [str(sorted((k, str(v)) for k, v in one.items() if k != "answer")) for one in people if type(one) is dict]
    told_apart = len(set(others)) == len(others)
    return name, VqaQuestion(
        answers,
        question_type=text_or_none(record, "question_type"),
        answer_type=text_or_none(record, "answer_type"),
        identities=() if told_apart or len(others) < len(people) else tuple(others),
    )


def _percent(scores: Sequence[float]) -> float:
    return round(100 * (mean(scores) or 0.0), DIGITS)
