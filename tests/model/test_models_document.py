"""What docs/models.md says about models is so."""

import math
import re
import shutil
from pathlib import Path
from typing import get_args

import pytest
from combinations import FUSION

from coloured_dataset import UNSEEN
from command import ran
from documents import ROOT, blocks, commands
from ravlm.heads.abstention import fit_threshold
from ravlm.model.config import LanguageConfig, VisualConfig
from ravlm.model.fusion_config import FusionConfig
from ravlm.model.output_config import OutputConfig
from ravlm.training.config import RunConfig, read_run_config

TEXT = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
SETTINGS = [pytest.param(block, id=block.splitlines()[0]) for block in blocks(TEXT, "toml")]


def kinds(configs: object) -> set[str]:
    """The kinds that settings of several kinds have."""
    tagged = get_args(get_args(configs)[0])
    return {extra.tag for kind in tagged for extra in get_args(kind)[1:]}


@pytest.mark.parametrize("shown", SETTINGS)
def test_the_settings_it_shows_are_settings(shown: str, tmp_path: Path) -> None:
    path = tmp_path / "shown.toml"
    path.write_text(shown.replace('decoder = "my-gpt2"', ""), encoding="utf-8")
    assert read_run_config(path) != RunConfig()


def test_every_kind_of_every_part_is_named() -> None:
    every = set().union(*map(kinds, (VisualConfig, LanguageConfig, FusionConfig, OutputConfig)))
    assert every <= set(re.findall(r"`([\w-]+)`", TEXT))


def test_every_fusion_has_a_row_with_its_settings() -> None:
    [table] = re.findall(r"^\| configuration .*?\n\n", TEXT, re.MULTILINE | re.DOTALL)
    rows = [dict(re.findall(r'`(kind|mode|heads) = "?([\w-]+)"?`', row)) for row in table.strip().splitlines()[2:]]
    assert rows == [
        {"kind": "attention"}
        | {name: str(value) for name, value in settings.items()}
        | ({"mode": "concatenation"} if settings == {"kind": "feature"} else {})
        for settings in FUSION.values()
    ]


def test_the_commands_and_the_python_run(
    trained: Path, coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, "my-model")
    shutil.copy(coloured / "images" / f"test-{UNSEEN[0]}-0.png", "photo.jpg")
    asked = [command for command in commands(TEXT, "docs/models.md") if command.words[1] == "ask"]
    assert len(asked) == 3
    for command in asked:
        assert ran(command.words, monkeypatch) == 0, capsys.readouterr().err
    [code] = blocks(TEXT, "python")
    exec(compile(code, "docs/models.md", "exec"), {"__name__": "models"})  # noqa: S102 - the document is ours


def test_a_kept_risk_asks_for_as_many_answers_as_it_says() -> None:
    def threshold(answers: int) -> float:
        sure = [1 - i / 1000 for i in range(answers)]
        return fit_threshold(sure, [True] * answers, risk=0.1, delta=0.05)

    assert (threshold(90), threshold(100)) == (math.inf, 0.0)
