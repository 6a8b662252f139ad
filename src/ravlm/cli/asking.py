"""What `ravlm search` is asked: one question or picture, or a file of them, and what may be found at all."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ravlm.errors import ConfigError, FormatError, ImageError, PathError, QuestionError

if TYPE_CHECKING:
    from ravlm.records import Filters, Query
    from ravlm.retrieval.interchange.beir import QueryLine


def asked_of(
    question: str | None,
    image: Path | None,
    queries: Path | None,
    trec: Path | None,
    *,
    explain: bool,
    bare_ids: bool,
    as_json: bool,
) -> "list[QueryLine]":
    """The queries: those of the file, or the one of the command line.

    Raises:
        QuestionError: there is no question and no picture.
        ConfigError: the options don't go together.
        PathError, FormatError: as `read_queries`; also an empty file.
    """
    from ravlm.retrieval.interchange.beir import QueryLine, read_queries
    from ravlm.safe.files import check_new

    if queries is None:
        if trec is not None or bare_ids:
            raise ConfigError("--trec and --bare-ids are for many queries. Give them with --queries FILE.")
        if not (question or "").strip() and image is None:
            raise QuestionError("Neither a question nor a picture was given. Give a QUESTION, --image FILE, or both.")
        return [QueryLine("", (question or "").strip(), "" if image is None else str(image.absolute()))]
    if question is not None or image is not None:
        raise ConfigError(f"The queries of {queries} and another one were given. Give either QUESTION or --queries.")
    asked = list(read_queries(queries))
    if not asked:
        raise FormatError(f"There are no queries in {queries}. Give a file with a query a line.")
    if trec is None and (bare_ids or not as_json):
        raise ConfigError("Many queries were given, and no place for what they find. Add --trec RUN, or --json.")
    if trec is not None:
        if explain:
            raise ConfigError("--explain has no place in a run. Leave it out, or give --json in place of --trec.")
        check_new(trec)
    return asked


def query_of(line: "QueryLine", beside: Path | None, filters: "Filters") -> "Query":
    """A query with its picture; `beside` is the folder that its path must stay in, None for one of the command line.

    Raises:
        PathError: the path leads elsewhere, or there is no such file.
        ImageError: it can't be decoded.
    """
    from ravlm.records import Query
    from ravlm.safe.images import read_image

    if not line.image:
        return Query(line.text, filters=filters, id=line.id)
    try:
        image = read_image(_beside(beside, line.image) if beside is not None else Path(line.image))
    except (PathError, ImageError) as error:
        raise type(error)(f"The query {line.id!r}: {error}" if line.id else str(error)) from error
    return Query(line.text, (image,), filters=filters, id=line.id)


def _beside(folder: Path, name: str) -> Path:
    from ravlm.safe.paths import inside

    try:
        return inside(folder, name)
    except PathError as error:
        raise PathError(
            f"{error} Put the picture beside the queries' file, or in a folder below, and give its path relative to "
            "that file."
        ) from error


def filters_of(sources: list[str] | None, languages: list[str] | None, meta: list[str] | None) -> "Filters":
    """What may be found.

    Raises:
        ConfigError: a condition on metadata is not KEY=VALUE.
    """
    from ravlm.records import Filters

    return Filters(tuple(sources or ()), tuple(languages or ()), tuple(_condition(text) for text in meta or ()))


def _condition(text: str) -> tuple[str, str | int | float | bool]:
    """`year=2024` is a number, `year="2024"` a text, `kind=tree` a text as well."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"--meta was given {text!r}, and KEY=VALUE is needed, as in --meta year=2024.")
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        read = value
    return key, read if isinstance(read, str | int | float | bool) else value
