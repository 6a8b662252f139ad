"""`ravlm search`: what a knowledge base has on a question, a picture, or both; one query, or a file of them."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravlm.cli.console import counted, emit_json, examples, progress, say, warn
from ravlm.cli.index import Elsewhere, EncoderName, Revision
from ravlm.cli.knowledge.common import Base, Json, opened

if TYPE_CHECKING:
    from ravlm.cli.searching import Search
    from ravlm.knowledge.store import KnowledgeBase
    from ravlm.records import Hit, Query
    from ravlm.retrieval.interchange.beir import QueryLine

_AT_ONCE, _PICTURES_AT_ONCE = 128, 8  # queries that are searched for together; decoded pictures are large
_HITS = 10
_SINGLE = "The query 'number 1'"  # as a retriever names a query without an id
EPILOG = examples(
    'ravlm search plants-kb "When do roses flower?"',
    "ravlm search plants-kb --image photo.jpg",
    'ravlm search plants-kb "How tall does it grow?" --image photo.jpg --titles 3 --retriever tfidf --explain',
    "ravlm search cacm-kb --queries queries.jsonl --trec run.txt -k 1000 --bare-ids",
)


def search(
    base: Base,
    question: Annotated[str | None, typer.Argument(metavar="QUESTION", help="In quotes.")] = None,
    *,
    image: Annotated[Path | None, typer.Option(metavar="FILE", help="A JPEG, PNG, WebP or GIF file.")] = None,
    retriever: Annotated[
        str | None,
        typer.Option(
            help="bm25, tfidf, dense, image, crossmodal, late, or hybrid: several by reciprocal rank. Else bm25 for "
            "words, image for a picture, hybrid for both where there is an index of pictures.",
        ),
    ] = None,
    k: Annotated[
        int | None,
        typer.Option("-k", min=1, show_default=str(_HITS), help="How many hits; with --trec, how many entries."),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Many queries: JSON Lines with `_id`, `text`, and perhaps `image`, a path beside FILE."
        ),
    ] = None,
    trec: Annotated[
        Path | None, typer.Option(metavar="RUN", help="A new file for what the queries find, as a TREC run.")
    ] = None,
    bare_ids: Annotated[
        bool, typer.Option("--bare-ids", help="In RUN, ids as a BEIR corpus had them, without SOURCE: before.")
    ] = False,
    titles: Annotated[
        int | None, typer.Option(min=1, help="Add the titles of so many entries whose pictures are nearest.")
    ] = None,
    regions: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Look at parts of the picture: whole,centre,grid,attention.")
    ] = None,
    key_terms: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Add key terms: those that this language encoder's attention picks, or `words` for all.",
        ),
    ] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only entries of this source; repeat for more.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only texts in this language; repeat for more.")] = None,
    meta: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Only entries with this metadata; repeat for more.")
    ] = None,
    rerank: Annotated[
        str | None, typer.Option(metavar="NAME", help="Order the hits anew by a cross-encoder: its folder or hub name.")
    ] = None,
    encoder: EncoderName = None,
    revision: Revision = None,
    index: Elsewhere = None,
    explain: Annotated[bool, typer.Option("--explain", help="Tell what each piece of the query gave.")] = False,
    as_json: Json = False,
) -> None:
    """Search a knowledge base, or a model's own, and show where hits come from.

    Indexes of words are built on the way; others by `ravlm index build`. An index that is behind its base follows it
    first.
    """
    from ravlm.cli.asking import asked_of, filters_of
    from ravlm.cli.indexes import Shelf
    from ravlm.cli.searching import Search

    asked = asked_of(question, image, queries, trec, explain=explain, bare_ids=bare_ids, as_json=as_json)
    filters = filters_of(source, language, meta)
    most = k or _HITS
    knowledge = opened(base)
    plan = Search.plan(
        Shelf(knowledge, index, encoder, revision),
        asked,
        filters,
        retriever=retriever,
        titles=titles,
        regions=regions,
        key_terms=key_terms,
        rerank=rerank,
        depth=most,
    )
    beside = queries.parent if queries else None
    if trec is not None:
        _write_run(plan, asked, beside, trec, most, bare_ids=bare_ids, as_json=as_json)
    elif queries is not None:
        found = [_told(plan, query, hits, explain) for query, hits in _found(plan, asked, beside, most)]
        emit_json({"knowledge": knowledge.location, "version": knowledge.version, "queries": found})
    else:
        [(query, hits)] = _found(plan, asked, None, most)
        told = _told(plan, query, hits, explain)
        if as_json:
            emit_json({"knowledge": knowledge.location, "version": knowledge.version, **told})
        else:
            _show(told, explain)
        _notes(plan, told, k)


def _found(
    plan: "Search", asked: "list[QueryLine]", beside: Path | None, k: int, *, entries: bool = False
) -> "Iterator[tuple[Query, list[Hit]]]":
    """Each query with its hits; with `entries`, so many hits that they have k entries where there are so many.

    Once all are searched for, what there is to say of the retriever is said on stderr.
    """
    from ravlm.cli.asking import query_of
    from ravlm.errors import QuestionError

    lines = iter(asked)
    size = _PICTURES_AT_ONCE if any(line.image for line in asked) else _AT_ONCE
    done = pictures = 0
    with progress("searching") as report:
        while batch := list(islice(lines, size)):
            queries = plan.composed([query_of(line, beside, plan.filters) for line in batch])
            try:
                found = plan.entries(queries, k) if entries else plan.search(queries, k)
            except QuestionError as error:
                raise QuestionError(
                    str(error) if queries[0].id else str(error).replace(_SINGLE, "The question")
                ) from error
            pictures += sum(bool(hits) and all(plan.stage not in hit.scores for hit in hits) for hits in found)
            yield from zip(queries, found, strict=True)
            done += len(batch)
            if len(asked) > 1:
                report("", done, len(asked))
    if plan.note:
        warn(plan.note)
    if pictures:
        whose = f" of {counted(pictures, 'query', 'queries')}" if len(asked) > 1 else ""
        warn(
            f"The hits{whose} are pictures alone, which have no text to rerank: they stay in the order in which they "
            "were found."
        )


def _write_run(
    plan: "Search",
    asked: "list[QueryLine]",
    beside: Path | None,
    run: Path,
    k: int,
    *,
    bare_ids: bool,
    as_json: bool,
) -> None:
    """Search for many queries and write what they find, an entry a line."""
    from ravlm.retrieval.interchange.trec import by_entry, write_run
    from ravlm.safe.files import check_new

    check_new(run)
    empty = 0

    def rows() -> Iterator[tuple[str, list[tuple[str, float]]]]:
        nonlocal empty
        for query, hits in _found(plan, asked, beside, k, entries=True):
            ranked = by_entry(hits, plan.stage)[:k]
            empty += not ranked
            names = _bare(plan.knowledge, ranked) if bare_ids else {}
            yield query.id, [(names.get(entry_id, entry_id), score) for entry_id, score in ranked]

    lines = write_run(run, rows(), f"ravlm-{plan.name}")
    about = {"run": str(run), "retriever": plan.name, "queries": len(asked), "lines": lines, "without_hits": empty}
    if as_json:
        emit_json(about)
        return
    say(f"Wrote {run}: {counted(lines, 'line', 'lines')} for {counted(len(asked), 'query', 'queries')}, {plan.name}.")
    if empty:
        say(f"{counted(empty, 'query', 'queries')} found nothing.")


def _bare(knowledge: "KnowledgeBase", ranked: list[tuple[str, float]]) -> dict[str, str]:
    from ravlm.retrieval.interchange.fields import bare_id

    sources = knowledge.sources_of([entry_id for entry_id, _ in ranked])
    return {entry_id: bare_id(entry_id, source) for entry_id, source in sources.items()}


def _told(plan: "Search", query: "Query", hits: "list[Hit]", explain: bool) -> dict[str, Any]:
    """A query and its hits, for programs."""
    from ravlm.cli.hits import described, pieces_of

    shares = plan.retriever.explain(query, hits) if explain else None
    return {
        "id": query.id,
        "text": query.text,
        "retriever": plan.name,
        "pieces": pieces_of(query),
        "left_out": plan.left_out(query),
        "empty": plan.is_empty(query),
        "hits": described(plan.knowledge, hits, shares),
    }


def _show(told: dict[str, Any], explain: bool) -> None:
    from ravlm.cli.hits import hit_lines, piece_line

    if explain:
        say(f"{told['retriever']}, with these pieces:")
        for piece in told["pieces"]:
            say(f"  {piece['weight']:.3f} {piece_line(piece)}")
        say()
    for hit in told["hits"]:
        for line in hit_lines(hit):
            say(line)


def _notes(plan: "Search", told: dict[str, Any], k: int | None) -> None:
    """What to know about how much was found; `k` is what was asked for, None where nothing was."""
    from ravlm.records import Filters

    number = len(told["hits"])
    if number:
        if k is not None and number < k:
            warn(f"{k:,} hits were asked for, and {number:,} are all that fit.")
        return
    if told["empty"] and told["left_out"]:
        words = ", ".join(told["left_out"])
        warn(f"Nothing can be found by this question: all its words are left out as stop words ({words}).")
    elif told["empty"]:
        warn("Nothing can be found by this question: it has no words to look for.")
    elif plan.filters != Filters() and plan.shut_out():
        sources = ", ".join(map(repr, plan.knowledge.sources())) or "none"
        languages = ", ".join(map(repr, plan.languages())) or "none"
        warn(
            "Nothing was found: the filters let nothing through. Check --source, --language and --meta. The sources of "
            f"the base: {sources}; the languages of what is indexed: {languages}."
        )
    else:
        warn("Nothing was found.")
