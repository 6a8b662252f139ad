"""BEIR's folders: a corpus, queries, and which documents are right for each of them.

    corpus.jsonl  {"_id", "title", "text", "metadata"}      read by `ravlm knowledge build beir`
    queries.jsonl {"_id", "text", "metadata"}               and here `image`, a path relative to the file
    qrels/test.tsv  query-id, corpus-id, score, with a line of headings and tabs between

(Thakur et al., BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval Models, NeurIPS 2021).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ravlm.errors import FormatError
from ravlm.knowledge.passages import texts_of
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry
from ravlm.retrieval.interchange.fields import Qrel, bare_id, checked_id, text_lines, unfit
from ravlm.safe.files import remove_folder, replace_folder_atomic, temporary_folder, whole_file

CORPUS, QUERIES, QRELS = "corpus.jsonl", "queries.jsonl", "qrels"
_HEADINGS = ("query-id", "corpus-id", "score")


@dataclass(frozen=True, slots=True)
class QueryLine:
    """A line of `queries.jsonl`. `image` is a path relative to the file, empty where there is none."""

    id: str
    text: str = ""
    image: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


def read_queries(path: Path) -> Iterator[QueryLine]:
    """The queries of a file in their order.

    Raises:
        PathError: there is no such file.
        FormatError: a line is no query, has a name twice or a lone surrogate (half of a character), has neither text
            nor image, or its id was there before.
    """
    seen: set[str] = set()
    for number, line in text_lines(path):
        try:
            row = json.loads(line, object_pairs_hook=_once)
            json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise unfit(
                path, number, f"whole characters, not half of one ({error.object[error.start]!r})", line
            ) from error
        except (ValueError, RecursionError) as error:
            raise unfit(path, number, 'a line of JSON with "_id" and "text", each name once', line) from error
        row = row if isinstance(row, dict) else {}
        query = QueryLine(row.get("_id", ""), row.get("text") or "", row.get("image") or "", row.get("metadata") or {})
        texts = all(isinstance(part, str) for part in (query.id, query.text, query.image))
        if not texts or not isinstance(query.metadata, dict) or not query.id:
            raise unfit(path, number, '{"_id": "...", "text": "..."}, and perhaps "image" and "metadata"', line)
        if not query.text.strip() and not query.image:
            raise FormatError(f"{path}, line {number:,}: the query {query.id!r} has neither text nor image. Mend it.")
        if query.id in seen:
            raise FormatError(f"{path}, line {number:,}: the query {query.id!r} is there twice. Give each its own _id.")
        seen.add(query.id)
        yield query


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names are all different."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name is there twice")
    return made


def write_queries(path: Path, queries: Iterable[QueryLine]) -> None:
    """Write queries in a new file.

    Raises:
        PathError: something is there, or the folder can't be written.
    """
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for query in queries:
            row: dict[str, Any] = {"_id": query.id, "text": query.text, "metadata": dict(query.metadata)}
            if query.image:
                row["image"] = query.image
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_qrels(path: Path) -> Iterator[Qrel]:
    """The judgements of a file of `qrels`, its headings passed over, in their order.

    Raises:
        PathError: there is no such file.
        FormatError: a line is no judgement.
    """
    for number, line in text_lines(path):
        fields = tuple(line.split("\t"))
        if number == 1 and fields == _HEADINGS:
            continue
        try:
            query_id, doc_id, relevance = fields
            yield Qrel(query_id, doc_id, int(relevance))
        except ValueError as error:
            raise unfit(path, number, "`query-id`, `corpus-id` and a whole `score`, with tabs between", line) from error


def write_qrels(path: Path, qrels: Iterable[Qrel]) -> None:
    """Write judgements in a new file, with headings.

    Raises:
        PathError: something is there, or the folder can't be written.
        FormatError: an id has a tab or the end of a line. Nothing is written.
    """
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("\t".join(_HEADINGS) + "\n")
        for query_id, doc_id, relevance in qrels:
            ids = [checked_id(query_id, "a query", tabs_alone=True), checked_id(doc_id, "a document", tabs_alone=True)]
            file.write("\t".join([*ids, str(int(relevance))]) + "\n")


def write_folder(
    out: Path,
    knowledge: KnowledgeBase,
    queries: Iterable[QueryLine],
    qrels: Mapping[str, Iterable[Qrel]],
    *,
    bare: bool = False,
) -> None:
    """Write a whole BEIR folder: a base's entries as the corpus, queries, and judgements by the name of their split.

    An entry's sections become one text, each after its title; url and language go into its metadata. Pictures,
    aliases and facts are not written: a corpus has no place for them.

    Args:
        out: new or empty.
        knowledge: what is searched.
        queries: their pictures are not copied.
        qrels: `{"test": ...}` becomes `qrels/test.tsv`; they name entries by their ids in the base.
        bare: write ids without the source's name before them, as the corpus that became the base had them.

    Raises:
        PathError: `out` holds something, or can't be written.
        FormatError: two entries have the same bare id, or a judgement names no entry. Nothing is written.
    """
    temporary = temporary_folder(out)
    try:
        names = _write_corpus(temporary / CORPUS, knowledge, bare)
        write_queries(temporary / QUERIES, queries)
        for split, lines in qrels.items():
            write_qrels(temporary / QRELS / f"{split}.tsv", (_named(line, names) for line in lines))
        replace_folder_atomic(temporary, out)
    finally:
        remove_folder(temporary)


def _write_corpus(path: Path, knowledge: KnowledgeBase, bare: bool) -> dict[str, str]:
    """Write the corpus; returns each entry's id in it."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    with path.open("w", encoding="utf-8") as file:
        for entry in knowledge.iterate():
            name = bare_id(entry.id, entry.source) if bare else entry.id
            if name in taken:
                raise FormatError(
                    f"Two entries of {knowledge.location} have the id {name!r} without their sources' names. Write ids "
                    "with them."
                )
            names[entry.id] = name
            taken.add(name)
            file.write(json.dumps(_document(entry, name), ensure_ascii=False) + "\n")
    return names


def _document(entry: Entry, name: str) -> dict[str, Any]:
    parts = (part for title, text, _ in texts_of(entry) for part in (title, text) if part)
    about = {"language": entry.language, **({"url": entry.url} if entry.url else {}), **entry.meta}
    return {"_id": name, "title": entry.title, "text": "\n\n".join(parts), "metadata": about}


def _named(line: Qrel, names: Mapping[str, str]) -> Qrel:
    if line.doc_id not in names:
        raise FormatError(
            f"The judgements of the query {line.query_id!r} name the entry {line.doc_id!r}, and the base has none. "
            "Leave the line out, or judge with the base's own ids."
        )
    return line._replace(doc_id=names[line.doc_id])
