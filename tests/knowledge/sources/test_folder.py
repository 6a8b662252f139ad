"""A folder's files become entries: what goes with what, in which order, and what is left out."""

import json
import os
import time
from pathlib import Path

import pytest
from folders import make, read

from pictures import picture
from ravlm.knowledge.rows import picture_id
from ravlm.knowledge.sources.folder import source as source_module
from ravlm.knowledge.sources.folder.source import FolderSource
from ravlm.knowledge.sources.part import Part
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Section


def test_a_folder_of_everything(tmp_path: Path) -> None:
    source = make(
        tmp_path,
        {
            "plants/rose.md": "# The Rose\n\nA rose.\n\n## Height\n\nOne metre. ![](../images/my%20rose.png)",
            "plants/tulip.txt": "A tulip grows from a bulb.",
            "plants/lily.html": '<html lang="fr"><h1>Le lys</h1><p>Une fleur. <img src="../images/花🌷.png">',
            "images/my rose.png": picture(1),
            "images/花🌷.png": picture(2),
            "notes.docx": b"x" * 10,
            ".git/config": "x",
            ".DS_Store": "x",
            "Thumbs.db": "x",
        },
    )
    entries, skipped = read(source)
    assert entries["plants/rose"] == Entry(
        "plants/rose",
        "The Rose",
        sections=(Section("", "A rose."), Section("Height", "One metre.")),
        images=("images/my rose.png",),
        source="own",
        language="en",
        meta={"path": "plants/rose.md"},
    )
    assert entries["plants/tulip"].text == "A tulip grows from a bulb."
    assert (entries["plants/lily"].language, entries["plants/lily"].images) == ("fr", ("images/花🌷.png",))
    assert list(entries) == ["plants/lily", "plants/rose", "plants/tulip"]
    assert skipped == {"not a kind that is read": 1}
    assert source.picture("images/my rose.png") == picture(1)


def test_the_entries_can_be_kept(tmp_path: Path) -> None:
    source = make(tmp_path / "in", {"a.md": "Text. ![](p.png)", "p.png": picture(1), "b.txt": "它是红色的。"})
    base = KnowledgeBase.create(tmp_path / "kb")
    for part in source.parts():
        base.upsert(part.entries, source.picture)
    assert base.get("a").images == (picture_id(picture(1)),)
    assert base.get("b").language == "zh"


@pytest.mark.parametrize("suffix", ["md", "markdown", "txt", "html", "json"])
def test_pictures_of_its_name_belong_to_a_document(tmp_path: Path, suffix: str) -> None:
    text = '{"caption": "A red rose."}' if suffix == "json" else "A red rose."
    files: dict[str, bytes | str] = {f"rose.{suffix}": text, "other.md": "Other.", "rosette.png": picture(9)}
    files |= {f"rose{end}.png": picture(at) for at, end in enumerate(["", "-2", "-10", "_3"])}
    entries, skipped = read(make(tmp_path, files))
    assert entries["rose"].images == ("rose.png", "rose-2.png", "rose-10.png", "rose_3.png")
    assert (entries["rose"].text, entries["rose"].title) == ("A red rose.", "rose")
    assert entries["other"].images == ()
    assert skipped == {"picture without text": 1}


def test_an_exact_name_comes_before_a_number(tmp_path: Path) -> None:
    files = {"a.md": "A.", "a-1.md": "A one.", "a-1.png": picture(1), "a-2.png": picture(2)}
    entries, _ = read(make(tmp_path, files))
    assert (entries["a"].images, entries["a-1"].images) == (("a-2.png",), ("a-1.png",))


def test_a_folder_for_each_thing(tmp_path: Path) -> None:
    source = make(
        tmp_path,
        {
            "red_rose/README.md": "It is red.",
            "red_rose/1.jpg": picture(1, "JPEG"),
            "red_rose/2.webp": picture(2, "WEBP"),
            "tulip/about.txt": "It is tall.",
            "tulip/1.gif": picture(3, "GIF"),
            "pool/LICENSE.txt": "All rights reserved.",
            "pool/x.png": picture(4),
            "linking.md": "See ![x](pool/x.png).",
        },
    )
    entries, skipped = read(source)
    assert entries["red_rose/README"].images == ("red_rose/1.jpg", "red_rose/2.webp")
    assert entries["red_rose/README"].title == "red rose"
    assert entries["tulip/about"].images == ("tulip/1.gif",)
    assert (entries["pool/LICENSE"].images, entries["linking"].images) == ((), ("pool/x.png",))
    assert skipped == {}


def test_captions_of_a_folder(tmp_path: Path) -> None:
    lines = [
        {"file_name": "sub/b.png", "text": ["Two.", "More."], "title": "B", "aliases": ["bee"], "height": 3},
        {"file_name": "missing.png", "text": "x"},
        {"file_name": "../out.png", "text": "x"},
        {"file_name": "a.png", "text": ""},
        {"text": "no file"},
        {"file": 3, "text": "x"},
        ["no object"],
    ]
    source = make(
        tmp_path,
        {
            "p/captions.csv": 'file,caption,licence\na.png,One.,CC0\nb.png,"Two,\n二."\nshort\n',
            "p/a.png": picture(1),
            "q/metadata.jsonl": "\n".join([*map(json.dumps, lines), "{broken", '{"a":' * 5000]),
            "q/a.png": picture(2),
            "q/sub/b.png": picture(3),
            "q/sub/deeper/b.png": picture(4),
            "r/captions.csv": "c.png,第一。\nd.png,Left.\n",
            "r/c.png": picture(5),
            "r/d.png": picture(6),
            "r/d.txt": "The text beside it.",
            "q/out.png": b"x",
            "captions.jsonl": '{"file": "s/t/e.png", "caption": "Five."}',
            "s/t/e.png": picture(7),
        },
    )
    entries, skipped = read(source)
    assert entries["s/t/e"].text == "Five."
    assert entries["p/a"] == Entry(
        "p/a", "a", text="One.", images=("p/a.png",), source="own", licence="CC0", meta={"path": "p/a.png"}
    )
    b = entries["q/sub/b"]
    assert (b.title, b.text, b.aliases, b.facts) == ("B", "Two.\n\nMore.", ("bee",), (("height", "3"),))
    assert (entries["r/c"].language, entries["r/c"].text) == ("zh", "第一。")
    assert (entries["r/d"].text, entries["r/d"].images) == ("The text beside it.", ("r/d.png",))
    assert skipped == {
        "line of captions can't be read": 7,
        "caption without its picture": 2,
        "no text": 1,
        "caption of a picture that has a text beside it": 1,
        "picture without text": 3,
    }


def test_ids_that_files_would_share(tmp_path: Path) -> None:
    names = ["rose.html", "rose.md", "rose.txt", "rose.md.txt", "e\u0301.md"]
    entries, _ = read(make(tmp_path, dict.fromkeys(names, "<p>Text.")))
    assert set(entries) == {"rose", "rose.md", "rose.txt", "rose.md.txt", "é"}
    assert entries["rose"].meta["path"] == "rose.html"


def test_a_link_in_the_other_form_of_unicode(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {"a.md": "A. ![](e\u0301.png)", "é.png": picture(1), "u\u0308.png": picture(2)}
    entries, skipped = read(make(tmp_path, files | {"b.html": "<p>B. <img src='ü.png?x=1#y'>"}))
    assert (entries["a"].images, entries["b"].images) == (("é.png",), ("u\u0308.png",))
    assert skipped == {}


def test_a_touched_file_is_the_same_entry(tmp_path: Path) -> None:
    source = make(tmp_path, {"a.md": "Text."})
    before = read(source)
    os.utime(tmp_path / "a.md", (1, 1))
    assert read(source) == before


def test_resume_at_every_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "_AT_ONCE", 1)
    source = make(
        tmp_path,
        {
            "b.md": "B. ![](p/1.png)",
            "b/a.md": "A.",
            "b/z/y.txt": "Y.",
            "b.d/x.md": "",
            "a/2.md": "Two.",
            "a/10.md": "Ten.",
            "p/captions.csv": "1.png,One.\nq/2.png,Two.\nmissing.png,x\n",
            "p/1.png": picture(1),
            "p/q/2.png": picture(2),
            "p/q/3.png": picture(3),
            "é/中.md": "中文。",
            "é/pipe.zip": b"",
        },
    )
    (tmp_path / os.fsdecode(b"\xff.md")).write_text("x")
    source = FolderSource(tmp_path, "own")
    whole: list[Part] = list(source.parts())
    assert len(whole) > 10
    assert sum(len(part.entries) for part in whole) == 8
    for at, part in enumerate(whole):
        place = json.loads(json.dumps(part.place))
        assert list(source.parts(place)) == whole[at + 1 :]


def test_what_a_source_says_of_itself(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Die Rose.")
    source = FolderSource(tmp_path, "own", language="de")
    told = source.settings()
    assert told["language"] == "de"
    os.utime(tmp_path / "a.md", (1, 1))
    assert FolderSource(tmp_path, "own", language="de").settings() != told
    assert (source.kind, source.name, source.path, source.strict) == ("folder", "own", tmp_path, False)
    assert read(source)[0]["a"].language == "de"


def test_a_thousand_files_take_moments(tmp_path: Path) -> None:
    body = "The rose is a *woody* plant.\n\n## Height\n\nIt grows to 2 m.\n"
    source = make(tmp_path, {f"{at % 10}/{at}.md": f"# Rose {at}\n\n{body}" for at in range(1000)})
    begun = time.perf_counter()
    entries, _ = read(source)
    assert len(entries) == 1000
    assert time.perf_counter() - begun < 5
