"""A corpus of the BEIR benchmark as knowledge.

`corpus.jsonl` holds one document a line: `{"_id", "title", "text", "metadata"}`, the last one optional (Thakur et al.,
BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval Models, NeurIPS 2021).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ravlm.errors import FormatError, PathError
from ravlm.knowledge.sources.columns import LONG_ID, NO_ID, NO_TEXT
from ravlm.knowledge.sources.json_lines import MEMORY, Row, expansion_of, first_rows, line_parts
from ravlm.knowledge.sources.part import Part, Place, Source
from ravlm.knowledge.sources.texts import LONGEST_NAME, as_json, as_text, beginning, clipped, language_of, one_line
from ravlm.records import Entry

_FILES = ("corpus.jsonl", "corpus.jsonl.gz")


class BeirSource(Source):
    """The documents of a corpus, with the ids `NAME:ID` and the corpus's `metadata`.

    A document that has a title alone is kept, with its title as its text.
    """

    kind = "beir"
    memory = MEMORY

    def __init__(self, path: Path, name: str | None = None) -> None:
        """Find the corpus and look at its first lines.

        Args:
            path: the folder with `corpus.jsonl` or `corpus.jsonl.gz`, or that file.
            name: the `source` of the entries; the folder's name where it is left out.

        Raises:
            PathError: there is no such file.
            FormatError: its lines are not as BEIR has them.
        """
        self.path = _corpus(path)
        self.name = name or self.path.absolute().parent.name or "beir"
        if not any("_id" in row and ("text" in row or "title" in row) for row in first_rows(self.path)):
            raise FormatError(
                f'{self.path} is no BEIR corpus: none of its first lines has the fields "_id" and "text". For a '
                "table with other fields, use `ravlm knowledge build table`."
            )
        self.size = self.path.stat().st_size
        self.expansion = expansion_of(self.path)

    def settings(self) -> dict[str, Any]:
        """Nothing beside the file and the name."""
        return {}

    def parts(self, after: Place | None = None) -> Iterator[Part]:
        """The corpus's documents; see `Source`."""
        return line_parts(self.path, after, self._entry)

    def picture(self, name: str) -> bytes:
        """A corpus has no pictures; see `Source`."""
        raise PathError(f"The picture {name!r} was asked for, but a BEIR corpus has no pictures.")

    def _entry(self, row: Row) -> Entry | str:
        given = one_line(as_text(row.get("_id")))
        identity = f"{self.name}:{given}"
        if not given:
            return NO_ID
        if len(identity) > LONGEST_NAME:
            return LONG_ID
        title = as_text(row.get("title"))
        text = as_text(row.get("text")) or title
        if not text:
            return NO_TEXT
        meta = as_json(row.get("metadata") or {})
        meta = meta if isinstance(meta, dict) else {"metadata": meta}
        url = meta.get("url")
        return Entry(
            id=identity,
            title=clipped(title) or beginning(text),
            text=text,
            source=self.name,
            url=one_line(url) if isinstance(url, str) else "",
            language=language_of(text),
            meta=meta,
        )


def _corpus(path: Path) -> Path:
    if not path.is_dir():
        return path
    for name in _FILES:
        if (path / name).is_file():
            return path / name
    raise PathError(f"The folder {path} holds no {' or '.join(_FILES)}. Give the folder of one BEIR dataset.")
