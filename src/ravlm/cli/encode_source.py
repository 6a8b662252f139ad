"""What `ravlm encode` reads: a folder of pictures, one picture, or a file of texts, with an id for each."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ravlm.errors import FormatError, PathError
from ravlm.safe.files import read_jsonl, read_text
from ravlm.safe.headers import SUFFIXES

TEXTS = (".txt", ".jsonl")


@dataclass(frozen=True)
class Source:
    """Pictures' paths or texts, each with an id."""

    kind: Literal["image", "text"]
    ids: list[str]
    pictures: list[Path]
    texts: list[str]


def open_source(path: Path) -> Source:
    """The pictures below a folder, by their names in it; one picture; or the texts of a file.

    Raises:
        PathError: there is no such file or folder, it is of no kind that is read, or holds nothing.
        FormatError: the texts are not UTF-8, or a line is not `{"_id": ..., "text": ...}`.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        source = Source("image", [p.relative_to(path).as_posix() for p in found], found, [])
    elif path.is_file() and suffix in SUFFIXES:
        source = Source("image", [path.name], [path], [])
    elif suffix == ".txt":
        texts = _lines(read_text(path))
        source = Source("text", [str(number) for number in range(1, len(texts) + 1)], [], texts)
    elif suffix == ".jsonl":
        source = _json_lines(path)
    else:
        what = f"a file {path.suffix or 'without a suffix'}" if path.exists() else "nothing"
        raise PathError(
            f"There are no pictures or texts at {path}: found {what}. Give a folder of pictures or one picture "
            f"({', '.join(SUFFIXES)}), or texts ({', '.join(TEXTS)})."
        )
    wrong = next((name for name in source.ids if not _is_utf8(name)), None)
    if wrong is not None:
        raise PathError(f"The name {wrong!r} in {path} is not UTF-8, and ids are. Rename the file.")
    if not source.ids:
        what = f"no file {', '.join(SUFFIXES)}" if path.is_dir() else "an empty file"
        raise PathError(f"There is nothing to encode in {path}: found {what}. Give another one.")
    return source


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _lines(text: str) -> list[str]:
    """One text a line, empty ones too, so that row n is line n."""
    lines = text.split("\n")
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]


def _json_lines(path: Path) -> Source:
    """Lines of BEIR: `_id`, `text`, and where there is a `title`, that before the text."""
    ids: list[str] = []
    texts: list[str] = []
    for number, line in read_jsonl(path):
        row = line if isinstance(line, dict) else {}
        fields = [row.get("_id"), row.get("text"), row.get("title", "")]
        if not all(isinstance(field, str) for field in fields):
            raise FormatError(
                f'{path}, line {number}: expected {{"_id": "...", "text": "..."}}, found {str(line)[:80]!r}. '
                "Mend the line."
            )
        ids.append(str(fields[0]))
        texts.append(f"{fields[2]} {fields[1]}".strip() if fields[2] else str(fields[1]))
    again = [name for name, times in Counter(ids).items() if times > 1]
    if again:
        raise FormatError(f"{path} has the _id {again[0]!r} more than once. Give each text its own.")
    return Source("text", ids, [], texts)
