"""What retrievers by vectors share: they are kept, read and refreshed alike, whatever rows they compare."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from ravlm.errors import ConfigError
from ravlm.knowledge.differences import Differences
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Filters
from ravlm.retrieval.folder import Contents, Stamp
from ravlm.retrieval.indexed import IndexedRetriever
from ravlm.retrieval.keys import Keys
from ravlm.retrieval.vectors.side import Side
from ravlm.retrieval.vectors.store import Floats


class VectorRetriever(IndexedRetriever):
    """Rows of one or more sides, by name, whose vectors one encoder makes."""

    def __init__(self, encoder: Any, sides: Mapping[str, Side], stamp: Stamp) -> None:
        super().__init__()
        self.encoder = encoder
        self.sides = dict(sides)
        self.stamp = stamp
        self.rows = next(iter(self.sides.values())).rows

    @classmethod
    def _keys(cls, encoder: Any) -> Mapping[str, Keys]:
        """What makes the vectors of each side; refuses an encoder that can't."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """The encoder, and of each side what searches it, and how many entries have nothing there (`without`)."""
        sides = {name: side.settings() for name, side in self.sides.items()}
        first = next(iter(sides.values()))
        said = {name: "; ".join(f"{side}: {its[name]}" for side, its in sides.items()) for name in ("engine", "why")}
        return {
            "engine": first["engine"] if len(sides) == 1 else said["engine"],
            "why": first["why"] if len(sides) == 1 else said["why"],
            "unit": first["unit"],
            "without": first["without"] if len(sides) == 1 else {side: its["without"] for side, its in sides.items()},
            "encoder": {
                "origin": getattr(self.encoder, "origin", None),
                "revision": getattr(self.encoder, "revision", None),
            },
            "sides": sides,
        }

    def _hashes(self) -> dict[str, bytes]:
        return {entry: found for side in self.sides.values() for entry, found in side.rows.hashes().items()}

    def _follow(self, knowledge: KnowledgeBase, differences: Differences) -> None:
        for name, side in self.sides.items():
            self._unsaved |= {f"{name}-{role}" for role in side.follow(knowledge, differences)}

    def _files(self) -> Mapping[str, Callable[[Path], None]]:
        return {f"{name}-{role}": write for name, side in self.sides.items() for role, write in side.files().items()}

    @classmethod
    def _read(cls, folder: Path, contents: Contents, **parts: Any) -> Self:
        encoder = parts["encoder"]
        keys = cls._keys(encoder)
        cls._check_encoder(folder, contents, encoder)
        sides = {}
        for name, settings in contents.settings["sides"].items():
            start = f"{name}-"
            files = {r.removeprefix(start): folder / file for r, file in contents.files.items() if r.startswith(start)}
            sides[name] = Side.read(files, settings, keys[name])
        return cls(encoder, sides, contents.stamp)


def checked(
    vectors: Floats, width: int, filters: Filters | Sequence[Filters] | None
) -> tuple[Floats, Sequence[Filters]]:
    """Vectors [b, width] of queries, and for each the filters.

    Raises:
        ConfigError: they are of another shape, hold no numbers, or are not as many as the filters.
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    each = list(filters) if isinstance(filters, Sequence) else [filters or Filters()] * len(vectors)
    if vectors.ndim != 2 or vectors.shape[1] != width or not np.isfinite(vectors.sum()) or len(each) != len(vectors):
        raise ConfigError(
            f"{len(each)} filters and vectors of shape {list(vectors.shape)} were given. Give vectors "
            f"[queries, {width}] of numbers, without NaN, and filters once or for each."
        )
    return vectors, each
