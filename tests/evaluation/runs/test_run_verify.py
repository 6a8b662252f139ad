"""A whole run verifies; every mistake planted in one is found, by its checksum and where that was changed as well."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from made_run import ABOUT, EXAMPLES, write_made_run
from ravlm.errors import FormatError, PathError
from ravlm.evaluation.runs.folder import RUN, SUMMARY, checksum, read_run, write_json
from ravlm.evaluation.runs.verify import differences, verify, verify_summary
from ravlm.evaluation.runs.write import summary_about, trec_id

Line = dict[str, Any]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_made_run(tmp_path / "run")
    return tmp_path / "run"


def change(path: Path, number: int, edit: Callable[[Line], object]) -> None:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    edit(lines[number])
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def change_json(path: Path, edit: Callable[[Line], object]) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    edit(value)
    write_json(path, value)


def forge(run: Path) -> None:
    """Make all checksums fit again, as whoever changes a run on purpose would."""
    change_json(run / RUN, lambda about: about.update(files={n: checksum(run / n) for n in about["files"]}))
    about = json.loads((run / RUN).read_text(encoding="utf-8"))
    change_json(run / SUMMARY, lambda s: s.update(run=checksum(run / RUN), about=summary_about(about)))


def test_a_whole_run_has_no_fault(run: Path) -> None:
    assert verify(run) == []
    assert verify_summary(run / SUMMARY) == []
    forge(run)
    assert verify(run) == []


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    written = write_made_run(tmp_path / "run")
    found = read_run(tmp_path / "run")
    assert (found.questions, found.passages, found.answers) == (written.questions, written.passages, written.answers)
    assert found.outcomes == written.outcomes
    assert found.about == json.loads(json.dumps(written.about))
    assert found.summary == json.loads(json.dumps(written.summary))


def say_answer(text: str) -> Callable[[Line], object]:
    return lambda line: line.update(answer=text)


PLANTED: dict[str, tuple[str, int, Callable[[Line], object], str]] = {
    "a changed answer": ("answers/retrieved.jsonl", 2, say_answer("Stockholm"), "q2"),
    "an answer without evidence that is changed": ("answers/none.jsonl", 3, say_answer("right"), "q3: right"),
    "an answer that declines": (
        "answers/retrieved.jsonl",
        0,
        lambda line: line.update(abstained=True),
        "q0: abstained",
    ),
    "a changed confidence": ("answers/retrieved.jsonl", 0, lambda line: line.update(confidence=0.95), "q0: confidence"),
    "a hit of another entry": (
        "answers/retrieved.jsonl",
        0,
        lambda line: line["hits"][2].update(passage="sweden#9"),
        "'sweden#9' of entry 'sweden'",
    ),
    "a hit that is left out": ("answers/retrieved.jsonl", 0, lambda line: line["hits"].pop(0), "'norway#0', which was"),
    "hits in another order": (
        "answers/retrieved.jsonl",
        1,
        lambda line: line["hits"].reverse(),
        "q1: passage_rank (1, 1) is stated, (2, 2) follows",
    ),
    "entries in another order": (
        "answers/retrieved.jsonl",
        0,
        lambda line: line["ranked"].reverse(),
        "q0: gold_ranks (1,) is stated, (2,) follows",
    ),
    "an entry's score": (
        "answers/retrieved.jsonl",
        0,
        lambda line: line["ranked"][0].__setitem__(1, 0.99),
        "entries.run.trec: it is not what the answers",
    ),
    "a citation of another place": (
        "answers/retrieved.jsonl",
        0,
        lambda line: line["citations"][0].update(span=[4, 11]),
        "it cites 'capital', but answers 'Oslo'",
    ),
    "another right answer": ("questions.jsonl", 2, lambda q: q["example"].update(answers=["Oslo"]), "q2: right"),
    "another right entry": ("questions.jsonl", 2, lambda q: q["example"].update(entries=["norway"]), "q2: cluster"),
    "another group": ("questions.jsonl", 2, lambda q: q["example"].update(groups=["seen"]), "q2: groups"),
    "another support": ("questions.jsonl", 0, lambda q: q.update(support=["norway#1"]), "q0: support"),
    "a changed passage": (
        "passages.jsonl",
        0,
        lambda p: p.update(text="The capital of Norway is Bern."),
        "but answers 'Oslo'",
    ),
    "a passage of another entry": ("passages.jsonl", 0, lambda p: p.update(entry="sweden"), "not of entry 'sweden'"),
    "a changed score of a question": (
        "outcomes.jsonl",
        2,
        lambda o: o["right"].update(retrieved=True),
        "q2: right",
    ),
    "a changed cause": ("outcomes.jsonl", 2, lambda o: o.update(cause="reader"), "cause 'reader' is stated, 'entry'"),
    "a changed rank": ("outcomes.jsonl", 2, lambda o: o.update(gold_ranks=[1]), "q2: gold_ranks"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found(run: Path, name: str) -> None:
    file, line, edit, said = PLANTED[name]
    change(run / file, line, edit)
    assert f"{file}: its SHA-256 is not the one in run.json" in verify(run)
    forge(run)
    found = "\n".join(verify(run))
    assert "SHA-256" not in found
    assert said in found


@pytest.mark.parametrize("file", ["questions.jsonl", "answers/none.jsonl", "outcomes.jsonl"])
def test_a_line_that_is_left_out_or_stands_elsewhere_is_found(run: Path, file: str) -> None:
    lines = (run / file).read_text(encoding="utf-8").splitlines(keepends=True)
    for changed in (lines[:-1], [lines[1], lines[0], *lines[2:]]):
        (run / file).write_text("".join(changed), encoding="utf-8")
        forge(run)
        assert any("in their order" in fault for fault in verify(run))


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("entries.run.trec", "norway 1 0.800000", "norway 1 0.900000"),
        ("entries.run.trec", "q0 Q0 norway", "q0 Q0 sweden"),
        ("entries.qrels.trec", "q2 0 sweden 1", "q2 0 norway 1"),
    ],
)
def test_a_changed_trec_file_is_found(run: Path, file: str, before: str, after: str) -> None:
    text = (run / file).read_text(encoding="utf-8")
    assert before in text
    (run / file).write_text(text.replace(before, after, 1), encoding="utf-8")
    forge(run)
    assert any(fault.startswith(f"{file}: it is not what") for fault in verify(run))


FINGERPRINTS = [("dataset", "fingerprint"), ("model", "fingerprint"), ("encoders", "language"), ("seeds", "training")]
FINGERPRINTS += [("index", "fingerprint"), ("versions", "ravlm"), ("knowledge", "version")]


@pytest.mark.parametrize(("part", "name"), FINGERPRINTS)
def test_a_changed_fingerprint_is_found(run: Path, part: str, name: str) -> None:
    change_json(run / RUN, lambda about: about[part].update({name: "other"}))
    found = "\n".join(verify(run))
    assert "summary.json: run:" in found
    assert f"summary.json: about.{part}.{name}: {ABOUT[part][name]!r} is stated, 'other' follows" in found


@pytest.mark.parametrize(
    ("part", "name", "said"),
    [
        ("knowledge", "fingerprint", "run.json: index.knowledge"),
        ("encoders", "visual", "run.json: index.encoder"),
        ("dataset", "questions", "run.json: dataset.questions"),
    ],
)
def test_a_fingerprint_that_the_rest_tells_is_found_though_all_checksums_fit(
    run: Path, part: str, name: str, said: str
) -> None:
    change_json(run / RUN, lambda about: about[part].update({name: 5}))
    forge(run)
    assert said in "\n".join(verify(run))


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("groups", "all", "evidence", "retrieved", "accuracy", "value"), 0.76),
        (("groups", "all", "evidence", "retrieved", "accuracy", "interval"), [0.7, 0.8]),
        (("groups", "all", "retrieval", "RR@10", "value"), 0.75 + 2e-9),
        (("groups", "unseen", "calibration", "ECE"), None),
        (("groups", "seen", "causes", "entry"), 1),
        (("groups", "all", "n"), 5),
        (("macro", "groups", "all", "oracle", "value"), 0.5),
    ],
)
def test_a_changed_score_is_found(run: Path, where: tuple[str, ...], value: object) -> None:
    def edit(summary: Line) -> None:
        inner = summary["scores"]
        for name in where[:-1]:
            inner = inner[name]
        inner[where[-1]] = value

    change_json(run / SUMMARY, edit)
    for faults in (verify(run), verify_summary(run / SUMMARY)):
        assert any(f"scores.{'.'.join(where)}" in fault for fault in faults)


def test_a_changed_column_is_found_in_the_run_and_alone(run: Path) -> None:
    change_json(run / SUMMARY, lambda summary: summary["columns"]["right"].update(retrieved="1111"))
    assert any("columns.right.retrieved" in fault for fault in verify(run))
    assert any("scores.groups.all.evidence.retrieved.accuracy.value" in f for f in verify_summary(run / SUMMARY))


def test_files_that_are_missing_or_not_of_the_run_are_told(run: Path) -> None:
    (run / "notes.txt").write_text("mine")
    assert verify(run) == ["notes.txt: not listed in run.json"]
    (run / "answers" / "wrong.jsonl").unlink()
    assert "answers/wrong.jsonl: listed in run.json, but missing" in verify(run)
    (run / "passages.jsonl").unlink()
    assert any("There is no file" in fault for fault in verify(run))


@pytest.mark.parametrize("harm", ['{"id": 1}\n', "nonsense\n", "[]\n", '"\n'])
@pytest.mark.parametrize("file", ["questions.jsonl", "answers/retrieved.jsonl", "outcomes.jsonl", "passages.jsonl"])
def test_a_damaged_file_is_a_fault_and_no_crash(run: Path, file: str, harm: str) -> None:
    (run / file).write_text(harm)
    forge(run)
    assert any(file.rpartition("/")[2] in fault and "line 1" in fault for fault in verify(run))


@pytest.mark.parametrize("harm", ["{}", "[]", '{"format": 1}', '{"format": 1, "files": 3}', "", '{"format": 2}'])
@pytest.mark.parametrize("file", [SUMMARY, RUN])
def test_a_damaged_card_is_told(run: Path, file: str, harm: str) -> None:
    (run / file).write_text(harm)
    if file == SUMMARY or '"format": 1' in harm:
        assert any(file in fault for fault in verify(run))
    else:
        with pytest.raises(FormatError, match=file):
            verify(run)


def test_no_run_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(PathError, match="no run in"):
            verify(path)
    with pytest.raises(PathError):
        verify_summary(tmp_path / "nothing.json")


def test_differences_are_told_by_their_place() -> None:
    told = {"a": [1.0, {"b": True}], "c": 1, "gone": 0}
    found = {"a": (1.0 + 1e-12, {"b": 1}), "c": 2, "new": None}
    assert list(differences(told, found, "x")) == [
        "x.a[1].b: True is stated, 1 follows",
        "x.c: 1 is stated, 2 follows",
        "x.gone: stated, but does not follow",
        "x.new: missing",
    ]
    assert list(differences([1], [1, 2])) == ["scores: [1] is stated, [1, 2] follows"]


def test_ids_with_spaces_stand_in_trec_files_too(tmp_path: Path) -> None:
    assert len({trec_id(name) for name in ("a b", "a%20b", "a\tb", "a_b")}) == 4
    assert trec_id(EXAMPLES[0].id) == EXAMPLES[0].id
