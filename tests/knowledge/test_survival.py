"""What others do to a base: kill its writer, write at the same time, flip its bits, fill its disk."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harm import check_damages, check_killed_build, check_killed_writer, harmed_base
from ravlm.errors import KnowledgeCorrupt
from ravlm.knowledge.store import KnowledgeBase

TESTS = str(Path(__file__).parents[1])
WRITER = """
import sys
from harm import numbered
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry
folder, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
base = KnowledgeBase.open(folder)
for i in range(rounds):
    base.upsert([Entry(f"{name}{i}", name, images=(str(i),)), Entry(f"shared{i}", name)], numbered)
"""


def _run(code: str, *arguments: str) -> subprocess.Popen[str]:
    code = f"import sys; sys.path.insert(0, {TESTS!r})\n{code}"
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=-1, stderr=-1, text=True)


@pytest.mark.parametrize("seed", range(14))
def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path, seed: int) -> None:
    check_killed_writer(tmp_path / "kb", seed)


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_build_goes_on_and_ends_the_same(tmp_path: Path, seed: int) -> None:
    check_killed_build(tmp_path, seed)


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    KnowledgeBase.create(tmp_path / "kb").close()
    writers = [_run(WRITER, str(tmp_path / "kb"), name, "8") for name in ("a", "b")]
    told = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], told
    base = KnowledgeBase.open(tmp_path / "kb")
    names = [f"{name}{i}" for name in ("a", "b", "shared") for i in range(8)]
    assert [entry.id for entry in base.iterate()] == sorted(names)
    assert base.count_pictures() == 8
    assert list(base.verify()) == []


@pytest.mark.parametrize(("cut", "times"), [(False, 40), (True, 20)])
def test_damage_is_told_and_never_read(tmp_path: Path, cut: bool, times: int) -> None:
    harmed_base(tmp_path / "kb")
    told, _ = check_damages(tmp_path / "kb", 0, times, cut=cut)
    assert told > times // 10  # else nothing was hit


def test_a_changed_text_is_found(base: KnowledgeBase) -> None:
    changed = 0
    for path in Path(base.location).rglob("*.lance"):
        if path.is_file() and b"Text 3." in path.read_bytes():
            path.write_bytes(path.read_bytes().replace(b"Text 3.", b"Text 4."))
            changed += 1
    assert changed == 1
    reader = KnowledgeBase.open(base.location)
    with pytest.raises(KnowledgeCorrupt, match="'e3' is damaged"):
        reader.get("e3")
    with pytest.raises(KnowledgeCorrupt):
        list(reader.iterate())
    assert reader.get("e1").text == "Text 1."
    assert [line.split(":")[0] for line in reader.verify()] == ["entry 'e3'"]


def test_a_missing_file_is_damage(base: KnowledgeBase) -> None:
    for path in (Path(base.location) / "entries.lance" / "data").iterdir():
        path.unlink()
    with pytest.raises(KnowledgeCorrupt, match="can't be read"):
        KnowledgeBase.open(base.location).get("e1")


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from ravlm.errors import RavlmError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry
base = KnowledgeBase.open(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    base.upsert([Entry(f"x{i}", "X", text=str(i ** 50) * 100) for i in range(500)])
except RavlmError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def test_a_full_disk_loses_nothing(base: KnowledgeBase) -> None:
    before = base.fingerprint
    full = _run(FULL, base.location)
    told = full.communicate()[1]
    assert full.returncode == 1
    assert "PathError" in told
    assert "File too large" in told
    base.refresh()
    assert (base.fingerprint, list(base.verify())) == (before, [])


READ_ONLY = """
import os, sys
from ravlm.errors import RavlmError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
base = KnowledgeBase.open(sys.argv[1])
assert base.get("e1").text == "Text 1."
assert list(base.verify()) == []
try:
    base.upsert([Entry("x", "X")])
except RavlmError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def test_a_read_only_folder_is_read_and_refuses_to_be_written(base: KnowledgeBase, tmp_path: Path) -> None:
    folders = [Path(base.location), *(path for path in Path(base.location).rglob("*") if path.is_dir())]
    # Root writes everywhere, so it becomes nobody, who must be let through the folders of this test run.
    through = [above for above in tmp_path.parents if above.name.startswith(("pytest-", "popen-"))]
    modes = {folder: folder.stat().st_mode for folder in (tmp_path, *(through if os.geteuid() == 0 else ()))}
    for folder, mode in modes.items():
        folder.chmod(mode | 0o011)
    for folder in folders:
        folder.chmod(0o555)
    try:
        reader = _run(READ_ONLY, base.location)
        told = reader.communicate()[1]
        assert reader.returncode == 1, told
        assert "PathError" in told
    finally:
        for folder in folders:
            folder.chmod(0o755)
        for folder, mode in modes.items():
            folder.chmod(mode)
