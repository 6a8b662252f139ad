"""A folder that was made to do harm, or is just badly kept: nothing leads out of it, and all is counted."""

import os
from pathlib import Path
from typing import Any

import pytest
from folders import make, read

from pictures import declared_png, picture
from ravlm.errors import PathError
from ravlm.knowledge.pictures import prepare
from ravlm.knowledge.rows import parse, picture_id
from ravlm.knowledge.sources.folder import listing
from ravlm.knowledge.sources.folder.source import FolderSource


def test_pictures_that_can_not_be_decoded_cost_only_themselves(tmp_path: Path) -> None:
    source = make(
        tmp_path,
        {
            "a.md": "A. ![](bomb.png) ![](cut.png) ![](b.txt) ![](good.png) ![](empty.png) ![](huge.png)",
            "bomb.png": declared_png(30_000, 30_000),
            "cut.png": picture(3)[:200],
            "empty.png": b"",
            "good.png": picture(2),
            "b.txt": "B.",
        },
    )
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(100_000_001)
    [part] = source.parts()
    assert part.skipped == {"picture over 100 MB": 1}
    prepared = prepare(part.entries, source.picture, lambda ids: set(), strict=source.strict)
    assert prepared.left_out == {"picture that can't be read": 4}
    entries = [parse(record) for record in prepared.rows["record"].to_pylist()]
    assert [entry.images for entry in entries] == [(picture_id(picture(2)),), ()]


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("../../secret.png", "picture outside the folder"),
        ("sub/../../../secret.png", "picture outside the folder"),
        ("..%2f..%2fsecret.png", "picture outside the folder"),
        ("sub\\good.png", "picture missing"),
        ("/etc/secret.png", "picture outside the folder"),
        ("C:\\secret.png", "picture outside the folder"),
        ("out/secret.png", "picture outside the folder"),
        ("loop.png", "picture outside the folder"),
        ("missing.png", "picture missing"),
        ("a" * 5000 + ".png", "picture missing"),
        ("sub", "picture missing"),
        ("https://x.org/a.png", "picture on the web"),
        ("data:image/png;base64,AAAA", "picture outside the folder"),
    ],
)
@pytest.mark.parametrize("kind", ["md", "html"])
def test_pictures_that_cost_only_themselves(tmp_path: Path, link: str, reason: str, kind: str) -> None:
    (tmp_path / "secret.png").write_bytes(picture(1))
    folder = tmp_path / "own"
    links = [f'<img src="{name}">' if kind == "html" else f"![]({name})" for name in (link, "good.png")]
    written = "\n\nText. ".join(links)
    source = make(
        folder,
        {
            f"docs/a.{kind}": written,
            "docs/good.png": picture(2),
            "docs/sub/x.md": "X.",
            "docs/a.md" if kind == "html" else "docs/b.md": "Other.",
        },
    )
    (folder / "docs/out").symlink_to(tmp_path)
    (folder / "docs/loop.png").symlink_to(folder / "docs/loop.png")
    entries, skipped = read(source)
    entry = entries["docs/a"]
    assert (entry.text, entry.images) == ("Text.", ("docs/good.png",))
    assert skipped.pop(reason) >= 1
    assert entry.meta.get("remote_pictures") == ([link] if link.startswith("https") else None)
    assert set(skipped) <= {"link leads out of the folder", "link leads nowhere", "picture without text"}


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/passwd", "out/secret.png", "missing.png", "", "a\0b", "x" * 5000]
)
def test_no_other_picture_is_given(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.png").write_bytes(picture(1))
    source = make(tmp_path / "own", {"a.md": "Text."})
    (tmp_path / "own/out").symlink_to(tmp_path)
    for asked in (name, f"{name}.pdf#page=1&image=1"):
        with pytest.raises(PathError):
            source.picture(asked)


def test_links(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("Secret.")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/s.md").write_text("Secret.")
    folder = tmp_path / "own"
    source = make(folder, {"a.md": "Text.", "sub/p.png": picture(1), "rose/r.txt": "Rose."})
    (folder / "secret.md").symlink_to(tmp_path / "secret.md")
    (folder / "secrets").symlink_to(tmp_path / "secrets")
    (folder / "up").symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    (folder / "rose/1.png").symlink_to("../sub/p.png")
    entries, skipped = read(FolderSource(folder, "own"))
    assert set(entries) == {"a", "rose/r"}
    assert entries["rose/r"].images == ("rose/1.png",)
    assert skipped == {
        "link leads out of the folder": 2,
        "link to a folder": 1,
        "link leads nowhere": 1,
        "picture without text": 1,
    }
    assert source.picture("rose/1.png") == picture(1)


def test_files_that_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make(
        tmp_path,
        {
            "bad.md": b"\xff\xfa text",
            "cut.txt": "中".encode()[:2],
            "latin.txt": "é".encode("latin-1"),
            "null.txt": "a\0b",
            "empty.md": "",
            "blank.html": "<p> <br>",
            "title.md": "# Only a title\n\n![](p.png)",
            "p.png": picture(1),
            "photos/1.jpg": picture(2, "JPEG"),
            "archive.zip": b"PK\x03\x04",
            "noext": "x",
            "id.md": f"---\nid: {'x' * 600}\n---\nText.",
            "field.json": "[1]",
            "field.jpg": picture(3, "JPEG"),
            "kept.md": "Text.",
        },
    )
    (tmp_path / "large.md").write_bytes(b"a" * 4_000_001)
    with (tmp_path / "huge.txt").open("wb") as file:
        file.truncate(3_000_000_000)
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / os.fsdecode(b"name\xff.md")).write_text("Text.")
    deep = tmp_path.joinpath(*["d" * 200] * 3)
    deep.mkdir(parents=True)
    (deep / "a.md").write_text("Text.")
    source = FolderSource(tmp_path)
    entries, skipped = read(source)
    assert list(entries) == ["kept"]
    assert skipped == {
        "not UTF-8": 3,
        "null bytes in a text": 1,
        "no text": 3,
        "picture without text": 1,
        "not a kind that is read": 2,
        "id over 512 characters": 1,
        "sidecar can't be read": 1,
        "over 4 MB of text": 2,
        "not a file": 1,
        "name is not UTF-8": 1,
        "path over 512 characters": 1,
    }


def test_what_goes_or_closes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make(
        tmp_path, {"a.md": "A.", "b.md": "B.", "c.pdf": "C.", "d.html": "D.", "sub/e.md": "E.", "f/g.md": "G."}
    )
    listed = listing._listed

    def changed(root: Path, folder: str) -> Any:
        found = listed(root, folder)
        for name in ("a.md", "c.pdf", "d.html"):
            (root / name).unlink(missing_ok=True)
        return found

    def closed(path: Path) -> Any:
        if path.name == "sub":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    scandir = os.scandir
    monkeypatch.setattr(listing, "_listed", changed)
    monkeypatch.setattr(os, "scandir", closed)
    [part] = source.parts()
    assert ([entry.id for entry in part.entries], part.skipped) == (["b", "f/g"], {"can't be read": 4})


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_permissions_forbid(tmp_path: Path) -> None:
    source = make(tmp_path, {"a.md": "A.", "b.md": "B.", "sub/c.md": "C."})
    (tmp_path / "a.md").chmod(0)
    (tmp_path / "sub").chmod(0)
    try:
        entries, skipped = read(FolderSource(tmp_path))
    finally:
        (tmp_path / "sub").chmod(0o700)
    assert (list(entries), skipped) == (["b"], {"can't be read": 2})
    assert source.size == 6


def test_a_folder_deeper_than_recursion_goes(tmp_path: Path) -> None:
    names = [str(at % 10) for at in range(250)]
    deepest = tmp_path.joinpath(*names)
    deepest.mkdir(parents=True)
    (deepest / "a.md").write_text("Text.")
    entries, _ = read(FolderSource(tmp_path))
    assert list(entries) == ["/".join([*names, "a"])]


def test_a_missing_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(PathError, match="There is no folder"):
            FolderSource(path)


def test_an_empty_folder_has_no_parts(tmp_path: Path) -> None:
    source = FolderSource(tmp_path)
    assert (list(source.parts()), source.size, source.name) == ([], 0, tmp_path.name)
