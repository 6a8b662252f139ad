"""A dataset beside what is published: counts, declarations, checksums, leaks, answers that articles hold."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import authors_files as authors
from ravlm.data.published import check as module
from ravlm.data.published.check import Compared, PublishedReport, check_published
from ravlm.data.published.facts import PUBLISHED, Facts
from ravlm.data.published.write import Kept, write_published
from small_dataset import Lines, lines_of, write_lines

Publish = Callable[..., None]


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Let other numbers be the published ones of a benchmark."""

    def numbers(name: str, variant: str = "", **changed: Any) -> None:
        facts: Facts = replace(PUBLISHED[name][variant], **{"whole": {}, **changed})
        monkeypatch.setattr(module, "PUBLISHED", {name: {variant: facts}})

    return numbers


def change(path: Path, edit: Callable[[Lines], Any]) -> None:
    lines = lines_of(path)
    edit(lines)
    write_lines(path, lines)


def told(report: PublishedReport) -> list[str]:
    return [str(fault) for fault in report.faults]


SMALL = {
    "train": {"questions": 3, "pictures": 2, "answers": 30},
    "test": {"questions": 3, "pictures": 2, "answers": 30},
}


@pytest.fixture
def okvqa(tmp_path: Path) -> Path:
    write_published("okvqa", authors.vqa(tmp_path / "in"), tmp_path / "out")
    return tmp_path / "out"


def test_what_is_as_published(okvqa: Path, publish: Publish) -> None:
    publish("okvqa", splits=SMALL, whole={"questions": 6, "pictures": 4})
    report = check_published(okvqa, "okvqa")
    assert (report.faults, report.missing, report.unheld, report.subset) == ([], (0, 0), {}, [])
    assert Compared("", "pictures", 4, 4) in report.counts
    assert [(c.found, c.published) for c in report.counts[:3]] == [
        (3, 3),
        (2, 2),
        (30, 30),
    ]  # an empty answer is one of the authors' too


@pytest.mark.parametrize("what", ["questions", "pictures", "answers"])
@pytest.mark.parametrize("more", [1, -1])
def test_a_count_that_differs(okvqa: Path, publish: Publish, what: str, more: int) -> None:
    number = SMALL["test"][what] + more
    publish("okvqa", splits={"train": SMALL["train"], "test": {**SMALL["test"], what: number}})
    faults = told(check_published(okvqa, "okvqa"))
    assert f"test.jsonl: found {SMALL['test'][what]:,} {what}, expected {number:,}, as published" in faults


def test_the_published_numbers_are_those_of_the_paper(okvqa: Path) -> None:
    faults = told(check_published(okvqa, "okvqa"))
    assert "train.jsonl: found 3 questions, expected 9,009, as published" in faults
    assert "test.jsonl: found 3 questions, expected 5,046, as published" in faults


@pytest.fixture
def part(tmp_path: Path) -> Path:
    source = authors.vqa(tmp_path / "in")
    (source / "train2014" / "COCO_train2014_000000001000.jpg").unlink()
    write_published("okvqa", source, tmp_path / "part", kept=Kept(pictures="there"))
    return tmp_path / "part"


def test_a_declared_subset_may_have_less(part: Path, publish: Publish) -> None:
    publish("okvqa", splits=SMALL)
    report = check_published(part, "okvqa")
    assert report.faults == []
    assert report.subset == ["pictures that are there: 1 are missing"]
    assert report.counts[0] == Compared("train", "questions", 1, 3)


def test_a_subset_whose_declaration_is_not_so(part: Path, publish: Publish) -> None:
    publish("okvqa", splits=SMALL)
    change(part / "test.jsonl", lambda lines: lines.pop())
    assert told(check_published(part, "okvqa")) == ["test.jsonl: found 2 questions, expected 3, as dataset.json says"]


def test_a_subset_of_files_that_were_no_whole_benchmark(part: Path, publish: Publish) -> None:
    publish("okvqa", splits={"train": {"questions": 4}, "test": {"questions": 3}})
    [fault] = told(check_published(part, "okvqa"))
    assert fault == "dataset.json, field benchmark.of.train: found 3 questions in the authors' files, expected 4"


def test_a_subset_with_more_than_the_whole(part: Path, publish: Publish) -> None:
    publish("okvqa", splits={"train": {"questions": 3, "pictures": 0}, "test": {"questions": 3}})
    assert "train.jsonl: found 1 pictures, expected 0, as published" in told(check_published(part, "okvqa"))


def test_a_subset_that_is_declared_no_more(part: Path, publish: Publish) -> None:
    publish("okvqa", splits=SMALL)
    card = json.loads((part / "dataset.json").read_text())
    card["benchmark"]["subset"] = []
    (part / "dataset.json").write_text(json.dumps(card))
    assert "train.jsonl: found 1 questions, expected 3, as published" in told(check_published(part, "okvqa"))


def test_soft_scores_tell_no_number_of_annotators(okvqa: Path, publish: Publish) -> None:
    publish("okvqa", splits=SMALL)
    for split in ("train", "test"):
        change(okvqa / f"{split}.jsonl", lambda lines: [line.pop("annotators") for line in lines])
    report = check_published(okvqa, "okvqa")
    assert report.faults == []
    assert {count.what for count in report.counts} == {"questions", "pictures"}


@pytest.mark.parametrize("name", ["vqa2", "coco-captions"])
def test_another_benchmark(okvqa: Path, name: str) -> None:
    [fault] = told(check_published(okvqa, name))
    assert fault.startswith(
        f"dataset.json, field benchmark: found 'okvqa', expected '{name}': `ravlm dataset make {name}`"
    )


def test_another_variant_than_there_are(okvqa: Path) -> None:
    card = json.loads((okvqa / "dataset.json").read_text())
    card["benchmark"]["variant"] = "2017"
    (okvqa / "dataset.json").write_text(json.dumps(card))
    [fault] = told(check_published(okvqa, "okvqa"))
    assert "field benchmark: found 'okvqa' 2017, expected 'okvqa'" in fault


def test_no_benchmark_at_all(data: Path) -> None:
    [fault] = told(check_published(data, "okvqa"))
    assert "field benchmark: found no benchmark" in fault


def test_missing_pictures_and_who_shows_them(okvqa: Path, publish: Publish) -> None:
    publish("okvqa", splits=SMALL)
    (okvqa / "images" / "train2014" / "COCO_train2014_000000001000.jpg").unlink()
    assert check_published(okvqa, "okvqa").missing == (1, 2)


def test_one_question_about_one_picture_in_two_splits(okvqa: Path, publish: Publish) -> None:
    publish("okvqa", splits={"train": {"questions": 3}, "test": {"questions": 3}})
    first = lines_of(okvqa / "train.jsonl")[0]
    change(okvqa / "test.jsonl", lambda lines: lines[2].update(images=first["images"], question="what is NUMBER 0"))
    [fault] = told(check_published(okvqa, "okvqa"))
    assert "test.jsonl, field question: found '20015': '10005' of train asks the same about the same picture" in fault
    change(okvqa / "test.jsonl", lambda lines: lines[2].update(question="What else?"))
    assert told(check_published(okvqa, "okvqa")) == []  # one picture in two splits: `check` tells it by the bytes


def test_many_leaks_are_named_in_part(okvqa: Path, publish: Publish) -> None:
    line = lines_of(okvqa / "train.jsonl")[0]
    write_lines(okvqa / "test.jsonl", [line | {"id": f"again-{i}"} for i in range(25)])
    publish("okvqa", splits={})
    leaks = [fault for fault in told(check_published(okvqa, "okvqa")) if "field question" in fault]
    assert (len(leaks), leaks[-1]) == (21, ", field question: found 5 more such questions, expected none")


@pytest.fixture
def infoseek(tmp_path: Path) -> Path:
    write_published("infoseek", authors.infoseek(tmp_path / "in"), tmp_path / "out")
    return tmp_path / "out"


VAL = {"questions": 2, "group:unseen_entity": 1, "group:unseen_question": 1}


def test_entities_that_are_promised_to_be_unseen(infoseek: Path, publish: Publish) -> None:
    publish("infoseek", splits={"train": {"questions": 2}, "val": VAL})
    assert told(check_published(infoseek, "infoseek")) == []
    change(infoseek / "val.jsonl", lambda lines: lines[0]["meta"].update(entity="Q1"))
    [fault] = told(check_published(infoseek, "infoseek"))
    assert "found 1 questions of the group 'unseen_entity' about entities of train: infoseek_val_00000000 (Q1)" in fault


def test_either_article_of_a_two_hop_question_may_be_trained(tmp_path: Path, publish: Publish) -> None:
    write_published("evqa", authors.evqa(tmp_path / "in"), tmp_path / "out")
    publish("evqa", splits={"test": {"rows": 2, "rows:2_hop": 1}}, checksums={})
    [fault] = told(check_published(tmp_path / "out", "evqa"))
    assert "evqa_test_1_0 (https://en.wikipedia.org/wiki/One|https://en.wikipedia.org/wiki/Two)" in fault


def test_rows_are_counted_not_their_photos(tmp_path: Path, publish: Publish) -> None:
    write_published("evqa", authors.evqa(tmp_path / "in"), tmp_path / "out")
    publish("evqa", splits={"train": {"rows": 1, "questions": 2, "rows:automatic": 1}}, checksums={}, unseen="")
    assert told(check_published(tmp_path / "out", "evqa")) == []


def test_checksums_that_are_not_the_authors(tmp_path: Path, publish: Publish) -> None:
    about = write_published("evqa", authors.evqa(tmp_path / "in"), tmp_path / "out")
    publish("evqa", splits={}, unseen="")
    [fault] = told(check_published(tmp_path / "out", "evqa"))
    assert fault.startswith("encyclopedic_kb_wiki.json, field sha256: found ")
    assert "36af1b6718a975c355a776114be216f4800c61320897b2186d33d17a08e44c77, as its authors publish" in fault
    publish("evqa", splits={}, unseen="", checksums={file.name: file.sha256 for file in about.files})
    assert told(check_published(tmp_path / "out", "evqa")) == []


def test_answers_that_no_article_holds(infoseek: Path, publish: Publish) -> None:
    publish("infoseek", splits={})
    report = check_published(infoseek, "infoseek")
    # Spain and 1990 stand in Q1; France not in Q2, Iberia in Q1.
    assert report.unheld == {"train": [], "val": ["infoseek_val_00000000"]}
    assert report.asked == {"train": 2, "val": 2}
    change(infoseek / "val.jsonl", lambda lines: lines[1].update(answers=["Nobody asks"]))
    assert check_published(infoseek, "infoseek").unheld["val"] == ["infoseek_val_00000000", "infoseek_val_00000001"]
    change(infoseek / "val.jsonl", lambda lines: [line.pop("entries") for line in lines])
    assert check_published(infoseek, "infoseek").unheld["val"] == ["infoseek_val_00000000"]  # Q3 holds the other


def test_a_picture_that_leads_out_is_missing(okvqa: Path, publish: Publish) -> None:
    publish("okvqa", splits=SMALL)
    change(okvqa / "test.jsonl", lambda lines: lines[0].update(images=["../in/val2014/COCO_val2014_000000002000.jpg"]))
    assert check_published(okvqa, "okvqa").missing == (1, 1)


def test_articles_are_counted_where_all_are_kept(tmp_path: Path, publish: Publish) -> None:
    source = authors.viquae(tmp_path / "in")
    for articles, faults in (("all", ["knowledge.jsonl: found 3 articles, expected 4, as published"]), ("asked", [])):
        write_published("viquae", source, tmp_path / articles, kept=Kept(articles=articles))  # type: ignore[arg-type]
        publish("viquae", splits={}, whole={"articles": 4})
        report = check_published(tmp_path / articles, "viquae")
        assert (told(report), [count.what for count in report.counts]) == (faults, ["articles"] if faults else [])


def test_captions_are_counted(tmp_path: Path, publish: Publish) -> None:
    write_published("coco-captions", authors.coco_captions(tmp_path / "in"), tmp_path / "out")
    publish("coco-captions", "2017", splits={"val": {"pictures": 2, "captions": 10}})
    assert check_published(tmp_path / "out", "coco-captions").faults == []


def test_lines_with_faults_are_left_to_check(okvqa: Path, publish: Publish) -> None:
    publish("okvqa", splits=SMALL)
    with (okvqa / "test.jsonl").open("a") as file:
        file.write("{}\n")
    assert told(check_published(okvqa, "okvqa")) == []
