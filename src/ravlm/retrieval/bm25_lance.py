"""BM25 for a collection that changes or is large: a Lance table of each row's terms, under Lance's full-text index."""

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from lance.dataset import LanceDataset
from lance.query import BooleanQuery, FullTextQuery, MatchQuery, Occur

from ravlm.errors import IndexStale, RavlmError
from ravlm.retrieval.bm25_engines import even_weight
from ravlm.retrieval.lexical import Terms
from ravlm.retrieval.lexical_matrix import Found
from ravlm.retrieval.rows import Mask
from ravlm.safe.files import remove_folder

K1, B = 1.2, 0.75
"""The parameters that Lance's BM25 has; it takes no others."""

_SCHEMA = pa.schema([pa.field("row", pa.int64(), nullable=False), pa.field("terms", pa.large_string(), nullable=False)])
_INDEX = "terms_idx"
_MORE = 32  # rows beyond the k-th that are asked for, to see where its ties end
_WIDER = 8  # times as many rows, where those were not enough
_FEW = 1000  # rows: where a filter lets no more through, Lance is told them
_TOGETHER = 10_000  # rows that are written at once
_INDEX_PARTS, _FILES = 8, 64  # pieces of the index and files that pile up before they are joined
_INDEX_CACHE, _METADATA_CACHE = 1 << 30, 64 << 20  # bytes
_KEPT = timedelta(hours=1)  # how long a search that is under way can read what has changed


class LanceTable:
    """Terms of rows in a Lance table, analysed by us and cut at spaces by Lance, which changes nothing in them.

    The table of an index's folder is never changed: what changes is a copy of one's own, made of links where the disk
    allows it. A score is Lance's divided by k1 + 1, so that it is that of `ravlm.retrieval.bm25_engines`. Rows without
    terms do not count among its N. As in Lucene, rows that are gone count in N and n until the index is made anew.
    """

    name = "lance"

    _table: LanceDataset

    def __init__(self, path: Path, *, own: bool) -> None:
        self._take(path, own)

    @classmethod
    def build(cls, texts: Iterable[str], terms_of: Callable[[str], list[str]]) -> "LanceTable":
        """A new table of the rows' texts, in order."""
        path = _new()
        made = cls(path, own=True)
        faults: list[Exception] = []  # of reading the texts: Lance would tell them in its own words

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                yield from _batches(enumerate(texts), terms_of)
            except Exception as fault:
                faults.append(fault)
                raise

        with told(faults):
            table = lance.write_dataset(pa.RecordBatchReader.from_batches(_SCHEMA, batches()), str(path))
            table.create_scalar_index(
                "terms",
                "INVERTED",
                name=_INDEX,
                base_tokenizer="whitespace",
                lower_case=False,
                stem=False,
                remove_stop_words=False,
                ascii_folding=False,
                max_token_length=None,
                with_position=False,
            )
            made._table = _open(path)
        return made

    @classmethod
    def read(cls, path: Path) -> "LanceTable":
        """The table in an index's folder; it stays readable when another process replaces it, where links can be made.

        Raises:
            IndexStale: it can't be read.
        """
        mine = _new()
        try:
            shutil.copytree(path, mine, copy_function=os.link)
        except (OSError, shutil.Error):
            remove_folder(mine.parent)
            mine = path
        made = cls(mine, own=mine != path)
        with told():
            made._table = _open(mine)
        return made

    def change(
        self, gone: Sequence[int], added: Iterable[tuple[int, str]], terms_of: Callable[[str], list[str]]
    ) -> None:
        """Take rows out and put rows with their texts in, and bring the index up to date with these."""
        if not self._own:
            with told():
                self._take(Path(shutil.copytree(self._path, _new())), True)
                self._table = _open(self._path, self._table.version)
        new = pa.Table.from_batches(_batches(iter(added), terms_of), schema=_SCHEMA)
        with told():
            table = _open(self._path, self._table.version)
            if table.version != table.latest_version:  # a change that failed on its way
                table.restore()  # type: ignore[no-untyped-call]
            if len(gone):
                table.delete(_among(gone))
            if len(new):
                table.insert(new)
            if len(table.get_fragments()) > _FILES:
                table.optimize.compact_files()
            parts = sum(len(index.segments) for index in table.describe_indices())
            table.optimize.optimize_indices(num_indices_to_merge=parts if parts > _INDEX_PARTS else 0)
            table.cleanup_old_versions(older_than=_KEPT, delete_unverified=True)
            self._table = table

    def _take(self, path: Path, own: bool) -> None:
        """Let the table lie there; a folder of one's own goes when this object goes."""
        self._path, self._own = path, own
        if own:
            weakref.finalize(self, remove_folder, path.parent)

    def best(self, queries: Sequence[Terms], masks: Sequence[Mask | None], k: int) -> list[Found]:
        """See `Engine`."""
        return [self._one(query, mask, k) for query, mask in zip(queries, masks, strict=True)]

    def amounts(self, query: Terms, rows: Sequence[int]) -> npt.NDArray[np.float64]:
        """See `Engine`."""
        found = np.zeros((len(query), len(rows)))
        place = {row: at for at, row in enumerate(rows)}
        for number, piece in enumerate(query):
            asked = _asked([piece])
            if asked is not None and rows:
                for row, score in zip(*(a.tolist() for a in self._search(asked, len(rows), rows)), strict=True):
                    found[number, place[row]] = score
        return found

    def files(self) -> Mapping[str, Callable[[Path], None]]:
        """See `Engine`."""
        return {"table": self._write}

    def _write(self, path: Path) -> None:
        shutil.copytree(self._path, path, copy_function=_link_or_copy)
        with told():
            table = _open(path, self._table.version)
            if table.version != table.latest_version:
                table.restore()  # type: ignore[no-untyped-call]
            table.cleanup_old_versions(older_than=timedelta(0), delete_unverified=True)

    def _one(self, query: Terms, mask: Mask | None, k: int) -> Found:
        asked = _asked(query)
        few = None if mask is None or np.count_nonzero(mask) > _FEW else np.flatnonzero(mask).tolist()
        if asked is None or few == []:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        limit = k + _MORE
        while True:
            rows, scores = self._search(asked, limit, few)
            lowest = scores.min(initial=np.inf)
            whole = len(rows) < limit
            if mask is not None:
                rows, scores = rows[mask[rows]], scores[mask[rows]]
            edge = np.partition(scores, -k)[-k] if len(scores) >= k else -np.inf
            if whole or edge > lowest:
                return rows[scores >= edge], scores[scores >= edge]
            limit *= _WIDER

    def _search(self, asked: FullTextQuery, limit: int, among: Sequence[int] | None) -> Found:
        """The best rows, of some rows or of all, with their scores."""
        with told():
            found = self._table.to_table(
                columns=["row", "_score"],
                full_text_query=asked,
                limit=limit,
                filter=None if among is None else _among(among),
                prefilter=among is not None,
            )
        return found["row"].to_numpy(), found["_score"].to_numpy() / np.float32(K1 + 1)


def _asked(query: Terms) -> FullTextQuery | None:
    """A query of Lance's; None where there is no term."""
    asked = [(weight, terms) for weight, terms in query if weight and terms]
    weight = even_weight(asked)
    if weight is not None:
        asked = [(weight, [term for _, terms in asked for term in terms])]
    parts = [MatchQuery(" ".join(terms), "terms", boost=weight) for weight, terms in asked]
    if len(parts) > 1:
        return BooleanQuery([(Occur.SHOULD, part) for part in parts])
    return parts[0] if parts else None


def _batches(texts: Iterable[tuple[int, str]], terms_of: Callable[[str], list[str]]) -> Iterator[pa.RecordBatch]:
    rows: list[int] = []
    joined: list[str] = []
    for row, text in texts:
        rows.append(row)
        joined.append(" ".join(terms_of(text)))
        if len(rows) == _TOGETHER:
            yield pa.record_batch([rows, joined], schema=_SCHEMA)
            rows, joined = [], []
    yield pa.record_batch([rows, joined], schema=_SCHEMA)


def _new() -> Path:
    """Where a table of one's own can be written."""
    return Path(tempfile.mkdtemp(prefix="ravlm-bm25-")) / "table"


def _open(path: Path, version: int | None = None) -> LanceDataset:
    session = lance.Session(  # type: ignore[attr-defined]
        index_cache_size_bytes=_INDEX_CACHE, metadata_cache_size_bytes=_METADATA_CACHE
    )
    return lance.dataset(str(path), version=version, session=session)


def _among(rows: Sequence[int]) -> str:
    return f"row IN ({', '.join(map(str, rows))})"


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def told(faults: Sequence[Exception] = ()) -> Iterator[None]:
    """Lance's errors as ours; behind them may be a fault of our own."""
    try:
        yield
    except (RavlmError, KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as error:  # damage surfaces as whatever Lance, Arrow or Rust run into, panics among them
        if faults:
            raise faults[0] from None
        reason = str(error).strip().split("\n")[0][:200]
        raise IndexStale(
            f"The table of the bm25 index can't be used ({reason}): its files are damaged, another process has "
            "replaced them, or the disk is full. Open the index again; where that fails, build it again with `ravlm "
            "index build`."
        ) from error
