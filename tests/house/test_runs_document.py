"""What docs/runs.md says about runs is so."""

import re
import shutil
from pathlib import Path

import pytest

from command import ran
from documents import ROOT, commands
from made_run import write_made_run
from ravlm.evaluation.ranking import MEASURES
from ravlm.evaluation.runs.records import CAUSES, EVIDENCE
from ravlm.evaluation.runs.scores import scores_of

TEXT = (ROOT / "docs" / "runs.md").read_text(encoding="utf-8")


def test_the_commands_and_the_python_run_in_their_order(
    trained: Path, coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, "model")
    shutil.copytree(coloured, "my-data")
    names: dict[str, object] = {"__name__": "runs"}
    for language, block in re.findall(r"^```(sh|python)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        if language == "sh":
            for command in commands(f"```sh\n{block}```\n", "docs/runs.md"):
                assert ran(command.words, monkeypatch) == 0, f"{command.line}\n{capsys.readouterr().err}"
                if command.words[1] == "evaluate":
                    shutil.copytree("run", "other-run")
        else:
            exec(compile(block, "docs/runs.md", "exec"), names)  # noqa: S102
    assert "0.0 (0.0, 0.0)" in capsys.readouterr().out
    assert {"report.html", "report.zh.html", "compared.html"} <= {path.name for path in Path().iterdir()}


def test_the_tables_name_every_evidence_cause_and_score() -> None:
    rows = re.findall(r"^\| (.+?) \|", TEXT, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert set(EVIDENCE) | set(CAUSES) <= named
    assert {re.sub(r"^(R|Success)@\d+", r"\1@k", name) for name in MEASURES} <= named
    from made_run import OUTCOMES

    everything = scores_of(OUTCOMES, [])["groups"]["all"]
    assert set(everything["calibration"]) <= named
    assert {re.sub(r"@\d+", "@k", name) for name in everything["passages"]["words"]} <= named


def test_the_files_are_those_of_a_run(tmp_path: Path) -> None:
    write_made_run(tmp_path / "run")
    files = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("*.*")}
    told = {
        name.replace("KIND", kind) for name in re.findall(r"[\w./]+\.(?:jsonl|json|trec)", TEXT) for kind in EVIDENCE
    }
    assert files <= told
