"""Logs of a training for TensorBoard."""

import time
from collections.abc import Mapping
from pathlib import Path

from ravlm.optional import require
from ravlm.safe.files import check_writable

_FLUSHED = 10  # seconds between two writes


class Logs:
    """Writes what `train` measures into a folder: tags as `read/loss`, by steps of the stage.

    A run that goes on writes into the same folder, beside what it wrote before.

    Raises:
        MissingExtra: tensorboardX is not installed.
        PathError: the folder can't be written.
    """

    def __init__(self, folder: Path) -> None:
        writer = require("tensorboardX", "logs").SummaryWriter
        check_writable(folder / "events")
        of_its_own = f".{time.time_ns()}"  # the library names files by the second, and writes over one of that name
        self._writer = writer(logdir=str(folder), flush_secs=_FLUSHED, filename_suffix=of_its_own)

    def __call__(self, stage: str, step: int, measures: Mapping[str, float]) -> None:
        """Add the measures of a step."""
        for name, value in measures.items():
            self._writer.add_scalar(f"{stage}/{name.replace(' ', '_')}", value, step)

    def close(self) -> None:
        """Write what is not written yet."""
        self._writer.close()
