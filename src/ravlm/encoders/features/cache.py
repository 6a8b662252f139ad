"""The feature cache: what a frozen encoder makes of an image or a text is computed once and kept on the disk."""

import hashlib
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ravlm.encoders.features.bounded import BoundedFile, Usage
from ravlm.encoders.features.opening import opened

LIMIT = 10 * 10**9
"""Bytes that a cache may take on the disk, unless told otherwise."""
_HEADER = struct.Struct("<BBxxIII")  # dtypes of pooled and tokens, pooled width, n, width
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
_NO_TOKENS = 255


@dataclass(frozen=True)
class Features:
    """What an encoder makes of one image or text.

    `pooled` [pooled_width]; `tokens` [n, width], without padding, where they were asked for.
    """

    pooled: Float[Tensor, "pooled_width"]
    tokens: Float[Tensor, "n width"] | None = None


def cache_key(
    fingerprint: str,
    content: bytes,
    *,
    kind: Literal["image", "text"],
    tokens: bool,
    view: int = 0,
    precision: str = "float32",
) -> bytes:
    """SHA-256 over all that decides the features.

    Args:
        fingerprint: the encoder's, of its weights and settings.
        content: the bytes of the image's file, or the text in UTF-8.
        kind: what the content is: a joint encoder takes both.
        tokens: whether the tokens are kept beside the pooled vector.
        view: which augmented view of the image; 0 is the image as it is.
        precision: the dtype that the encoder computes in.
    """
    digest = hashlib.sha256()
    for part in (fingerprint.encode(), kind.encode(), str(view).encode(), precision.encode(), str(tokens).encode()):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    digest.update(content)
    return digest.digest()


class FeatureCache:
    """Features by key in a folder, memory-mapped, shared by any number of processes.

    A reread is bitwise what was put in, on the CPU. When the limit is reached, the features written first are dropped;
    the file never grows beyond the limit, or where processes open it with different ones, the largest. What is above a
    quarter of the limit is not kept. A damaged record is as good as none, and is replaced when it is put again.

    It may be handed to other processes, forked or spawned, and used by several threads. The folder must not be on a
    network file system.
    """

    def __init__(self, folder: str | Path, *, limit: int = LIMIT) -> None:
        """Open the cache in a folder, made where there is none.

        Args:
            folder: holds the cache and nothing else; delete it to be rid of the cache.
            limit: bytes that it may take on the disk.

        Raises:
            ConfigError: the limit is below one million bytes.
            PathError: the folder holds something else, or can't be written.
            FormatError: the file in it is damaged, or of another format.
        """
        self._folder = Path(folder).absolute()
        self._limit = limit
        self._file: BoundedFile | None = opened(self._folder, limit)

    def get_many(self, keys: Sequence[bytes]) -> list[Features | None]:
        """The features of each key; None where there are none.

        Raises:
            FormatError: the file is damaged.
        """
        return self._here().read(keys, _unpacked)

    def put_many(self, items: Sequence[tuple[bytes, Features]]) -> None:
        """Keep features by key; those of a key that is there stay as they are.

        Raises:
            ValueError: a dtype other than float32, bfloat16 and float16, or a shape that is not `Features`'.
            PathError: the disk is full, or refuses.
            FormatError: the file is damaged.
        """
        self._here().write([(key, _packed(features)) for key, features in items])

    def info(self) -> Usage:
        """How many features there are, and the bytes they take."""
        return self._here().usage()

    def close(self) -> None:
        """Let go of the file. A cache that is asked again opens it again."""
        self._file = None

    def __enter__(self) -> "FeatureCache":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, object]:
        return {"_folder": self._folder, "_limit": self._limit, "_file": None}

    def _here(self) -> BoundedFile:
        """The file, opened by this process: not by the one it was forked from."""
        if self._file is None or self._file.pid != os.getpid():
            self._file = opened(self._folder, self._limit)
        return self._file


def _packed(features: Features) -> bytes:
    pooled, tokens = features.pooled, features.tokens
    if pooled.ndim != 1 or (tokens is not None and tokens.ndim != 2):
        found = [list(tensor.shape) for tensor in (pooled, tokens) if tensor is not None]
        raise ValueError(f"Features are pooled [pooled_width] and tokens [n, width]: found {found}.")
    n, width = (0, 0) if tokens is None else tokens.shape
    dtype = _NO_TOKENS if tokens is None else _number(tokens)
    header = _HEADER.pack(_number(pooled), dtype, len(pooled), n, width)
    return b"".join([header, _raw(pooled), b"" if tokens is None else _raw(tokens)])


def _number(tensor: Tensor) -> int:
    if tensor.dtype not in _DTYPES:
        raise ValueError(f"Features of {tensor.dtype} are not kept: give one of {', '.join(map(str, _DTYPES))}.")
    return _DTYPES.index(tensor.dtype)


def _raw(tensor: Tensor) -> memoryview:
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data


def _unpacked(content: memoryview) -> Features:
    number, tokens_number, pooled_width, n, width = _HEADER.unpack_from(content)
    dtype = _DTYPES[number]
    end = _HEADER.size + pooled_width * dtype.itemsize
    pooled = _tensor(content[_HEADER.size : end], dtype)
    if tokens_number == _NO_TOKENS:
        return Features(pooled)
    return Features(pooled, _tensor(content[end:], _DTYPES[tokens_number]).view(n, width))


def _tensor(raw: memoryview, dtype: torch.dtype) -> Tensor:
    """A copy that may be changed."""
    return torch.frombuffer(bytearray(raw), dtype=dtype) if len(raw) else torch.empty(0, dtype=dtype)
