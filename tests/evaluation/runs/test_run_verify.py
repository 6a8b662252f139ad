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
    training = about["model"]["training"] or {}
    about["model"]["training"] = training
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


HIT = {"entry": "sweden", "passage": "sweden#0", "image": None, "scores": {}}
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
    "something read without evidence": (
        "answers/none.jsonl",
        0,
        lambda line: line.update(hits=[HIT]),
        "q0: something was read, and this is without evidence",
    ),
    "an oracle that was given another entry": (
        "answers/oracle.jsonl",
        0,
        lambda line: line["hits"].append(HIT),
        "q0: an entry was read that is not a right one",
    ),
    "an oracle that was given nothing": (
        "answers/oracle.jsonl",
        0,
        lambda line: line.update(hits=[], citations=[]),
        "q0: no supporting passage was read, and there is one",
    ),
    "a wrong entry that is the right one": (
        "answers/wrong.jsonl",
        2,
        lambda line: line["hits"].__setitem__(0, HIT),
        "q2: an entry was read that is not the wrong one",
    ),
    "nothing that was removed": (
        "answers/removed.jsonl",
        0,
        lambda line: line["hits"].insert(0, HIT | {"entry": "norway", "passage": "norway#0"}),
        "q0: what was read is not what was retrieved without",
    ),
    "more that was removed": (
        "answers/removed.jsonl",
        0,
        lambda line: line.update(hits=[], citations=[]),
        "q0: what was read is not what was retrieved without",
    ),
    "what was read in another order than it was found": (
        "answers/retrieved.jsonl",
        0,
        lambda line: line.update(ranked=[["sweden", 0.9], ["norway", 0.8]]),
        "q0: what was read is not of the entries that were ranked, in their order",
    ),
    "an entry that was found twice": (
        "answers/retrieved.jsonl",
        0,
        lambda line: line["ranked"].append(["norway", 0.1]),
        "q0: an entry was found twice",
    ),
    "scores that rise": (
        "answers/retrieved.jsonl",
        0,
        lambda line: line["ranked"].append(["denmark", 0.95]),
        "q0: the scores of the entries that were found do not fall",
    ),
    "a query where none belongs": (
        "answers/none.jsonl",
        0,
        lambda line: line.update(ranked=[["norway", 0.9]]),
        "q0: a query stands where",
    ),
    "a hit that is nothing": (
        "answers/retrieved.jsonl",
        2,
        lambda line: line["hits"].append(HIT | {"entry": "norway", "passage": None}),
        "q2: a hit of entry 'norway' is not either a passage or a picture",
    ),
    "a span outside its passage": (
        "answers/retrieved.jsonl",
        0,
        lambda line: line["citations"][0].update(span=[26, 900]),
        "q0: it cites characters 26 to 900",
    ),
    "a probability that is none": (
        "answers/retrieved.jsonl",
        0,
        lambda line: line["citations"][0].update(probability=7.5),
        "q0: a probability is outside 0 to 1",
    ),
    "alternatives that say something else": (
        "answers/retrieved.jsonl",
        0,
        lambda line: line["alternatives"].reverse(),
        "q0: the first of its alternatives is 'Bergen'",
    ),
    "time that runs back": (
        "answers/none.jsonl",
        1,
        lambda line: line["timings"].update(read=-1),
        "q1: it took less than no time",
    ),
    "a photo without a hash": ("questions.jsonl", 0, lambda q: q.update(photo="zzz"), "q0: 'zzz' is no SHA-256"),
    "a photo with two hashes": ("questions.jsonl", 1, lambda q: q.update(photo=64 * "b"), "q1: the photo 'norway.png'"),
    "an entry with two titles": ("passages.jsonl", 1, lambda p: p.update(title="Noreg"), "norway#1: its entry has"),
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
    assert "its SHA-256 is not" not in found
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
    other = 5 if isinstance(ABOUT[part][name], int) else "other"
    change_json(run / RUN, lambda about: about[part].update({name: other}))
    found = "\n".join(verify(run))
    assert "summary.json: run:" in found
    assert f"summary.json: about.{part}.{name}: {ABOUT[part][name]!r} is stated, {other!r} follows" in found


@pytest.mark.parametrize(
    ("part", "name", "value", "said"),
    [
        ("knowledge", "fingerprint", "other", "run.json: index.knowledge"),
        ("encoders", "visual", "other", "run.json: index.encoder"),
        ("dataset", "questions", 5, "run.json: dataset.questions"),
        ("seeds", "training", 5, "run.json: seeds.training"),
        ("seeds", "bootstrap", 5, "seeds.bootstrap: Input should be 0"),
        ("dataset", "groups", ["other"], "q0: it is in none of the groups that were asked"),
        ("dataset", "colour", "red", "dataset.colour: Extra inputs are not permitted"),
        ("knowledge", "entries", None, "knowledge.entries"),
        ("model", "training", None, "model.training"),
    ],
)
def test_what_the_rest_tells_is_found_though_all_checksums_fit(
    run: Path, part: str, name: str, value: object, said: str
) -> None:
    change_json(run / RUN, lambda about: about[part].update({name: value}))
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


def test_a_passage_that_nothing_needs_or_that_stands_twice_is_found(run: Path) -> None:
    path = run / "passages.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines, lines[0].replace("norway#0", "norway#7")]), encoding="utf-8")
    forge(run)
    assert "passages.jsonl: norway#7: no answer read it, and it supports none" in verify(run)
    path.write_text("".join([*lines, lines[0]]), encoding="utf-8")
    forge(run)
    assert any("an id stands twice" in fault for fault in verify(run))


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        ("cause", "..el", "..er", "question 3: its cause is 'reader', and it is right"),
        ("cause", "..el", "..e.", "question 3: it is said to stand on its evidence"),
        ("cause", "..el", "...l", "question 2: its cause is '', and it is wrong"),
        ("gold_ranks", "1 1 - 1", "1 1 - 1,1", "question 3: the places of its right entries can't be"),
    ],
)
def test_a_summary_that_contradicts_itself_is_found(run: Path, name: str, before: str, after: str, said: str) -> None:
    def edit(summary: Line) -> None:
        assert summary["columns"][name] == before
        summary["columns"][name] = after

    change_json(run / SUMMARY, edit)
    assert any(said in fault for fault in verify_summary(run / SUMMARY))


@pytest.mark.parametrize("harm", ['{"id": 1}\n', "nonsense\n", "[]\n", '"\n'])
@pytest.mark.parametrize("file", ["questions.jsonl", "answers/retrieved.jsonl", "outcomes.jsonl", "passages.jsonl"])
def test_a_damaged_file_is_a_fault_and_no_crash(run: Path, file: str, harm: str) -> None:
    (run / file).write_text(harm)
    forge(run)
    assert any(file.rpartition("/")[2] in fault and "line 1" in fault for fault in verify(run))


@pytest.mark.parametrize("harm", ["{}", "[]", '{"format": 2}', '{"format": 2, "files": 3}', "", '{"format": 1}'])
@pytest.mark.parametrize("file", [SUMMARY, RUN])
def test_a_damaged_card_is_told(run: Path, file: str, harm: str) -> None:
    (run / file).write_text(harm)
    if file == SUMMARY or '"format": 2' in harm:
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
