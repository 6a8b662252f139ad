"""Harm done to a knowledge base on purpose, and what must be true after it: killed writers, flipped bits, cut files."""

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pictures import picture
from ravlm.errors import KnowledgeError, PathError, RavlmError
from ravlm.knowledge.build import build
from ravlm.knowledge.rows import canonical, content_hash, picture_id
from ravlm.knowledge.sources.part import Part, Source
from ravlm.knowledge.stamp import Stamp
from ravlm.knowledge.store import KnowledgeBase
from ravlm.knowledge.verify import damage_apart
from ravlm.records import Entry

_IDS = 24
_TESTS = str(Path(__file__).parent)
_WORKER = "import sys; sys.path.insert(0, sys.argv[1]); import harm; getattr(harm, sys.argv[2])(*sys.argv[3:])"


def numbered(name: str) -> bytes:
    """The picture of that number."""
    return picture(int(name))


def step(seed: int, number: int) -> tuple[str, Any]:
    """The change that a writer with this seed makes as its `number`-th."""
    rng = random.Random(f"{seed}-{number}")
    kind = rng.choices(["upsert", "delete", "source", "compact"], [12, 4, 1, 1])[0]
    if kind == "upsert":
        return kind, [
            Entry(
                f"e{rng.randrange(_IDS)}",
                f"Title {number}",
                text=f"Text {seed} {number}. " * rng.randrange(1, 40),
                images=tuple(str(rng.randrange(20)) for _ in range(rng.randrange(3))),
                source=rng.choice(["s", "t"]),
            )
            for _ in range(rng.randrange(1, 6))
        ]
    return kind, [f"e{rng.randrange(_IDS)}" for _ in range(3)] if kind == "delete" else "t"


def after(state: dict[str, Entry], seed: int, number: int) -> dict[str, Entry]:
    """What a base that held `state` holds after that change."""
    kind, what = step(seed, number)
    state = dict(state)
    if kind == "upsert":
        for entry in what:
            ids = dict.fromkeys(picture_id(numbered(name)) for name in entry.images)
            state[entry.id] = replace(entry, images=tuple(ids))
    elif kind == "delete":
        for entry_id in what:
            state.pop(entry_id, None)
    elif kind == "source":
        state = {entry_id: entry for entry_id, entry in state.items() if entry.source != what}
    return state


def fingerprint(state: dict[str, Entry]) -> str:
    """The fingerprint of a base that holds exactly this."""
    return Stamp().plus(content_hash(canonical(entry)) for entry in state.values()).fingerprint


def write_forever(folder: str, seed: str) -> None:
    """A writer that makes one change after the other and says so each time it is done."""
    base = KnowledgeBase.open(folder)
    number = 0
    while True:
        kind, what = step(int(seed), number)
        if kind == "upsert":
            base.upsert(what, numbered)
        elif kind == "delete":
            there = [entry_id for entry_id in dict.fromkeys(what) if entry_id in base]
            base.delete(there)
        elif kind == "source":
            if what in base.sources():
                base.delete(source=what)
        else:
            base.compact(keep=timedelta(days=1))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        number += 1


@dataclass
class Numbers(Source):
    """A source of numbered entries, some with pictures, some repeated."""

    count: int
    kind: str = "numbers"
    name: str = "numbers"
    path: Path = Path()
    strict: bool = True

    def __post_init__(self) -> None:
        self.size = self.count

    def settings(self) -> dict[str, Any]:
        return {"count": self.count}

    def parts(self, after: int | None = None) -> Iterator[Part]:
        for start in range(after or 0, self.count, 50):
            entries = [
                Entry(
                    f"n{i % 990}",
                    f"Number {i}",
                    text=f"{i} is a number. " * 20,
                    images=(str(i % 30),) if i % 9 == 0 else (),
                )
                for i in range(start, min(start + 50, self.count))
            ]
            yield Part(entries, len(entries), start + len(entries), start + len(entries))

    def picture(self, name: str) -> bytes:
        return numbered(name)


def build_numbers(out: str, count: str) -> None:
    """Build a base of numbered entries, a commit every 50."""
    import ravlm.knowledge.build as room

    room._ROWS = 50

    def tell(done: int, size: int, entries: int) -> None:
        sys.stdout.write(f"{done}\n")
        sys.stdout.flush()

    build(Numbers(int(count)), Path(out), progress=tell)


def killed(rng: random.Random, most: int, function: str, *arguments: str) -> int:
    """Run a function of this module in a process of its own and kill it at a random moment; what it said last, or -1.

    The moment lies a random part of a change's time after a random line of its output.
    """
    command = [sys.executable, "-c", _WORKER, _TESTS, function, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        said = -1
        for _ in range(rng.randrange(most)):
            line = worker.stdout.readline()
            if not line:
                break
            said = int(line)
        try:
            worker.wait(timeout=rng.random() * 0.03)
        except subprocess.TimeoutExpired:
            worker.kill()
        for line in worker.stdout:
            said = int(line)
    return said


def check_killed_writer(folder: Path, seed: int) -> None:
    """Kill a writer; what it acknowledged is there, the change it was at is there whole or not at all."""
    KnowledgeBase.create(folder).close()
    said = killed(random.Random(seed), 12, "write_forever", str(folder), str(seed))
    state: dict[str, Entry] = {}
    for number in range(said + 1):
        state = after(state, seed, number)
    base = KnowledgeBase.open(folder)
    possible = (state, after(state, seed, said + 1))
    assert base.fingerprint in {fingerprint(state) for state in possible}, f"seed {seed}, after change {said}"
    held = {entry.id: entry for entry in base.iterate()}
    assert held in possible
    assert list(base.verify()) == []
    base.upsert([Entry("more", "More", images=("1",))], numbered)
    assert base.get("more").title == "More"


def check_killed_build(folder: Path, seed: int, count: int = 1200) -> None:
    """Kill a build, twice; nothing is seen of it until it is whole, and it ends as if it had never been killed."""
    out = folder / "kb"
    rng = random.Random(seed)
    for _ in range(2):
        killed(rng, count // 50, "build_numbers", str(out), str(count))
        if out.exists():
            break
        with pytest.raises(PathError, match="found nothing"):
            KnowledgeBase.open(out)
    if not out.exists():
        report = build(Numbers(count), out)
        assert (report.kept, report.read) == (min(count, 990), count)
        assert report.skipped == ({"id repeated": count - 990} if count > 990 else {})
    base = KnowledgeBase.open(out)
    whole = KnowledgeBase.create(folder / "whole")
    for part in Numbers(min(count, 990)).parts():
        whole.upsert(part.entries, numbered)
    assert base.fingerprint == whole.fingerprint, f"seed {seed}"
    assert list(base.verify()) == []
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def read_all(base: KnowledgeBase, ids: list[str]) -> dict[str, Entry]:
    """Every one of these entries that `get` gives, with its pictures read."""
    found = {}
    for entry_id in ids:
        try:
            entry = base.get(entry_id)
            for image in entry.images:
                base.picture(image)
            found[entry_id] = entry
        except KnowledgeError:
            continue
    return found


def check_damage(folder: Path, right: dict[str, Entry], seed: int, *, cut: bool) -> bool:
    """Flip a bit of a file of the base, or cut it short; `verify` must tell where an entry reads other than it should.

    Returns whether it told anything.
    """
    rng = random.Random(seed)
    files = sorted(
        (p for p in folder.rglob("*") if p.is_file() and p.stat().st_size), key=lambda p: p.stat().st_mtime_ns
    )
    path = rng.choice(files)
    whole = path.read_bytes()
    changed = bytearray(whole)
    if cut:
        del changed[rng.randrange(len(changed)) :]
    else:
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    path.write_bytes(changed)
    what = f"seed {seed}: {path.relative_to(folder)}, {'cut' if cut else 'flipped'}"
    try:
        try:
            base = KnowledgeBase.open(folder)
            told = list(base.verify())
        except RavlmError as error:
            return bool(str(error))
        read = read_all(base, [*right, "gone"])
        assert all(right.get(entry_id) == entry for entry_id, entry in read.items()), f"wrong text, {what}"
        assert told or read == right, f"not told, {what}"
        try:
            everything = {entry.id: entry for entry in base.iterate()}
            assert everything == right or told, f"not told, {what}"
        except KnowledgeError:
            assert told, f"not told, {what}"
        return bool(told)
    finally:
        path.write_bytes(whole)


def harmed_base(folder: Path) -> dict[str, Entry]:
    """A base with a history: versions, entries deleted and replaced, pictures; returns what it holds."""
    base = KnowledgeBase.create(folder)
    base.upsert([Entry(f"e{i}", f"E {i}", text=f"Text {i}. " * 30, images=(str(i % 5),)) for i in range(40)], numbered)
    base.upsert([Entry("gone", "Gone", text="No more.")])
    base.upsert([Entry("e3", "E 3", text="New text."), Entry("e50", "E 50", text="Fifty.", source="t")])
    base.delete(["gone", "e7"])
    base.compact(keep=timedelta(0))
    base.upsert([Entry("e51", "E 51", text="Fifty-one.")])
    base.delete(["e9"])
    return {entry.id: entry for entry in base.iterate()}


def damage_worker(folder: str, first: str, last: str, cut: str) -> None:
    """Harm a base once for each seed, and say after each whether it was told."""
    base = KnowledgeBase.open(folder)
    right = {entry.id: entry for entry in base.iterate()}
    base.close()
    for seed in range(int(first), int(last)):
        sys.stdout.write(f"{int(check_damage(Path(folder), right, seed, cut=bool(int(cut))))}\n")
        sys.stdout.flush()


def check_damages(folder: Path, first: int, last: int, *, cut: bool) -> tuple[int, int]:
    """Harm the base in a folder once for each seed, in a process of its own.

    Returns how often it was told, and how often it ended the process: a wrong length can make Lance ask for more
    memory than there is. `damage_apart` must tell that too.
    """
    whole = folder.with_name("whole")
    shutil.copytree(folder, whole)
    told: list[bool] = []
    ended = 0
    while first + len(told) < last:
        command = [sys.executable, "-c", _WORKER, _TESTS, "damage_worker", str(folder)]
        command += [str(first + len(told)), str(last), str(int(cut))]
        ran = subprocess.run(command, capture_output=True, text=True)
        told += [line == "1" for line in ran.stdout.split()]
        if ran.returncode < 0:
            ended += 1
            told.append(bool(damage_apart(str(folder))))
            assert told[-1], f"not told, seed {first + len(told) - 1}"
            shutil.rmtree(folder)
            shutil.copytree(whole, folder)
        else:
            assert ran.returncode == 0, ran.stderr[-2000:]
    shutil.rmtree(whole)
    return sum(told), ended
