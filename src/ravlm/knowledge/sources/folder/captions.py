"""What is written about pictures beside them: caption files of a folder, and a JSON sidecar of one picture."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ravlm.knowledge.sources.folder.document import LARGEST_TEXT, NO_TEXT, Document, LeftOut, decode_text, read_bytes
from ravlm.knowledge.sources.folder.fields import TEXTS, document_of

_LONGEST = 100_000  # characters of a caption
CAPTION_FILES = frozenset({"captions.csv", "captions.jsonl", "metadata.csv", "metadata.jsonl"})
_FILES = ("file", "file_name", "filename", "image", "picture")
_FAULT = "line of captions can't be read"


def read_captions(path: Path) -> Iterator[tuple[str, Document] | str]:
    """The lines of a caption file: (the picture's path relative to the file, what it says), or why a line is left out.

    CSV has a header with `file` (`file_name`, `image`) and `caption` (`text`), or two columns without one. JSON Lines
    have objects with these names. More columns are read as `fields.py` says. `metadata.csv` and `metadata.jsonl` with
    `file_name` are what Hugging Face calls an image folder
    (https://huggingface.co/docs/datasets/image_dataset#imagefolder).

    Raises:
        LeftOut: the file is no text, too large, or can't be read.
    """
    text = decode_text(read_bytes(path, LARGEST_TEXT))
    for values in _csv(text) if path.suffix.lower() == ".csv" else _jsonl(text):
        if values is None:
            yield _FAULT
            continue
        given = {str(name).strip().lower(): value for name, value in values.items()}
        file = next((given.pop(name) for name in _FILES if given.get(name)), None)
        try:
            document = document_of(given)
        except LeftOut:
            yield _FAULT
            continue
        if not isinstance(file, str):
            yield _FAULT
        elif not document.sections:
            yield NO_TEXT
        else:
            yield file.strip(), document


def read_sidecar(data: bytes) -> Document:
    """A JSON sidecar: an object with `title`, `caption` or `text`, `aliases`, `facts`; see `fields.py`.

    Raises:
        LeftOut: it is no such object.
    """
    values = _json(decode_text(data))
    if values is None:
        raise LeftOut("sidecar can't be read")
    return document_of(values)


def joined(first: Document, second: Document) -> Document:
    """Two captions of one picture as one document: the first's fields, both texts."""
    texts = dict.fromkeys(section.text for section in first.sections + second.sections)
    return replace(first, sections=(replace(first.sections[0], text="\n\n".join(texts)),))


def _csv(text: str) -> Iterator[Mapping[str, Any] | None]:
    """The rows by column; None for one that can't be read."""
    rows = csv.reader(io.StringIO(text, newline=""))
    header: list[str] | None = None
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            yield None
            continue
        if not any(map(str.strip, row)):
            continue
        if header is None:
            names = [name.strip().lower() for name in row]
            header = names if set(names) & set(_FILES) and set(names) & set(TEXTS) else ["file", "caption"]
            if header is names:
                continue
        full = len(row) == len(header) and max(map(len, row)) <= _LONGEST
        yield {name: value for name, value in zip(header, row, strict=True) if value.strip()} if full else None


def _jsonl(text: str) -> Iterator[Mapping[str, Any] | None]:
    for line in io.StringIO(text):
        if line.strip():
            yield _json(line)


def _json(text: str) -> dict[str, Any] | None:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None
