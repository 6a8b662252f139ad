from pathlib import Path

import pytest

from command import Ravlm
from pictures import picture
from ravlm.knowledge.store import KnowledgeBase
from small_dataset import lines_of, write_lines


def test_build_info_show(ravlm: Ravlm, data: Path, tmp_path: Path) -> None:
    built = ravlm("knowledge", "build", "dataset", data, "--out", tmp_path / "new", "--json")
    assert built.code == 0
    assert (built.json["entries"], built.json["pictures"], built.json["sources"]) == (3, 3, {"s": 3})
    assert "building the knowledge base: 3 of 3" in built.err
    assert ravlm("knowledge", "info", tmp_path / "new", "--json").json == built.json
    assert "3 entries and 3 pictures" in ravlm("knowledge", "info", tmp_path / "new").out
    assert "猫有四条腿。" in ravlm("knowledge", "show", tmp_path / "new", "c").out
    assert ravlm("knowledge", "show", tmp_path / "new", "b", "--json").json["sections"][0]["text"] == "Six."


def test_set_changes_and_adds(ravlm: Ravlm, kb: Path, tmp_path: Path) -> None:
    article = tmp_path / "ant.md"
    article.write_text("An ant has 8 legs.")
    changed = ravlm("knowledge", "set", kb, "a", article)
    assert (changed.code, changed.out.startswith("Changed a (Ant)")) == (0, True)
    (tmp_path / "p.png").write_bytes(picture(77))
    added = ravlm("knowledge", "set", kb, "d", article, "--title", "Dog", "--image", tmp_path / "p.png", "--json")
    assert (added.json["new"], added.json["entry"]["title"]) == (True, "Dog")
    base = KnowledgeBase.open(kb)
    assert base.get("a").text == "An ant has 8 legs."
    assert base.picture(base.get("d").images[0]) == picture(77)


def test_sync_and_remove(ravlm: Ravlm, kb: Path, data: Path) -> None:
    file = data / "knowledge.jsonl"
    assert "3 unchanged" in ravlm("knowledge", "sync", kb, file).out
    write_lines(file, lines_of(file)[:2])
    refused = ravlm("knowledge", "sync", kb, file)
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert ravlm("knowledge", "sync", kb, file, "--yes", "--json").json["deleted"] == 1
    assert ravlm("knowledge", "remove", kb, "a", "a", "--json").json["deleted"] == ["a"]
    assert [entry.id for entry in KnowledgeBase.open(kb).iterate()] == ["b"]


def test_verify_finds_damage(ravlm: Ravlm, kb: Path) -> None:
    assert ravlm("knowledge", "verify", kb).code == 0
    for path in kb.rglob("*.lance"):
        if path.is_file():
            path.write_bytes(path.read_bytes().replace(b"6 legs", b"9 legs"))
    found = ravlm("knowledge", "verify", kb, "--json")
    assert (found.code, len(found.json["damage"])) == (1, 1)
    assert "1 damaged" in ravlm("knowledge", "verify", kb).out
    shown = ravlm("knowledge", "show", kb, "a")
    assert (shown.code, shown.out) == (2, "")
    assert "'a' is damaged" in shown.err


def test_verify_tells_of_files_that_are_gone(ravlm: Ravlm, kb: Path) -> None:
    for path in (kb / "entries.lance" / "data").iterdir():
        path.unlink()
    assert ravlm("knowledge", "verify", kb).code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("info", "nowhere"), "found nothing"),
        (("info", "data"), "found a folder without one"),
        (("info", "data/dataset.json"), "found a file"),
        (("show", "kb", "ab"), "The nearest: b, a."),
        (("remove", "kb", "a", "zz"), "'zz'"),
        (("set", "kb", "a", "nowhere.md"), "found nothing"),
        (("set", "kb", "a", "data"), "found a folder"),
        (("set", "kb", "a", "empty.md"), "has no text"),
        (("set", "kb", "a", "latin.md"), "UTF-8"),
        (("set", "kb", "new", "text.md"), "has no title"),
        (("set", "kb", "a", "text.md", "--image", "text.md"), "is not a JPEG"),
        (("sync", "kb", "nowhere.jsonl"), "nowhere.jsonl"),
        (("sync", "kb", "text.md"), "text.md, line 1"),
        (("sync", "kb", "empty.md"), "no entries"),
        (("build", "wiki", "data", "--out", "new"), "Choose one of: dataset"),
        (("build", "dataset", "nowhere", "--out", "new"), "found nothing"),
        (("build", "dataset", "data", "--out", "kb"), "already holds"),
        (("build", "dataset", "data", "--out", "text.md"), "in the way"),
        (("build", "dataset", "data"), "--out"),
        (("info",), "KB"),
        (("info", "kb", "--colour"), "--colour"),
        (("frobnicate",), "frobnicate"),
    ],
)
def test_bad_input_ends_in_2_and_changes_nothing(
    ravlm: Ravlm, kb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.md").write_text("")
    Path("text.md").write_text("Text.")
    Path("latin.md").write_bytes("é".encode("latin-1"))
    before = sorted(Path().rglob("*"))
    outcome = ravlm("knowledge", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert sorted(Path().rglob("*")) == before


def test_an_entry_can_not_move_the_cursor(ravlm: Ravlm, kb: Path) -> None:
    base = KnowledgeBase.open(kb)
    entry = base.get("a")
    base.upsert([type(entry)("a", "\x1b[2J[bold]Ant\x07", text="a\rb\x9b31m")])
    shown = ravlm("knowledge", "show", kb, "a").out
    assert "[2J[bold]Ant (a, en)" in shown
    assert not {"\x1b", "\x07", "\r", "\x9b"} & set(shown)
