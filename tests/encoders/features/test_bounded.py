"""Records in a bounded file: the bound, the order, several processes, those that are killed, and damage."""

import hashlib
import multiprocessing
import os
import random
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import lmdb
import pytest

from ravlm.encoders.features.bounded import FILE, BoundedFile
from ravlm.encoders.features.opening import opened
from ravlm.errors import ConfigError, FormatError, PathError

LIMIT = 10**7
LARGE = 49 * 2048 * 4


def key_of(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def content_of(number: int, size: int = LARGE) -> bytes:
    """What is told by the number alone, and differs along its length."""
    block = random.Random(number).randbytes(997)
    return (block * (size // len(block) + 1))[:size]


def there(file: BoundedFile, numbers: Sequence[int]) -> list[int]:
    """The numbers whose records are found."""
    found = file.read([key_of(number) for number in numbers], len)
    return [number for number, record in zip(numbers, found, strict=True) if record is not None]


def apart(target: Callable[..., None], *arguments: object, method: str = "spawn") -> int | None:
    """Run in a process of its own; its exit code."""
    process = multiprocessing.get_context(method).Process(target=target, args=arguments)
    process.start()
    process.join()
    return process.exitcode


@pytest.mark.parametrize("sizes", [[LARGE], [1536, LARGE, 605_184, 98_304], [1536]])
def test_the_newest_stay_within_the_limit(tmp_path: Path, sizes: list[int]) -> None:
    file, chance = opened(tmp_path, LIMIT), random.Random(0)
    at_once = 1 if max(sizes) == LARGE else 8 if len(sizes) > 1 else 200
    written = 0
    while written < 60 * at_once or file.usage().entries == written:
        numbers = range(written, written + at_once)
        file.write([(key_of(number), content_of(number, chance.choice(sizes))) for number in numbers])
        written += at_once
        assert there(file, numbers) == list(numbers)
        assert (tmp_path / FILE).stat().st_size <= LIMIT
    kept = there(file, range(written))
    assert kept == list(range(written - len(kept), written))  # those written first went first
    assert len(kept) == file.usage().entries
    assert LIMIT / 2 < file.usage().used < LIMIT


def test_thousands_of_large_records_pass_through(tmp_path: Path) -> None:
    file, content = opened(tmp_path, LIMIT), content_of(0)
    for number in range(2000):
        file.write([(key_of(number), content)])
    assert there(file, range(2000)) == list(range(2000 - file.usage().entries, 2000))
    assert file.usage().entries > 0.8 * LIMIT / LARGE


def test_a_record_that_is_there_keeps_content_and_place(tmp_path: Path) -> None:
    file = opened(tmp_path, LIMIT)
    file.write([(key_of(number), content_of(number)) for number in range(10)])
    file.write([(key_of(0), content_of(99))])
    assert file.read([key_of(0)], bytes) == [content_of(0)]
    number = 10
    while there(file, range(10)) == list(range(10)):
        file.write([(key_of(number), content_of(number))])
        number += 1
    assert 0 not in there(file, range(10))


def test_what_is_there_pushes_nothing_out(tmp_path: Path) -> None:
    file = opened(tmp_path, LIMIT)
    file.write([(key_of(number), content_of(number)) for number in range(60)])
    kept = there(file, range(60))
    for _ in range(3):
        file.write([(key_of(number), content_of(number)) for number in kept])
    assert there(file, range(60)) == kept


def test_a_record_above_a_quarter_of_the_limit_is_not_kept(tmp_path: Path) -> None:
    file = opened(tmp_path, LIMIT)
    file.write([(key_of(0), b"a"), (key_of(1), bytes(LIMIT)), (key_of(2), bytes(LIMIT // 4 + 1)), (key_of(3), b"b")])
    assert there(file, range(4)) == [0, 3]


def _write_and_check(folder: str, seed: int) -> None:
    file, chance = opened(Path(folder), LIMIT), random.Random(seed)
    for _ in range(40):
        numbers = chance.sample(range(60), 3)
        file.write([(key_of(number), content_of(number, 1000 + 5000 * number)) for number in numbers])
        _check(file, chance.sample(range(60), 20))


def _check(file: BoundedFile, numbers: Sequence[int]) -> int:
    found = file.read([key_of(number) for number in numbers], bytes)
    for number, record in zip(numbers, found, strict=True):
        assert record in (None, content_of(number, 1000 + 5000 * number))
    return sum(record is not None for record in found)


def test_processes_write_and_read_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_and_check, args=(str(tmp_path), seed)) for seed in range(3)]
    for process in processes:
        process.start()
    file = opened(tmp_path, LIMIT)
    while any(process.is_alive() for process in processes):
        _check(file, range(60))
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert _check(file, range(60)) > 20
    assert (tmp_path / FILE).stat().st_size <= LIMIT


def _killed_while_it_writes(folder: str) -> None:
    file = opened(Path(folder), LIMIT)
    keep, seen = file._keep, []

    def killed(txn: object, key: bytes, record: bytes) -> None:
        keep(txn, key, record)
        seen.append(key)
        if len(seen) == 6:  # amid the second transaction
            os.kill(os.getpid(), signal.SIGKILL)

    file._keep = killed  # type: ignore[method-assign]
    file.write([(key_of(number), content_of(number)) for number in range(100, 110)])


def _killed_while_it_reads(folder: str) -> None:
    opened(Path(folder), LIMIT).read([key_of(0)], lambda _: os.kill(os.getpid(), signal.SIGKILL))


@pytest.mark.parametrize(
    ("killed", "committed"), [(_killed_while_it_writes, [100, 101, 102, 103]), (_killed_while_it_reads, [])]
)
def test_a_process_that_is_killed_leaves_a_sound_file(
    tmp_path: Path, killed: Callable[[str], None], committed: list[int]
) -> None:
    file = opened(tmp_path, LIMIT)
    file.write([(key_of(number), content_of(number)) for number in range(5)])
    assert apart(killed, str(tmp_path)) == -signal.SIGKILL
    assert file.read([key_of(number) for number in range(5)], bytes) == [content_of(number) for number in range(5)]
    assert there(file, range(100, 110)) == committed
    for number in range(200, 280):
        file.write([(key_of(number), content_of(number))])
    assert there(file, [279]) == [279]
    assert file.usage().entries > 15


def _write_with_another_limit(folder: str, limit: int) -> None:
    opened(Path(folder), limit).write([(key_of(number), content_of(number)) for number in range(100)])


def test_another_process_may_have_a_larger_limit(tmp_path: Path) -> None:
    file = opened(tmp_path, LIMIT)
    file.write([(key_of(0), content_of(0))])
    assert apart(_write_with_another_limit, str(tmp_path), 10 * LIMIT) == 0
    assert there(file, range(100)) == list(range(100))
    grown = (tmp_path / FILE).stat().st_size
    assert grown > 3 * LIMIT
    for number in range(100, 200):
        file.write([(key_of(number), content_of(number))])
    assert there(file, [199]) == [199]
    assert file.usage().used < LIMIT
    assert (tmp_path / FILE).stat().st_size == grown


def test_a_process_opens_a_file_once_and_the_last_limit_holds(tmp_path: Path) -> None:
    file = opened(tmp_path, LIMIT)
    assert opened(tmp_path / ".." / tmp_path.name, 2 * LIMIT) is file
    assert file.usage().limit == 2 * LIMIT


def _write_after_a_fork(folder: str) -> None:
    file = opened(Path(folder), LIMIT)
    assert file.pid == os.getpid()
    file.write([(key_of(1), content_of(1))])


def test_a_fork_opens_the_file_anew(tmp_path: Path) -> None:
    file = opened(tmp_path, LIMIT)
    file.write([(key_of(0), content_of(0))])
    assert apart(_write_after_a_fork, str(tmp_path), method="fork") == 0
    assert file.read([key_of(0), key_of(1)], bytes) == [content_of(0), content_of(1)]
    file.write([(key_of(2), content_of(2))])
    assert there(file, range(3)) == [0, 1, 2]


def _filled(folder: Path) -> Path:
    opened(folder, LIMIT).write([(key_of(number), content_of(number)) for number in range(10)])
    return folder / FILE


def test_a_damaged_record_is_none_and_is_replaced(tmp_path: Path) -> None:
    path = _filled(tmp_path)
    at = path.read_bytes().index(content_of(3)[:997])
    with path.open("r+b") as data:
        data.seek(at + 500)
        data.write(bytes([content_of(3)[500] ^ 1]))
    file = opened(tmp_path, LIMIT)
    assert there(file, range(10)) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    file.write([(key_of(3), content_of(3))])
    assert file.read([key_of(3)], bytes) == [content_of(3)]
    assert file.usage().entries == 10


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(random.Random(0).randbytes(100_000))
    with pytest.raises(FormatError, match="Delete the folder"):
        opened(tmp_path, LIMIT)


def test_a_file_of_which_little_is_left_is_refused(tmp_path: Path) -> None:
    path = _filled(tmp_path)
    os.truncate(path, 5000)
    with pytest.raises(FormatError, match="Delete the folder"):
        opened(tmp_path, LIMIT)


def _read_what_is_left(folder: str) -> None:
    with suppress(FormatError):
        file = opened(Path(folder), LIMIT)
        found = file.read([key_of(number) for number in range(10)], bytes)
        assert all(record in (None, content_of(number)) for number, record in enumerate(found))
        assert None in found
        file.write([(key_of(number), content_of(number)) for number in range(10)])
        assert file.read([key_of(9)], bytes) == [content_of(9)]


@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_a_file_that_was_cut_ends_no_process(tmp_path: Path, part: float) -> None:
    path = _filled(tmp_path)
    os.truncate(path, int(path.stat().st_size * part))
    assert apart(_read_what_is_left, str(tmp_path)) == 0


@pytest.mark.parametrize("found", [None, b"ravlm bounded records 0"])
def test_another_format_is_refused(tmp_path: Path, found: bytes | None) -> None:
    with lmdb.open(str(tmp_path)) as other, other.begin(write=True) as txn:
        txn.put(b"x" if found is None else b"format", found or b"y")
    with pytest.raises(FormatError, match="another format"):
        opened(tmp_path, LIMIT)


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(PathError, match=r"notes\.txt"):
        opened(tmp_path, LIMIT)
    with pytest.raises(PathError, match="can't be made"):
        opened(tmp_path / "notes.txt" / "cache", LIMIT)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cant_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PathError, match="rights"):
        opened(tmp_path, LIMIT)


def test_a_limit_too_small_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="1,000,000"):
        opened(tmp_path, 999_999)
