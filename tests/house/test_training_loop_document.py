"""What docs/training.md says of the loop: its settings are settings, its commands are commands."""

import re

import pytest

from documents import ROOT, blocks, commands
from ravlm.training.config import MatchConfig, ReadConfig, read_run_config

TEXT = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
LOOP_TEXT = TEXT[TEXT.index("## Devices and processes") :]
LOOP = [block for block in blocks(LOOP_TEXT, "toml") if block.startswith(("[training.match]", "[training.read]"))]


@pytest.mark.parametrize("block", LOOP)
def test_settings_are_settings(block: str, tmp_path) -> None:
    (tmp_path / "shown.toml").write_text(block, encoding="utf-8")
    assert read_run_config(tmp_path / "shown.toml").training.read.rates == {"visual": 1e-5, "fusion": 0.002}


def test_what_torchrun_starts_is_this_command() -> None:
    started = [c.words for c in commands(TEXT, "docs/training.md") if c.words[0] == "torchrun"]
    assert started
    for words in started:
        assert words[:6] == ["torchrun", "--nproc-per-node", "2", "-m", "ravlm", "train"]


@pytest.mark.parametrize(("stage", "settings"), [("match", MatchConfig), ("read", ReadConfig)])
def test_the_parts_are_told(stage: str, settings: type[MatchConfig] | type[ReadConfig]) -> None:
    said = re.search(rf"of `{stage}` are ((?:`\w+`(?:, | and\s+)?)+)", TEXT)
    assert said is not None
    assert tuple(re.findall(r"`(\w+)`", said[1])) == settings.PARTS
