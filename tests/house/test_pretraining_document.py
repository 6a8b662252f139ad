"""What docs/training.md says about pre-training a reader and aligning a pair runs, in its order, in small."""

import re
import shutil
from pathlib import Path

import pytest

from command import ran
from documents import ROOT, blocks, commands
from ravlm.encoders.choose import load_encoder
from ravlm.knowledge.build import build
from ravlm.knowledge.sources.dataset import DatasetSource
from ravlm.training.config import read_run_config

TEXT = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
SECTIONS = ("Pre-training the language encoder", "Alignment on pairs")


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_the_settings_and_the_commands_run_in_their_order(
    coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(coloured, "flags")
    build(DatasetSource(Path("flags")), Path("flags-kb"))
    Path("texts").mkdir()
    texts = [f"Thing {n} is kept in a {place}." for n in range(9) for place in ("house", "tower")]
    Path("texts", "notes.txt").write_text("\n\n".join(texts))
    text = "".join(map(section, SECTIONS))
    for toml in blocks(text, "toml"):
        name = re.match(r"# (\S+\.toml)\n", toml)
        assert name is not None
        Path(name[1]).write_text(re.sub(r"^steps = \d+$", "steps = 2", toml, flags=re.MULTILINE))
    for command in commands(text, "docs/training.md"):
        assert ran(command.words, monkeypatch) == 0, f"{command.line}\n{capsys.readouterr().err}"
    told = capsys.readouterr().out
    assert re.search(r"On what was held out: perplexity [\d.]+ before, [\d.]+ after", told)
    assert re.search(r"On what was held out: recall@1 [\d.]+ before, [\d.]+ after; recall@5", told)
    assert re.search(r'under \[model.visual\]: kind = "pretrained", source = "pair/visual"', told)
    assert load_encoder("pair").kind == "aligned"
    assert read_run_config(Path("mine.toml")).training.read.pretrained_learning_rate == 0.002


def test_the_shares_that_are_told_are_the_defaults() -> None:
    from ravlm.training.pretrain.alignment_config import AlignmentConfig
    from ravlm.training.pretrain.language import _MOST
    from ravlm.training.pretrain.language_config import MaskedConfig

    text, alignment = map(section, SECTIONS)
    assert f"`share` ({MaskedConfig().share:.0%}".replace("%", " %") in text
    assert f"({MaskedConfig().held_out:.0%}".replace("%", " %") + f", at most {_MOST:,})" in text
    assert f"`held_out` of the things ({AlignmentConfig().held_out:.0%}".replace("%", " %") in alignment
