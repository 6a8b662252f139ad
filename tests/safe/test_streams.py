import bz2
import gzip
import io
import lzma
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.errors import FormatError, PathError
from ravlm.safe.streams import bounded_lines, chunks, open_stream

PACKED = {"plain": bytes, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("kind", PACKED)
def test_content_comes_decompressed_whatever_the_name(tmp_path: Path, kind: str) -> None:
    content = b"line one\nline two\n" * 1000
    (tmp_path / "file").write_bytes(PACKED[kind](content))
    with open_stream(tmp_path / "file") as (raw, stream):
        assert b"".join(chunks(stream, 100)) == content
        assert raw.tell() == (tmp_path / "file").stat().st_size


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_what_is_cut_off_is_told_after_what_was_whole(tmp_path: Path, kind: str) -> None:
    content = bytes(i * 7919 % 251 for i in range(3_000_000))
    packed = PACKED[kind](content)
    (tmp_path / "file").write_bytes(packed[: len(packed) * 9 // 10])
    got = bytearray()
    with pytest.raises(FormatError, match="damaged or cut off"), open_stream(tmp_path / "file") as (_, stream):
        _keep(stream, got)
    assert len(got) > 0
    assert content.startswith(bytes(got))


def _keep(stream: IO[bytes], into: bytearray) -> None:
    for chunk in chunks(stream):
        into += chunk


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    for name, found in (("nowhere", "nothing"), (".", "a folder")):
        with pytest.raises(PathError, match=f"found {found}"), open_stream(tmp_path / name):
            pass


@given(st.binary(max_size=200), st.integers(1, 30))
def test_lines_are_whole_or_told_to_be_too_long(data: bytes, longest: int) -> None:
    lines = list(bounded_lines(io.BytesIO(data), longest))
    real = io.BytesIO(data).readlines()
    assert len(lines) == len(real)
    for line, whole in zip(lines, real, strict=True):
        assert line == whole or (line is None and len(whole) >= longest)


def test_a_line_without_end_is_never_held() -> None:
    class Endless(io.RawIOBase):
        most = 0

        def readable(self) -> bool:
            return True

        def readinto(self, into) -> int:
            self.most += len(into)
            into[:] = b"x" * len(into)
            return len(into) if self.most < 50_000_000 else 0

    assert list(bounded_lines(io.BufferedReader(Endless()), 1000)) == [None]
