"""Files of predictions and references become records with ids; what is wrong with them is counted and named."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import orjson

from ravlm.errors import FormatError, words_of
from ravlm.safe.files import read_jsonl, read_text
from ravlm.safe.jsonl import shown

Value = TypeVar("Value")
Identifier = int | str
_LONGEST_FIELD = 2**24  # characters of a field of a CSV file


@dataclass(frozen=True, slots=True)
class Records(Generic[Value]):
    """The records of a file in their order.

    Args:
        path: the file.
        items: each record's id, as the file has it, and its value.
        faults: one line for each record that is of the wrong form.
        keyed: whether the ids are keys of a JSON object, which are always text.
        unfit: the ids of records of the wrong form, as far as they have one.
    """

    path: Path
    items: Sequence[tuple[Identifier, Value]]
    faults: Sequence[str] = ()
    keyed: bool = False
    unfit: Sequence[Identifier] = ()


def read_json(path: Path) -> Any:
    """The value of a JSON file.

    Raises:
        PathError: there is no such file.
        FormatError: it is not JSON.
    """
    try:
        return orjson.loads(read_text(path))
    except orjson.JSONDecodeError as error:
        raise FormatError(f"{path} is not JSON: {words_of(error)}. Check the file.") from error


def read_pairs(path: Path) -> list[tuple[str, Any]]:
    """The keys and values of a JSON object, those of equal keys too. Errors: as `read_json`."""
    read_json(path)  # stricter than the reader below, which takes halves of characters
    last: list[tuple[str, Any]] = []

    def kept(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal last
        last = pairs  # the outermost object ends last
        return dict(pairs)

    try:
        found = json.loads(read_text(path), object_pairs_hook=kept)
    except (json.JSONDecodeError, RecursionError) as error:
        raise FormatError(f"{path} is not JSON: {words_of(error)}. Check the file.") from error
    if not isinstance(found, dict):
        raise FormatError(f"{path}: expected a JSON object, found {shown(found)}. Check the file.")
    return last


def is_object(path: Path) -> bool:
    """Whether a JSON file holds an object. Errors: as `read_text`."""
    return read_text(path).lstrip().startswith("{")


def listed(path: Path, key: str | None = None) -> list[tuple[str, Any]]:
    """The members of a file's JSON list, each with its place; with `key`, the list may stand in an object under it.

    Raises:
        PathError, FormatError: it is no such file.
    """
    found = whole = read_json(path)
    if key is not None and isinstance(found, dict):
        found = found.get(key)
    if not isinstance(found, list):
        where = f" or an object with a list {key!r}" if key else ""
        there = f"an object with {named_keys(whole)}" if isinstance(whole, dict) else shown(found)
        raise FormatError(f"{path}: expected a JSON list{where}, found {there}. Check the file.")
    return [(f"record {i}", value) for i, value in enumerate(found, 1)]


def lined(path: Path) -> list[tuple[str, Any]]:
    """The lines of a JSON Lines file, or the members of a JSON list, each with its place.

    Raises:
        PathError, FormatError: it is no such file.
    """
    if read_text(path).lstrip().startswith("["):
        return listed(path)
    return [(f"line {number}", value) for number, value in read_jsonl(path)]


def rows(path: Path, needed: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """The rows of a CSV file with a header, each with its place.

    Raises:
        PathError: there is no such file.
        FormatError: it lacks one of the columns `needed`, or is no CSV.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
        found = [{k: v or "" for k, v in row.items() if k is not None} for row in reader]
    except csv.Error as error:
        raise FormatError(f"{path} is not CSV: {words_of(error)}. Check the file.") from error
    if lacking := [name for name in needed if name not in (reader.fieldnames or ())]:
        raise FormatError(
            f"{path}: there is no column {lacking[0]!r}; found {', '.join(reader.fieldnames or ()) or 'none'}."
        )
    return [(f"row {i}", row) for i, row in enumerate(found, 1)]


def records(
    path: Path,
    raw: Iterable[tuple[str, Any]],
    parse: Callable[[Any], tuple[Identifier, Value]],
    key: str,
    *,
    keyed: bool = False,
) -> Records[Value]:
    """What `parse` makes of each raw record; where it raises a `ValueError`, that is a fault of the record.

    Args:
        path: the file.
        raw: the records with their places; a pair is a key with its value.
        parse: gives a record's id and its value.
        key: the field that holds the id, or what the keys are; it tells whose a faulty record is.
        keyed: see `Records`.
    """
    items: list[tuple[Identifier, Value]] = []
    faults: list[str] = []
    unfit: list[Identifier] = []
    for place, value in raw:
        try:
            items.append(parse(value))
        except ValueError as error:
            faults.append(f"{place}: {error}")
            name = value[0] if isinstance(value, tuple) else value.get(key) if isinstance(value, dict) else None
            if isinstance(name, int | str):
                unfit.append(name)
    return Records(path, items, faults, keyed, unfit)


def named_keys(found: dict[str, Any]) -> str:
    """The first keys of an object, for an error.

    >>> named_keys({"a": 1, "b": 2})
    'the keys a, b'
    """
    return f"the keys {', '.join(list(found)[:5])}{', ...' if len(found) > 5 else ''}" if found else "no keys"


def fields(value: Any) -> dict[str, Any]:
    """A record that is an object.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, dict):
        raise ValueError(f"found {shown(value)}, expected an object")
    return value


def identifier(value: Any, *names: str) -> Identifier:
    """The id in a record, under the first of these names that it has: text or a whole number.

    Raises:
        ValueError: there is none.
    """
    for name in names:
        if name in fields(value):
            found = value[name]
            if isinstance(found, bool) or not isinstance(found, int | str) or found == "":
                raise ValueError(f"field {name!r}: found {shown(found)}, expected a whole number or text")
            if isinstance(found, str) and any("\ud800" <= character <= "\udfff" for character in found):
                raise ValueError(f"field {name!r}: found {shown(found)}, half of a character, which no file can hold")
            return found
    raise ValueError(f"found no field {names[0]!r} in {shown(value)}")


def text(value: Any, name: str) -> str:
    """The text of a field.

    Raises:
        ValueError: there is no such field, or it is no text.
    """
    found = fields(value).get(name)
    if not isinstance(found, str):
        raise ValueError(_wrong(value, name, "text"))
    return found


def number(value: Any, name: str) -> float:
    """The number of a field, finite.

    Raises:
        ValueError: there is no such field, or it is no such number.
    """
    found = fields(value).get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) < float("inf"):
        raise ValueError(_wrong(value, name, "a finite number"))
    return float(found)


def texts(value: Any, name: str) -> list[str]:
    """The texts of a field, one at least.

    Raises:
        ValueError: there is no such field, or it is no list of texts, or an empty one.
    """
    found = fields(value).get(name)
    if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
        raise ValueError(_wrong(value, name, "a list of one text or more"))
    return found


def text_or_none(value: Any, name: str) -> str | None:
    """The text of a field, None where there is no such field, or null.

    Raises:
        ValueError: it is something else.
    """
    return None if fields(value).get(name) is None else text(value, name)


def _wrong(value: dict[str, Any], name: str, expected: str) -> str:
    found = shown(value[name]) if name in value else f"no such field in {shown(value)}"
    return f"field {name!r}: found {found}, expected {expected}"
