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
    assert built.json["report"] | {"seconds": 0} == {
        "read": 3,
        "kept": 3,
        "skipped": {},
        "resumed": False,
        "seconds": 0,
    }
    assert "It takes about" in built.err
    assert "building the knowledge base: 100%, 3 entries" in built.err
    known = ravlm("knowledge", "info", tmp_path / "new", "--json").json
    assert known["fingerprint"] == built.json["fingerprint"] == known["versions"][-1]["fingerprint"]
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
    assert "3 unchanged" in ravlm("knowledge", "sync", kb, "dataset", file).out
    write_lines(file, lines_of(file)[:2])
    refused = ravlm("knowledge", "sync", kb, "dataset", file)
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert ravlm("knowledge", "sync", kb, "dataset", file, "--yes", "--json").json["deleted"] == 1
    assert ravlm("knowledge", "remove", kb, "a", "a", "--json").json["deleted"] == 1
    assert [entry.id for entry in KnowledgeBase.open(kb).iterate()] == ["b"]
    assert "Deleted 1; the base has 0 entries." in ravlm("knowledge", "remove", kb, "--source", "s").out


def test_a_folder_becomes_a_base_and_is_followed(ravlm: Ravlm, tmp_path: Path) -> None:
    own = tmp_path / "my 植物"
    own.mkdir()
    (own / "rose.md").write_text("# Rose\n\nRoses flower from May.\n\n![](rose.png)\n")
    (own / "rose.png").write_bytes(picture(1))
    (own / "牡丹.md").write_text("# 牡丹\n\n牡丹四月开花。\n")
    (own / "broken.md").write_bytes(b"\xff\xfe\xff")
    kb = tmp_path / "kb"
    built = ravlm("knowledge", "build", "folder", own, "--out", kb)
    assert built.code == 0
    assert f"{kb}: 2 entries and 1 picture" in built.out
    assert "left out: 1 not UTF-8." in built.out
    assert "牡丹四月开花。" in ravlm("knowledge", "show", kb, "牡丹").out
    assert "2 unchanged" in ravlm("knowledge", "sync", kb, "folder", own).out
    (own / "rose.md").write_text("# Rose\n\nRoses flower from June.\n")
    (own / "fern.txt").write_text("Fern\n\nFerns never flower.")
    synced = ravlm("knowledge", "sync", kb, "folder", own, "--json").json
    assert (synced["added"], synced["replaced"], synced["unchanged"], synced["deleted"]) == (1, 1, 1, 0)
    before = KnowledgeBase.open(kb)
    again = ravlm("knowledge", "sync", kb, "folder", own, "--json").json
    assert (again["unchanged"], again["version"]) == (3, before.version)


def test_add_leaves_what_is_there(ravlm: Ravlm, kb: Path, tmp_path: Path) -> None:
    table = tmp_path / "more.csv"
    table.write_text("id,title,text,legs\na,Ant,Ants are small.,6\nd,Dog,Dogs bark.,4\n")
    added = ravlm("knowledge", "add", kb, "table", table, "--source-name", "s")
    assert "1 added" in added.out
    assert "1 in the base already, with other content" in added.out
    base = KnowledgeBase.open(kb)
    assert (base.get("a").text, base.get("d").text, base.get("d").facts) == (
        "An ant has 6 legs.",
        "Dogs bark.",
        (("legs", "4"),),
    )
    assert "1 replaced" in ravlm("knowledge", "add", kb, "table", table, "--source-name", "s", "--replace").out
    assert KnowledgeBase.open(kb).get("a").text == "Ants are small."
    other = ravlm("knowledge", "add", kb, "table", table, "--source-name", "other")
    assert (other.code, "belongs to the source 's'" in other.err) == (2, True)


def test_export_and_build_make_the_same(ravlm: Ravlm, kb: Path, tmp_path: Path) -> None:
    exported = ravlm("knowledge", "export", kb, "--out", tmp_path / "plain")
    assert "3 entries" in exported.out
    rebuilt = ravlm("knowledge", "build", "dataset", tmp_path / "plain", "--out", tmp_path / "again", "--json").json
    assert rebuilt["fingerprint"] == KnowledgeBase.open(kb).fingerprint


def test_rollback_and_compact(ravlm: Ravlm, kb: Path) -> None:
    before = KnowledgeBase.open(kb)
    ravlm("knowledge", "remove", kb, "a")
    assert f"| {before.version}" in ravlm("knowledge", "info", kb).out
    assert "3 entries" in ravlm("knowledge", "rollback", kb, before.version).out
    assert KnowledgeBase.open(kb).fingerprint == before.fingerprint
    assert ravlm("knowledge", "compact", kb, "--keep-days", 0, "--json").json["versions"] == 1
    assert KnowledgeBase.open(kb).fingerprint == before.fingerprint


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
        (("sync", "kb", "dataset", "nowhere.jsonl"), "nowhere.jsonl"),
        (("sync", "kb", "dataset", "text.md"), "text.md, line 1"),
        (("sync", "kb", "dataset", "empty.md"), "no entries"),
        (("sync", "kb", "dataset"), "SOURCE"),
        (("add", "kb", "folder", "nowhere"), "nowhere"),
        (("build", "wiki", "data", "--out", "new"), "Did you mean 'wikipedia'?"),
        (("build", "folder", "data", "--images", "data", "--out", "new"), "takes no --images. Its options: --language"),
        (("build", "table", "text.md", "--out", "new"), "Nothing in text.md became an entry: 0 records"),
        (("build", "wordnet", "data", "--out", "new"), "has no data.noun"),
        (("build", "conceptnet", "text.md", "--out", "new"), "text.md"),
        (("build", "wikipedia", "text.md", "--out", "new"), "text.md"),
        (("build", "dataset", "data", "--out", "new", "--limit", "0"), "--limit"),
        (("remove", "kb"), "one of the two"),
        (("remove", "kb", "a", "--source", "s"), "one of the two"),
        (("remove", "kb", "--source", "zz"), "no entries of the source 'zz'; it has: 's'"),
        (("rollback", "kb", "99"), "no version 99"),
        (("compact", "kb", "--keep-days", "-1"), "--keep-days"),
        (("export", "kb", "--out", "data"), "already holds"),
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


def test_a_base_is_led_back_from_damage(ravlm: Ravlm, kb: Path) -> None:
    before = KnowledgeBase.open(kb)
    there = set((kb / "entries.lance" / "data").iterdir())
    base = KnowledgeBase.open(kb)
    base.upsert([type(base.get("a"))("new", "New", text="New.")])
    for path in set((kb / "entries.lance" / "data").iterdir()) - there:
        path.write_bytes(path.read_bytes()[:50])
    assert ravlm("knowledge", "verify", kb).code == 1
    back = ravlm("knowledge", "rollback", kb, before.version)
    assert (back.code, "3 entries" in back.out) == (0, True)
    assert KnowledgeBase.open(kb).fingerprint == before.fingerprint
    assert "damaged" in ravlm("knowledge", "info", kb).out  # the version in between
    for path in (kb / "entries.lance" / "_indices").rglob("*.lance"):
        path.write_bytes(path.read_bytes()[:50])
    assert "makes it anew" in ravlm("knowledge", "verify", kb).out
    assert ravlm("knowledge", "compact", kb).code == 0
    assert ravlm("knowledge", "verify", kb).code == 0
