"""MiniLM's token vectors of real sentences, computed once and kept in a folder: see `late_vectors`."""

import json
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import cacm
from late_vectors import SHARED, TOKENS, Halves, minilm
from ravlm.encoders.choose import load_encoder
from ravlm.safe.files import write_text_atomic
from ravlm.tensors import TextBatch

QUERIES = 200
_CHUNK = 500  # passages between two notes of how far it is
_BATCH = 50
_END = re.compile(r"(?<=[.?!])\s+")


def sentences() -> tuple[list[str], list[str]]:
    """Different sentences for passages, and the queries, in an order that does not change."""
    captions: dict[int, list[str]] = {}
    for name in ("captions_val2017.json", "captions_train2017_mini.json"):
        for found in json.loads((SHARED / "coco" / name).read_text(encoding="utf-8"))["annotations"]:
            captions.setdefault(found["image_id"], []).append(" ".join(found["caption"].split()))
    several = sorted(image for image, found in captions.items() if len(set(found)) > 1)
    queries = [captions[image].pop() for image in random.Random(0).sample(several, QUERIES)]
    texts = [caption for found in captions.values() for caption in found]
    texts += [" ".join(s.split()) for entry in cacm.entries() for s in _END.split(entry.text) if len(s.split()) > 4]
    for path in sorted((SHARED / "okvqa").glob("OpenEnded_*.json")):
        texts += [found["question"] for found in json.loads(path.read_text(encoding="utf-8"))["questions"]]
    return sorted(set(texts) - set(queries)), queries


def encode(folder: Path, passages: int) -> None:
    """Put the token vectors in a folder; what of them is there is not computed again."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "about.json"
    about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if about.get("passages") != passages:
        about = {"passages": passages, "done": 0}
    if about["done"] < passages:
        texts, queries = sentences()
        encoder: Any = load_encoder(minilm(), side="language")
        about["width"] = encoder.width
        own = [_unit(encoder, encoder.tokenize([query]))[0] for query in queries]
        about["lengths"] = [len(vectors) for vectors in own]
        np.concatenate(own).tofile(folder / "queries.f16")
        shape = (passages, TOKENS, encoder.width)
        made = np.memmap(folder / "tokens.f16", np.float16, "r+" if about["done"] else "w+", shape=shape)
        for start in range(about["done"], passages, _CHUNK):
            stop = min(start + _CHUNK, passages)
            joined = _joined(texts, stop - start, seed=start)
            for at in range(0, len(joined), _BATCH):
                part = joined[at : at + _BATCH]
                made[start + at : start + at + len(part)] = np.stack(_unit(encoder, _cut(encoder, part)))
            made.flush()
            about["done"] = stop
            write_text_atomic(path, json.dumps(about))
            print(f"{stop:,} of {passages:,} passages", file=sys.stderr)


def _joined(texts: Sequence[str], count: int, seed: int) -> list[str]:
    """Passages of random sentences, each of at least as many words as a passage has tokens."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        words: list[str] = []
        while len(words) < TOKENS:
            words += rng.choice(texts).split()
        made.append(" ".join(words))
    return made


def _cut(encoder: Any, texts: Sequence[str]) -> TextBatch:
    """Texts cut at 64 tokens, the last of them the one that ends a text."""
    batch, end = encoder.tokenize(texts), encoder.tokenize(["a"])
    ids = batch.ids[:, :TOKENS].clone()
    ids[:, -1] = end.ids[0, int(end.mask.sum()) - 1]
    return TextBatch(ids, batch.mask[:, :TOKENS], batch.offsets[:, :TOKENS])


def _unit(encoder: Any, batch: TextBatch) -> list[Halves]:
    """The vectors of each text's tokens, of unit length."""
    with torch.inference_mode():
        encoded = encoder(batch)
        tokens = torch.nn.functional.normalize(encoded.tokens.float(), dim=-1)
    return [row[there].numpy().astype(np.float16) for row, there in zip(tokens, encoded.mask, strict=True)]
