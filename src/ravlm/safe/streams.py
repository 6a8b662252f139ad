"""The one door through which large files by others are read: bytes as a stream, decompressed, in bounded memory.

A stream is never held whole: a compressed file may be far larger than memory, whatever its size on the disk.
"""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from ravlm.errors import FormatError, PathError

LONGEST_LINE = 16_000_000  # bytes
_CHUNK = 1 << 20
_OPENERS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))


@contextmanager
def open_stream(path: Path) -> Iterator[tuple[BinaryIO, IO[bytes]]]:
    """A file for reading: (the file itself, its content decompressed).

    gzip, bzip2 and xz are told by their first bytes, not by their names. The position in the file itself says how much
    of it is read.

    Raises:
        PathError: there is no such file, or it can't be read.
        FormatError: the compressed data is damaged or cut off; raised where the damage is met.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise PathError(f"There is no file {path}: found {found} there. Check the path.")
    try:
        with path.open("rb") as raw:
            start = raw.read(6)
            raw.seek(0)
            opener = next((opener for magic, opener in _OPENERS if start.startswith(magic)), None)
            if opener is None:
                yield raw, raw
            else:
                with opener(raw) as content:
                    yield raw, cast(IO[bytes], content)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if error.errno is None:  # bz2 says so of damaged data
            raise _damaged(path, error) from error
        raise PathError(f"{path} can't be read: {error.strerror}. Check its permissions and the disk.") from error


def chunks(stream: IO[bytes], size: int = _CHUNK) -> Iterator[bytes]:
    """The content of a stream, up to `size` bytes at a time, as it comes: nothing whole is lost before damage."""
    read = getattr(stream, "read1", stream.read)
    while chunk := read(size):
        yield chunk


def bounded_lines(stream: IO[bytes], longest: int = LONGEST_LINE) -> Iterator[bytes | None]:
    """The lines of a stream with their ends; None stands for a line of more than `longest` bytes, which is not held."""
    while line := stream.readline(longest):
        if len(line) < longest or line.endswith(b"\n"):
            yield line
            continue
        yield None
        while (rest := stream.readline(_CHUNK)) and not rest.endswith(b"\n"):
            pass


def _damaged(path: Path, error: Exception) -> FormatError:
    return FormatError(f"{path} is damaged or cut off: {error}. Get the file again and compare its checksum.")
