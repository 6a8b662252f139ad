"""What others do to a base: kill its writer, write at the same time, flip its bits."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from ravlm.errors import KnowledgeCorrupt, KnowledgeError
from ravlm.knowledge.store import KnowledgeBase

WRITER = """
import sys
from pathlib import Path
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry
from pictures import picture
folder, name, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
base = KnowledgeBase.open(folder)
for i in range(rounds):
    entry = Entry(f"{name}{i}", name, text="x" * 100, images=(str(i),))
    base.upsert([entry, Entry(f"shared{i}", name)], lambda number: picture(int(number)))
    sys.stdout.write(f"{entry.id}\\n")
    sys.stdout.flush()
"""


def _writer(folder: Path, name: str, rounds: int) -> subprocess.Popen[str]:
    tests = str(Path(__file__).parents[1])
    code = f"import sys; sys.path.insert(0, {tests!r})\n{WRITER}"
    return subprocess.Popen([sys.executable, "-c", code, str(folder), name, str(rounds)], stdout=-1, text=True)


def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    folder = KnowledgeBase.create(tmp_path / "kb").folder
    with _writer(folder, "w", 100_000) as writer:
        lines = iter(writer.stdout or ())
        acknowledged = [next(lines).strip() for _ in range(6)]
        writer.kill()
        acknowledged += [line.strip() for line in lines]
    base = KnowledgeBase.open(folder)
    there = {entry.id for entry in base.iterate()}
    assert set(acknowledged) <= there
    assert list(base.damage()) == []
    base.upsert([base.get("w0")])


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    folder = KnowledgeBase.create(tmp_path / "kb").folder
    writers = [_writer(folder, name, 6) for name in ("a", "b")]
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0]
    base = KnowledgeBase.open(folder)
    names = [f"{name}{i}" for name in ("a", "b", "shared") for i in range(6)]
    assert [entry.id for entry in base.iterate()] == sorted(names)
    assert base.count_pictures() == 6
    assert list(base.damage()) == []


def test_a_flipped_bit_never_gives_wrong_text(base: KnowledgeBase) -> None:
    base.delete(["e4"])
    right = {entry.id: entry for entry in base.iterate()}
    damaged = 0
    rng = random.Random(5)
    files = sorted(path for path in base.folder.rglob("*") if path.suffix in {".lance", ".arrow"} and path.is_file())
    for _ in range(40):
        path = rng.choice(files)
        whole = path.read_bytes()
        changed = bytearray(whole)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        try:
            reader = KnowledgeBase.open(base.folder)
            found = list(reader.damage())
            read = {entry.id: entry for entry in reader.iterate()}
            for entry in read.values():
                for image in entry.images:
                    reader.picture(image)
            assert found or read == right
            assert all(right[entry_id] == entry for entry_id, entry in read.items())
            damaged += bool(found)
        except KnowledgeError:
            damaged += 1
        finally:
            path.write_bytes(whole)
    assert damaged > 12


def test_a_changed_text_is_found(base: KnowledgeBase) -> None:
    changed = 0
    for path in base.folder.rglob("*.lance"):
        if path.is_file() and b"Text 3." in path.read_bytes():
            path.write_bytes(path.read_bytes().replace(b"Text 3.", b"Text 4."))
            changed += 1
    assert changed == 1
    reader = KnowledgeBase.open(base.folder)
    with pytest.raises(KnowledgeCorrupt, match="'e3' is damaged"):
        reader.get("e3")
    with pytest.raises(KnowledgeCorrupt):
        list(reader.iterate())
    assert reader.get("e1").text == "Text 1."
    assert [line.split(":")[0] for line in reader.damage()] == ["entry 'e3'"]


def test_a_missing_file_is_damage(base: KnowledgeBase) -> None:
    for path in (base.folder / "entries.lance" / "data").iterdir():
        path.unlink()
    with pytest.raises(KnowledgeCorrupt, match="can't be read"):
        KnowledgeBase.open(base.folder).get("e1")
