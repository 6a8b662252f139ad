"""A version's stamp: how many entries it has, and the multiset hash of them all.

The stamp lies in the entries' own table, in the row whose id is empty, and changes in the same commit as they do. So it
never falls behind them, two writers can't both change it, and what it says tells `verify` of entries that a damaged
file has lost or brought back.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ravlm.errors import KnowledgeCorrupt
from ravlm.knowledge.rows import ENTRIES, HASH_BYTES, content_hash, row

STAMP_ID = ""
ENTRIES_ONLY = f"id != '{STAMP_ID}'"
_MODULUS = 2 ** (8 * HASH_BYTES)


@dataclass(frozen=True, slots=True)
class Stamp:
    """`entries` counts them; `total` is the sum modulo 2**256 of their hashes, the same in whatever order they came.

    Sums of hashes are the additive multiset hash of Clarke et al., "Incremental Multiset Hash Functions" (ASIACRYPT
    2003): they tell damage and difference; they are no defence against whoever forges entries on purpose.
    """

    entries: int = 0
    total: int = 0

    @property
    def fingerprint(self) -> str:
        """The total as 64 hex digits."""
        return f"{self.total:0{2 * HASH_BYTES}x}"

    def plus(self, hashes: Iterable[bytes]) -> "Stamp":
        """The stamp with the entries of these hashes added."""
        return self._with(list(hashes), 1)

    def minus(self, hashes: Iterable[bytes]) -> "Stamp":
        """The stamp with the entries of these hashes taken away."""
        return self._with(list(hashes), -1)

    def _with(self, hashes: list[bytes], sign: int) -> "Stamp":
        return Stamp(self.entries + sign * len(hashes), (self.total + sign * _sum(hashes)) % _MODULUS)

    def row(self) -> pa.Table:
        """The stamp as the row of `ENTRIES` that holds it."""
        record = json.dumps({"entries": self.entries, "fingerprint": self.fingerprint})
        return pa.Table.from_pylist([row(STAMP_ID, record)], schema=ENTRIES)

    @classmethod
    def read(cls, rows: list[dict[str, Any]]) -> "Stamp":
        """The stamp that the rows with its id hold.

        Raises:
            KnowledgeCorrupt: there is not one such row, or it is damaged.
        """
        if len(rows) == 1 and content_hash(rows[0]["record"]) == rows[0]["hash"]:
            values = json.loads(rows[0]["record"])
            return cls(values["entries"], int(values["fingerprint"], 16))
        raise KnowledgeCorrupt(
            "The knowledge base has lost the row that says how many entries it has, so entries may be missing too. Go "
            "back with `ravlm knowledge rollback`, or restore the base from a copy."
        )


def _sum(hashes: list[bytes]) -> int:
    joined = np.frombuffer(b"".join(hashes), dtype=">u4").reshape(-1, HASH_BYTES // 4)
    words = [int(word) for word in joined.astype(np.uint64).sum(axis=0)]
    return sum(word << 32 * place for place, word in enumerate(reversed(words)))
