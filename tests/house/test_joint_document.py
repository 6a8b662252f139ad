"""What docs/training.md says of joint training runs, and its objectives are all there are."""

import json
import re
import shutil
from pathlib import Path
from typing import get_args

import pytest

from command import ran
from documents import ROOT, commands
from ravlm.data.flags.world import WorldSize
from ravlm.model.config import RetrieverConfig
from ravlm.training.config import JointConfig, Objective

TEXT = (ROOT / "docs" / "training.md").read_text(encoding="utf-8").partition("## Retriever and reader together")[2]
TEXT = TEXT.partition("\n## ")[0]


def test_the_command_runs(
    trained: Path,
    coloured: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, "model")
    shutil.copytree(coloured, "flags")
    Path("configs").mkdir()
    config = (ROOT / "configs" / "joint.toml").read_text(encoding="utf-8")
    assert "steps = 150" in config
    Path("configs", "joint.toml").write_text(config.replace("steps = 150", "steps = 2\nbatch = 8"), encoding="utf-8")
    (command,) = commands(TEXT, "docs/training.md")
    assert ran(command.words, monkeypatch) == 0, capsys.readouterr().err
    assert "learning to retrieve and read together: 2 of 2" in capsys.readouterr().err
    assert (tmp_path / "joined" / "config.json").is_file()


def test_objectives_parts_and_queries_are_all_that_there_are() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE))
    assert rows == set(get_args(Objective))
    parts = re.search(r"The parts are (.*?)\. All", TEXT, re.DOTALL)
    assert parts is not None
    assert set(re.findall(r"`(\w+)`", parts[1])) == set(JointConfig.PARTS)
    queries = get_args(RetrieverConfig.model_fields["query"].annotation)
    assert all(f'(`"{name}"`)' in TEXT for name in queries)
    assert JointConfig().steps == 0


def test_what_is_said_of_joint_training_follows_from_its_figures() -> None:
    found = json.loads((ROOT / "benchmarks" / "results" / "joint.json").read_text(encoding="utf-8"))["datasets"]

    def side(dataset: str, arm: str, group: str, name: str) -> int:
        """1 where it is better than the frozen arm, -1 where it is worse, 0 where the interval holds zero."""
        low, high = found[dataset][arm][group][name]["interval"]
        return (low > 0) - (high < 0)

    names = ("better", "R@1 better")
    for arm in ("joint", "joint-without-gold"):
        assert [side("flags", arm, "seen", name) for name in names] == [0, 0]
        assert [side("grocery", arm, "seen", name) for name in names] == [1, 1]
        assert [side("grocery", arm, "unseen", name) for name in names] == [-1, -1]
        seen, unseen = (found["grocery"][arm][group]["better"]["value"] for group in ("seen", "unseen"))
        assert seen < -unseen
    assert [side("flags", "joint-without-gold", "unseen", name) for name in names] == [-1, -1]
    assert [side("flags", "joint", "unseen", name) for name in names] == [0, 0]
    assert found["flags"]["joint"]["seeds"] == ["0", "1", "2"]
    for group in ("seen", "unseen"):
        assert side("flags", "joint-eye-still", group, "better") == 0
        assert found["flags"]["joint-eye-still"][group]["R@1 better"]["value"] == 0.0
    lost, without = (found["grocery"][arm]["unseen"]["better"]["value"] for arm in ("joint-taught", "joint"))
    assert lost > without / 3
    assert side("grocery-photos", "joint-taught", "unseen", "better") == 0
    assert [side("grocery-photos", "joint", group, "better") for group in ("seen", "unseen")] == [1, -1]
    assert side("grocery-photos", "joint-taught", "seen", "R@1 better") == 1
    assert found["grocery-photos"]["joint-taught"]["seeds"] == ["0"]
    assert side("grocery", "joint-taught", "seen", "R@1 better") == 1
    assert side("flags", "joint-taught", "seen", "R@1 better") == -1
    assert f"has {WorldSize().patterns} flags that nobody" in TEXT
    assert found["flags"]["joint-eye-still"]["seeds"] == found["flags"]["joint-taught"]["seeds"] == ["0"]
