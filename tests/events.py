"""Reads the files that TensorBoard reads: records of a length, the bytes, and a checksum of each."""

import struct
from collections.abc import Iterator
from pathlib import Path


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every tag's (step, value), in the order in which they were written."""
    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.glob("events.*")):
        for step, tag, value in _read(path.read_bytes()):
            found.setdefault(tag, []).append((step, value))
    return found


def _read(data: bytes) -> Iterator[tuple[int, str, float]]:
    from tensorboardX.proto.event_pb2 import Event

    place = 0
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        event = Event.FromString(data[place + 12 : place + 12 + length])
        place += 12 + length + 4
        for value in event.summary.value:
            yield event.step, value.tag, value.simple_value
