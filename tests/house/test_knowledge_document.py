"""What docs/knowledge.md says about the knowledge base is so."""

from pathlib import Path

import pytest

from documents import ROOT, blocks
from pictures import picture
from ravlm.knowledge.keep import MOST_COPIED
from ravlm.knowledge.sources.kinds import KINDS
from ravlm.knowledge.store import KEPT, KnowledgeBase
from ravlm.knowledge.sync import MOST_DELETED
from ravlm.knowledge.tables import ATTEMPTS

TEXT = (ROOT / "docs" / "knowledge.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_described(kind: str) -> None:
    assert f"\n| `{kind}` | " in TEXT


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"{ATTEMPTS}\n  times" in TEXT
    assert f"Deleting over {MOST_DELETED:.0%}".replace("%", " %") in TEXT
    assert f"({KEPT.days} without it)" in TEXT
    assert f"at most {MOST_COPIED // 10**6} MB" in TEXT


def test_the_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-plants").mkdir()
    (tmp_path / "my-plants" / "rose.md").write_text("# Rose\n\nRoses flower from May.\n")
    (tmp_path / "my-plants" / "rose.png").write_bytes(picture(1))
    (tmp_path / "words.txt").write_text("fern: a plant that never flowers\nnothing\n")
    first, second = blocks(TEXT, "python")
    for code in (first, second):
        exec(compile(code, "docs/knowledge.md", "exec"), {"__name__": "knowledge"})  # noqa: S102 - the document is ours
    assert capsys.readouterr().out.startswith("Ferns never flower. 2 ")
    plants = KnowledgeBase.open(tmp_path / "plants-kb")
    assert [(entry.id, len(entry.images)) for entry in plants.iterate()] == [("rose", 1)]
    assert KnowledgeBase.open(tmp_path / "words-kb").get("fern").text == "a plant that never flowers"


def test_every_verb_is_shown() -> None:
    from ravlm.cli.knowledge import app

    verbs = {command.name for command in app.registered_commands}
    assert {verb for verb in verbs if f"ravlm knowledge {verb} " in TEXT} | {"show"} == verbs
