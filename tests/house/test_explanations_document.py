"""What docs/explanations.md says about explanations is so."""

import re
import shutil
from pathlib import Path

import pytest

from coloured_dataset import ASKED
from command import ran
from documents import ROOT, commands
from ravlm.answering import explain
from ravlm.answering.heat_map import LEAST_SCALE
from ravlm.retrieval.regions import MIDDLE

TEXT = (ROOT / "docs" / "explanations.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"<!-- output -->\n```text\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)[0]


def test_the_commands_and_the_python_run_in_their_order_and_print_what_is_shown(
    trained: Path, coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, "model")
    shutil.copytree(coloured, "my-data")
    shutil.copy(coloured / "images/test-white-red-0.png", "photo.png")
    names: dict[str, object] = {"__name__": "explanations"}
    told = []
    for language, block in re.findall(r"^```(sh|python)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        capsys.readouterr()
        if language == "sh":
            for command in commands(f"```sh\n{block}```\n", "docs/explanations.md"):
                assert ran(command.words, monkeypatch) == 0, f"{command.line}\n{capsys.readouterr().err}"
        else:
            exec(compile(block, "docs/explanations.md", "exec"), names)  # noqa: S102
        told.append(capsys.readouterr().out)
    assert frame(told[0]) == frame(SHOWN)
    assert "What each input is worth" in told[1]
    assert told[2].startswith("Kazozo stand 0.")
    assert Path("why.png").read_bytes().startswith(b"\x89PNG")
    assert ASKED["town"] in TEXT


def frame(output: str) -> list[str]:
    """What an output says on every machine: the answer, its passage, the rows of the table and how lines begin.

    Numbers differ in their last digits where a model was trained on another processor.
    """
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    rows = [line.split("|")[1].strip() for line in lines if line.startswith("|") and not line.startswith("|--")]
    said = [line for line in lines if not line.startswith("|") and "Next best" not in line]
    bare = [re.sub(r"[+-]?\d\.\d\d", "#", line) for line in said]
    return rows + [re.sub(r"^(  Words: |  Regions: |.*regions: covered).*", r"\1", line) for line in bare]


def test_its_numbers_are_those_of_the_code() -> None:
    said = " ".join(TEXT.split())
    most = explain.GRID**2 + explain.ENTRIES + explain.PASSAGES + explain.WORDS + 4
    assert f"At most {most} variants go through the model, {explain._AT_ONCE} at a time" in said
    assert f"{explain.GRID} x {explain.GRID} grid" in said
    assert f"{explain.ENTRIES} entries and {explain.PASSAGES} passages at most" in said
    assert f"{explain.WORDS} at most, content words first" in said
    assert f"to {LEAST_SCALE} at least" in said
    assert ((1 - MIDDLE) / 2, "a sixteenth on each side" in said) == (1 / 16, True)
