"""What docs/training.md says of an eye is so: its commands and Python run, its settings are all there are."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from command import ran
from documents import ROOT, blocks, commands
from picture_folders import write_pictures
from ravlm.training.pretrain.config import AnyObjective, VisualPretraining, read_pretrain_config

TEXT, _, _ = (ROOT / "docs" / "training.md").read_text(encoding="utf-8").partition("## Pre-training the language")
SHORT = {"steps = 600": "steps = 2", "batch = 64": "batch = 6", "[64, 96, 112]": "[32, 64]", "resnet10t": "test_resnet"}


def shortened(text: str) -> str:
    """The settings as shown, for a run of a moment."""
    for long, short in SHORT.items():
        assert long in text
        text = text.replace(long, short)
    return text.replace("image_size = 112", "image_size = 64")


def test_the_commands_and_the_python_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "pictures")
    eye, model = blocks(TEXT, "toml")
    (tmp_path / "eye.toml").write_text(shortened(eye))
    first, resumed = (command.words for command in commands(TEXT, "docs/training.md"))
    assert ran(first, monkeypatch) == 0
    assert (resumed[:-1], resumed[-1]) == (first, "--resume")
    assert ran(resumed, monkeypatch) == 2
    assert "It holds a finished encoder" in capsys.readouterr().err
    names: dict[str, object] = {"__name__": "training"}
    for code in blocks(TEXT, "python"):
        exec(compile(code, "docs/training.md", "exec"), names)  # noqa: S102 - the document is ours
    assert (tmp_path / "my-eye" / "pretraining.json").is_file()
    (tmp_path / "model.toml").write_text(model)
    from ravlm.training.config import read_run_config

    assert read_run_config(tmp_path / "model.toml").model.visual.model_dump(exclude_unset=True) == {
        "kind": "pretrained",
        "source": "my-eye",
        "trainable": "none",
    }


def test_the_settings_it_shows_are_those_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "eye.toml").write_text(next(iter(blocks(TEXT, "toml"))))
    visual = read_pretrain_config(tmp_path / "eye.toml").pretrain.visual
    assert visual is not None
    assert visual.sizes is not None
    assert round(round(1.3 * visual.sizes[-1]) ** 2 * 3 / 1000) == 64  # KB a picture
    assert tomllib.loads((tmp_path / "eye.toml").read_text())["pretrain"]["visual"]["objective"] == "classes"


def test_what_is_said_of_the_eyes_follows_from_their_figures() -> None:
    results = json.loads((ROOT / "benchmarks" / "results" / "eyes.json").read_text(encoding="utf-8"))
    assert results["chosen"] == "deeper"
    found = {name: recipe["test"] for name, recipe in results["recipes"].items()}
    plain, deeper = found.pop("plain"), found["deeper"]
    assert all(one["iconic"]["seen"]["R@1"] > plain["iconic"]["seen"]["R@1"] for one in found.values())
    assert all(one["iconic"]["unseen"]["R@1"] < plain["iconic"]["unseen"]["R@1"] for one in found.values())
    photos = {name for name, one in found.items() if one["photos"]["unseen"]["R@1"] > plain["photos"]["unseen"]["R@1"]}
    assert photos == {"larger", "deeper"}
    seen, unseen = deeper["iconic"]["seen"], deeper["photos"]["unseen"]
    assert seen["R@5"] >= 0.95
    assert deeper["photos"]["seen"]["R@5"] >= 0.95
    assert unseen["R@5"] >= 0.96
    assert [round(100 * (0.80 - seen["R@1"])), round(100 * (0.75 - unseen["R@1"]))] == [3, 3]
    assert round(100 * (0.80 - deeper["photos"]["seen"]["R@1"])) == 6
    assert all(one["photos"]["seen"]["R@1"] > plain["photos"]["seen"]["R@1"] for one in found.values())
    assert {recipe["photos, pixels"] for recipe in results["recipes"].values()} == {168}
    assert all("H100" in recipe["device"] for recipe in results["recipes"].values())


def test_every_objective_is_named_with_its_settings() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", TEXT, re.MULTILINE))
    del rows["objective"]  # the head
    own = {
        kind.model_fields["objective"].default: set(kind.model_fields) - set(VisualPretraining.model_fields)
        for kind in AnyObjective.__args__
    }
    assert {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in rows.items()} == own
