"""The pictures of the world: which photos are taken of which drawing, and their files."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from ravlm.data.flags.photo import jpeg_quality, photograph
from ravlm.data.flags.seeds import generator
from ravlm.data.flags.specs import Spec
from ravlm.data.flags.styles import BASE_STYLE, render

_AT_ONCE = 32  # pictures a process draws between two reports
_WORTH_PROCESSES = 200  # pictures


@dataclass(frozen=True, slots=True)
class Picture:
    """A file to draw: `path` in the dataset; a photo of the drawing in `style`, or (`is_base`) the clean drawing."""

    path: str
    spec: Spec
    style: str
    is_base: bool = False


def base_picture(entry_id: str, spec: Spec) -> Picture:
    """The clean drawing that an entry of the knowledge base shows."""
    return Picture(f"images/base/{entry_id}.png", spec, BASE_STYLE, is_base=True)


def photos(entry_id: str, spec: Spec, split: str, count: int, styles: Sequence[str], first: int = 0) -> list[Picture]:
    """`count` photos for a split, their styles taken in turn from the one at `first`."""
    return [
        Picture(f"images/{split}/{entry_id}-{i:02}.jpg", spec, styles[(first + i) % len(styles)]) for i in range(count)
    ]


def draw(out: Path, pictures: Sequence[Picture], seed: int, report: Callable[[int], None]) -> None:
    """Draws the pictures into the folder `out`, with as many processes as there are cores; `report` is told how many.

    What is drawn depends on `seed` and a picture's path alone.
    """
    for folder in {(out / picture.path).parent for picture in pictures}:
        folder.mkdir(parents=True, exist_ok=True)
    batches = [pictures[i : i + _AT_ONCE] for i in range(0, len(pictures), _AT_ONCE)]
    done = 0
    for count in _drawn(partial(_draw, out, seed), batches, len(pictures)):
        done += count
        report(done)


def _drawn(task: Callable[[Sequence[Picture]], int], batches: list[Sequence[Picture]], count: int) -> Iterator[int]:
    processes = min(len(batches), os.cpu_count() or 1)
    if processes < 2 or count < _WORTH_PROCESSES:
        yield from map(task, batches)
        return
    # Fresh processes, not forks: the caller may have threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield from pool.map(task, batches)


def _draw(out: Path, seed: int, pictures: Sequence[Picture]) -> int:
    for picture in pictures:
        rng = generator(seed, "picture", picture.path)
        drawing = render(picture.spec, picture.style, rng)
        if picture.is_base:
            _on_white(drawing).save(out / picture.path, optimize=False)
        else:
            photograph(drawing, rng).save(out / picture.path, quality=jpeg_quality(rng))
    return len(pictures)


def _on_white(drawing: Image.Image) -> Image.Image:
    ground = Image.new("RGBA", drawing.size, "white")
    return Image.alpha_composite(ground, drawing.convert("RGBA")).convert("RGB")
