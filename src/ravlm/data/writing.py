"""How a made dataset is written: whole or not at all, a line a record, pictures linked."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ravlm.errors import PathError
from ravlm.lines import DatasetCard, Line

Progress = Callable[[str, int, int], None]
"""Called with (what goes on, files done, files in all)."""


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` to write to; it becomes `out` when all went well, and goes when not.

    Raises:
        PathError: `out` holds something already.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PathError(f"{out} already holds something. Give a new or an empty folder to write the dataset to.")
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if out.exists():
            out.rmdir()
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_card(folder: Path, card: DatasetCard) -> None:
    """Write `dataset.json`."""
    (folder / "dataset.json").write_text(card.text(), encoding="utf-8")


def append_lines(path: Path, lines: Iterable[Line]) -> None:
    """Append the lines to the file, which is made where there is none."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line.model_dump_json(exclude_defaults=True)}\n" for line in lines)


def link(sources: Iterable[tuple[Path, Path]], progress: Progress) -> None:
    """Hard-link every picture, given as (file, new place), or copy it where a link can't be made."""
    every = sorted(sources)
    for done, (file, target) in enumerate(every, 1):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file, target)
        except OSError:  # another file system, or links are not allowed
            shutil.copyfile(file, target)
        progress("pictures", done, len(every))
