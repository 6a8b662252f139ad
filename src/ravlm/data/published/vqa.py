"""VQA v2 (Goyal et al., CVPR 2017) and OK-VQA (Marino et al., CVPR 2019): one layout, other file names.

    v2_OpenEnded_mscoco_train2014_questions.json   {"info", "data_subtype", "questions": [{question_id, image_id, question}]}
    v2_mscoco_train2014_annotations.json           {"annotations": [{question_id, image_id, question_type, answer_type,
                                                    "answers": [{"answer", ...}]}]}

OK-VQA's files have no `v2_`, and name its ten kinds of questions in `question_types`. Of OK-VQA, files of soft scores
(`train.json`, `testdev.json`: [{question_id, sent, img_id, "label": {answer: score}}]) are read where the annotations
are missing; they no longer say how many annotators gave an answer.
"""  # noqa: E501

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ravlm.data.published.coco import other_names, photo_2014
from ravlm.data.published.content import BLANK, Content, Wanted, annotated, blanks, made
from ravlm.data.published.source import Authors, SourceFolder, only_once, read_list, read_whole
from ravlm.lines import ExampleLine
from ravlm.safe.jsonl import Fault

PARTS = {"vqa2": {"train": "train2014", "val": "val2014"}, "okvqa": {"train": "train2014", "test": "val2014"}}
"""By benchmark, the authors' name of each split. OK-VQA tests on photos of COCO's val2014."""
_SOFT = {"train": "train.json", "test": "testdev.json"}
_PREFIX = {"vqa2": "v2_", "okvqa": ""}
_FEW = 3  # ids that a fault shows
_NAMED = {"vqa2": "VQA v2", "okvqa": "OK-VQA"}


def _answer(given: Any) -> Any:
    return given.get("answer") if isinstance(given, dict) else given


class _Info(Authors):
    description: str = ""


class _Question(Authors):
    question_id: int
    image_id: int
    question: str


class _Questions(Authors):
    info: _Info = _Info()
    data_subtype: str = ""
    questions: list[_Question]


class _Annotation(Authors):
    question_id: int
    image_id: int
    answers: list[Annotated[str, BeforeValidator(_answer)]]
    question_type: str = ""
    answer_type: str = ""


class _Annotations(Authors):
    info: _Info = _Info()
    data_subtype: str = ""
    question_types: dict[str, str] = Field(default_factory=dict)
    annotations: list[_Annotation]


class _Soft(Authors):
    question_id: int
    sent: str
    img_id: Annotated[str, Field(pattern=r"^COCO_\w+_\d{12}$")]
    label: dict[str, float]


def read_vqa2(source: SourceFolder, wanted: Wanted) -> Content:
    """VQA v2: the splits train and val; the answers of its test questions are not published."""
    return _read("vqa2", source, wanted)


def read_okvqa(source: SourceFolder, wanted: Wanted) -> Content:
    """OK-VQA: the splits train and test (the authors' val2014)."""
    return _read("okvqa", source, wanted)


def _read(name: str, source: SourceFolder, wanted: Wanted) -> Content:
    faults: list[Fault] = []
    files = {}
    for split in wanted.splits:
        part = PARTS[name][split]
        answers = f"{_PREFIX[name]}mscoco_{part}_annotations.json"
        soft = name == "okvqa" and not source.has(answers) and source.has(_SOFT[split])
        questions = f"{_PREFIX[name]}OpenEnded_mscoco_{part}_questions.json"
        files[split] = (
            source.need(questions, f"the questions of {_NAMED[name]}'s {part}"),
            source.need(_SOFT[split] if soft else answers, f"their answers: {_NAMED[name]}'s {part}"),
            soft,
        )
    unanswered: dict[str, list[str]] = {split: [] for split in files}
    splits = {s: _split(name, s, *paths, faults, unanswered[s]) for s, paths in files.items()}
    return Content(splits, faults, other_names=other_names, unanswered=unanswered)


def _split(
    name: str, split: str, questions: Path, answers: Path, soft: bool, faults: list[Fault], unanswered: list[str]
) -> Iterator[ExampleLine]:
    """The examples of a split, in the order of the questions; nothing is given where the files don't fit."""
    part, before = PARTS[name][split], len(faults)
    told = f"{_NAMED[name]}'s questions of {part}"
    read = read_whole(questions, _Questions, faults, told)
    if read is None:
        return
    _check_release(name, part, read, questions.name, faults)
    only_once((str(q.question_id) for q in read.questions), questions.name, faults)
    about = _soft(answers, part, faults) if soft else _annotated(name, part, answers, faults)
    images = {q.question_id: q.image_id for q in read.questions}
    _check_pairs(images, {key: image for key, (image, _) in about.items()}, questions.name, answers.name, faults)
    if len(faults) > before:
        return
    for question in read.questions:
        fields = about[question.question_id][1]
        if not fields["answers"] and BLANK in fields.get("meta", ()):
            unanswered.append(str(question.question_id))
            continue
        yield from made(
            ExampleLine,
            faults,
            questions.name,
            id=str(question.question_id),
            images=[photo_2014(part, question.image_id)],
            question=question.question.strip(),
            kind="answers",
            **fields,
        )


def _annotated(name: str, part: str, path: Path, faults: list[Fault]) -> dict[int, tuple[int, dict[str, Any]]]:
    """By question: its picture, and the fields of its example that hold the annotations."""
    read = read_whole(path, _Annotations, faults, f"{_NAMED[name]}'s annotations of {part}")
    if read is None:
        return {}
    _check_release(name, part, read, path.name, faults)
    only_once((str(a.question_id) for a in read.annotations), path.name, faults)
    found = {}
    for annotation in read.annotations:
        answers, annotators = annotated(annotation.answers)
        kind = read.question_types.get(annotation.question_type, annotation.question_type)
        groups = {"question_type": kind, "answer_type": annotation.answer_type}
        fields: dict[str, Any] = {
            "answers": answers,
            "annotators": annotators,
            "groups": [f"{group}:{value}" for group, value in groups.items() if value],
        }
        if meta := blanks(annotation.answers):
            fields["meta"] = meta
        found[annotation.question_id] = annotation.image_id, fields
    return found


def _soft(path: Path, part: str, faults: list[Fault]) -> dict[int, tuple[int, dict[str, Any]]]:
    """The same of a file of soft scores: the best answer first."""
    read = read_list(path, _Soft, faults, f"soft-scored answers of {part}")
    only_once((str(one.question_id) for one in read), path.name, faults)
    found = {}
    for one in read:
        wrong, number = one.img_id.removeprefix("COCO_").rsplit("_", 1)
        if wrong != part:
            faults.append(Fault(path.name, 0, f"{one.question_id} img_id", repr(one.img_id), f"a photo of {part}"))
        scores = dict(sorted(((a, s) for a, s in one.label.items() if a.strip()), key=lambda item: -item[1]))
        found[one.question_id] = int(number), {"answers": list(scores), "meta": {"soft_scores": scores}}
    return found


def _check_release(name: str, part: str, read: _Questions | _Annotations, file: str, faults: list[Fault]) -> None:
    """Tell a file of another split, or of another benchmark under the same file name (VQA v1 and OK-VQA share them)."""
    if read.data_subtype not in ("", part):
        faults.append(Fault(file, 0, "data_subtype", repr(read.data_subtype), f"{part!r}, as the file's name says"))
    said = read.info.description
    outside = "OK-VQA" not in said and "VQA dataset" in said if name == "okvqa" else "OK-VQA" in said or "v1.0" in said
    if outside:
        faults.append(Fault(file, 0, "info.description", repr(said), f"a file of {_NAMED[name]}"))


def _check_pairs(
    asked: Mapping[int, int], answered: Mapping[int, int], questions: str, answers: str, faults: list[Fault]
) -> None:
    """Tell questions without annotations, annotations without questions, and pairs that name two pictures."""
    if not asked or not answered:
        if not faults:
            empty = questions if not asked else answers
            faults.append(Fault(empty, 0, "", "nothing in it", "at least one question"))
        return
    for file, here, other, what in (
        (questions, asked, answered, f"a question that {answers} doesn't answer"),
        (answers, answered, asked, f"an annotation of no question in {questions}"),
    ):
        alone = [key for key in here if key not in other]
        if alone:
            few = ", ".join(map(str, alone[:_FEW])) + (", ..." if len(alone) > _FEW else "")
            faults.append(
                Fault(file, 0, "question_id", f"{len(alone):,} times {what} ({few})", "files of one split and release")
            )
    apart = [key for key in asked if key in answered and asked[key] != answered[key]]
    faults.extend(
        Fault(answers, 0, f"{key} image_id", str(answered[key]), f"{asked[key]}, as in {questions}") for key in apart
    )
