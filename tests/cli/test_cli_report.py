"""Pages of runs through the command line: one run, two, one system over seeds; with and without their pictures."""

import json
from pathlib import Path

import pytest

from command import Ravlm
from made_run import ABOUT, write_made_run


def test_a_run_becomes_a_page_with_its_pictures(ravlm: Ravlm, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "a page.html"
    outcome = ravlm("report", run, "--out", out)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"Wrote {out}: open it in a browser.\n"
    page = out.read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") > 10
    assert '<html lang="en">' in page


def test_a_page_in_chinese_without_pictures(ravlm: Ravlm, tmp_path: Path) -> None:
    write_made_run(tmp_path / "made")
    outcome = ravlm("report", tmp_path / "made", "--language", "zh", "--out", tmp_path / "page.html")
    assert outcome.code == 0
    assert "The page has no photos. The data of the run is needed" in outcome.err
    assert "The page has no pictures of entries." in outcome.err
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<html lang="zh' in page
    assert "data:image/jpeg" not in page


def test_two_runs_and_how_they_differ(ravlm: Ravlm, tmp_path: Path) -> None:
    write_made_run(tmp_path / "one")
    other = {**ABOUT["model"], "training": {**ABOUT["model"]["training"], "seed": 1}}
    write_made_run(tmp_path / "other", model=other, seeds={"training": 1, "bootstrap": 0})
    outcome = ravlm("report", tmp_path / "one", tmp_path / "other", "--out", tmp_path / "page.html", "--json")
    assert outcome.code == 0
    found = json.loads(outcome.out)
    assert found["over_seeds"]["all"]["retrieved"]["seeds"] == 2
    assert found["comparison"]["counts"] == {"both": 3, "only_first": 0, "only_second": 0, "neither": 1}
    assert ["seeds.training", 0, 1] in found["comparison"]["settings"]


@pytest.mark.parametrize("file", ["summary.json", "outcomes.jsonl", "run.json"])
def test_a_run_that_is_not_as_it_was_written_becomes_no_page(ravlm: Ravlm, tmp_path: Path, file: str) -> None:
    write_made_run(tmp_path / "made")
    path = tmp_path / "made" / file
    path.write_text(path.read_text().replace("0.75", "0.76").replace("luck", "reader").replace("CPU", "GPU"))
    outcome = ravlm("report", tmp_path / "made", "--out", tmp_path / "page.html")
    assert (outcome.code, outcome.out) == (1, "")
    assert "is not as it was written" in outcome.err
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "no run in nowhere"),
        (("made", "--language", "fr"), "no language of a page 'fr'"),
        (("made", "--out", "data"), "ends in .html"),
        (("made", "--out", "data/dataset.json"), "ends in .html"),
        (("made", "--out", "folder.html"), "it is a folder"),
        (("made", "data"), "no run in data"),
        ((), "RUN"),
    ],
)
def test_bad_input_ends_in_2_and_writes_nothing(
    ravlm: Ravlm, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_made_run(Path("made"))
    Path("folder.html").mkdir()
    before = sorted(Path().rglob("*"))
    outcome = ravlm("report", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert sorted(Path().rglob("*")) == before
