"""Picture to the entries' pictures: one key a picture, exact search."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors.numpy import load_file, save

from ravlm.errors import FormatError, IndexStale
from ravlm.records import Entry
from ravlm.safe.files import write_bytes_atomic, write_text_atomic

KEYS, STAMP = "image-keys.safetensors", "image-keys.json"
Embed = Callable[[Sequence[str]], Float[np.ndarray, "n v"]]


@dataclass(frozen=True)
class Stamp:
    """What an index was made from; it fits nothing else."""

    knowledge: str
    encoder: str


class ImageIndex:
    """The keys [n, v] of all entries' pictures, of unit length, sorted by (entry id, image id).

    Entries without a picture are not in it and can't be found by a picture. `entry_ids` are those that can, sorted;
    `entry_of` [n] is each picture's entry among them.
    """

    def __init__(self, keys: Float[np.ndarray, "n v"], owners: Sequence[tuple[str, str]], stamp: Stamp) -> None:
        self.keys = keys
        self.owners = list(owners)
        self.stamp = stamp
        self.entry_ids = sorted({entry_id for entry_id, _ in self.owners})
        place = {entry_id: i for i, entry_id in enumerate(self.entry_ids)}
        self.entry_of = np.array([place[entry_id] for entry_id, _ in self.owners], dtype=np.int64)
        self._row = {owner: i for i, owner in enumerate(self.owners)}
        self._pictures: dict[str, list[int]] = defaultdict(list)
        self._places: dict[str, list[int]] = defaultdict(list)
        for i, (entry_id, image_id) in enumerate(self.owners):
            self._pictures[entry_id].append(i)
            self._places[image_id].append(i)

    def __len__(self) -> int:
        return len(self.owners)

    @classmethod
    def build(
        cls, entries: Sequence[Entry], embed: Embed, stamp: Stamp, previous: "ImageIndex | None" = None
    ) -> "ImageIndex":
        """Keys of all pictures; those that `previous` holds, made by the same encoder, are not computed again."""
        owners = sorted((entry.id, image_id) for entry in entries for image_id in entry.images)
        known: dict[str, np.ndarray] = {}
        if previous is not None and previous.stamp.encoder == stamp.encoder:
            known = {image_id: previous.keys[i] for i, (_, image_id) in enumerate(previous.owners)}
        missing = sorted({image_id for _, image_id in owners} - known.keys())
        if missing:
            known |= dict(zip(missing, embed(missing), strict=True))
        keys = np.stack([known[image_id] for _, image_id in owners]) if owners else np.zeros((0, 1), np.float32)
        return cls(keys, owners, stamp)

    def search(self, queries: Float[np.ndarray, "b v"], n: int) -> list[list[tuple[str, str, float]]]:
        """The n nearest entries of each query as (entry id, its nearest image id, cosine), ties by entry id."""
        if not self.owners:
            return [[] for _ in queries]
        found = []
        for similarity in queries @ self.keys.T:
            best = np.full(len(self.entry_ids), -np.inf, dtype=np.float32)
            np.maximum.at(best, self.entry_of, similarity)
            row = []
            for e in np.argsort(-best, kind="stable")[:n]:
                pictures = self._pictures[self.entry_ids[e]]
                image_id = self.owners[pictures[int(np.argmax(similarity[pictures]))]][1]
                row.append((self.entry_ids[e], image_id, float(best[e])))
            found.append(row)
        return found

    def own(self, image_id: str) -> list[int]:
        """The rows of a picture, where the entry has others: it is not to be compared with itself."""
        return [i for i in self._places.get(image_id, ()) if len(self._pictures[self.owners[i][0]]) > 1]

    def pictures(self, entry_id: str) -> list[int]:
        """The rows of an entry's pictures."""
        return self._pictures[entry_id]

    def shown_by(self, image_id: str) -> frozenset[str]:
        """The entries that have this very picture."""
        return frozenset(self.owners[i][0] for i in self._places.get(image_id, ()))

    def key(self, entry_id: str, image_id: str) -> Float[np.ndarray, " v"]:
        """The key of one picture of an entry."""
        return np.asarray(self.keys[self._row[entry_id, image_id]])

    def compare(self, query: Float[np.ndarray, " v"], entry_id: str, besides: str = "") -> tuple[str, str, float]:
        """One entry as a search would give it: (entry id, its nearest image id, cosine); no image and 0 without any.

        The picture `besides` is left out, where the entry has another.
        """
        every = self._pictures.get(entry_id, [])
        pictures = [i for i in every if self.owners[i][1] != besides] or every
        if not pictures:
            return entry_id, "", 0.0
        cosines = self.keys[pictures] @ query
        best = int(np.argmax(cosines))
        return entry_id, self.owners[pictures[best]][1], float(cosines[best])

    def save(self, folder: Path) -> None:
        """Write the keys, then the stamp that makes them valid."""
        folder.mkdir(parents=True, exist_ok=True)
        data = save({"keys": np.ascontiguousarray(self.keys)})
        write_bytes_atomic(folder / KEYS, data)
        stamp = {
            "format": 1,
            "knowledge": self.stamp.knowledge,
            "encoder": self.stamp.encoder,
            "sha256": hashlib.sha256(data).hexdigest(),
            "owners": self.owners,
        }
        write_text_atomic(folder / STAMP, json.dumps(stamp, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> "ImageIndex | None":
        """The index that was saved here, None when there is none.

        Raises:
            IndexStale: the keys don't fit their stamp.
            FormatError: the index is of another format.
        """
        if not (folder / STAMP).is_file() or not (folder / KEYS).is_file():
            return None
        try:
            stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        except ValueError as error:
            raise IndexStale(f"The stamp of the index in {folder.name}/ is no JSON. Delete the folder.") from error
        if stamp.get("format") != 1:
            raise FormatError(
                f"The index in {folder.name}/ has format {stamp.get('format')!r}; this release reads format 1. "
                "Delete the folder: the index is built again from the knowledge base."
            )
        if hashlib.sha256((folder / KEYS).read_bytes()).hexdigest() != stamp["sha256"]:
            raise IndexStale(
                f"The index in {folder.name}/ is damaged: its keys don't fit their checksum. Delete the folder: the "
                "index is built again from the knowledge base."
            )
        owners = [(entry_id, image_id) for entry_id, image_id in stamp["owners"]]
        return cls(load_file(folder / KEYS)["keys"], owners, Stamp(stamp["knowledge"], stamp["encoder"]))
