"""A-OKVQA (Schwenk et al., ECCV 2022): `aokvqa_v1p0_train.json` and `aokvqa_v1p0_val.json`, lists of

    {split, image_id, question_id, question, choices, correct_choice_idx, direct_answers, difficult_direct_answer,
     rationales}

The test file has neither right choices nor direct answers.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from ravlm.data.published.coco import other_names, photo_2017
from ravlm.data.published.content import Content, Wanted, annotated, blanks, made
from ravlm.data.published.source import Authors, SourceFolder, only_once, read_list
from ravlm.lines import ExampleLine
from ravlm.safe.jsonl import Fault

ASKS = ("answers", "choices")


class _Record(Authors):
    question_id: str
    image_id: int
    question: str
    choices: list[str]
    split: str = ""
    correct_choice_idx: int
    direct_answers: list[str]
    difficult_direct_answer: bool = False
    rationales: list[str] = Field(default_factory=list)


def read_aokvqa(source: SourceFolder, wanted: Wanted) -> Content:
    """A-OKVQA's splits train and val, asked for direct answers or for one of four choices."""
    faults: list[Fault] = []
    files = {s: source.need(f"aokvqa_v1p0_{s}.json", f"A-OKVQA's questions of {s}") for s in wanted.splits}
    unanswered: dict[str, list[str]] = {split: [] for split in files}
    ask = wanted.ask or ASKS[0]
    splits = {split: _split(split, path, ask, faults, unanswered[split]) for split, path in files.items()}
    return Content(splits, faults, other_names=other_names, unanswered=unanswered)


def _split(split: str, path: Path, ask: str, faults: list[Fault], unanswered: list[str]) -> Iterator[ExampleLine]:
    before = len(faults)
    records = read_list(path, _Record, faults, f"A-OKVQA's list of questions of {split}")
    only_once((record.question_id for record in records), path.name, faults)
    wrong = sorted({record.split for record in records} - {"", split})
    if wrong:
        faults.append(Fault(path.name, 0, "split", ", ".join(map(repr, wrong)), f"{split!r}, as the file's name says"))
    if len(faults) > before:
        return
    for record in records:
        answers, annotators = annotated(record.direct_answers)
        meta = {"rationales": record.rationales, "difficult_direct_answer": record.difficult_direct_answer}
        if ask == "choices":
            fields = {"kind": "choice", "choices": record.choices, "correct": record.correct_choice_idx}
            meta |= {"direct_answers": record.direct_answers}
        elif not answers and record.direct_answers:
            unanswered.append(record.question_id)
            continue
        else:
            fields = {"kind": "answers", "answers": answers, "annotators": annotators}
            meta |= {"choices": record.choices, "correct_choice_idx": record.correct_choice_idx}
            meta |= blanks(record.direct_answers)
        yield from made(
            ExampleLine,
            faults,
            path.name,
            id=record.question_id,
            images=[photo_2017(f"{split}2017", record.image_id)],
            question=record.question.strip(),
            groups=["difficult_direct_answer"] if record.difficult_direct_answer else [],
            meta=meta,
            **fields,
        )
