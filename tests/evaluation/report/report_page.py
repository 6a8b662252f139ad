"""A page as tests read it, and runs to write pages about."""

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from PIL import Image

from made_run import ABOUT, ANSWERS, OUTCOMES, PASSAGES, QUESTIONS
from ravlm.evaluation.report.page import write_report
from ravlm.evaluation.report.pictures import Source
from ravlm.evaluation.runs.folder import Run
from ravlm.evaluation.runs.records import EvidenceKind, Outcome
from ravlm.evaluation.runs.scores import relations_of, scores_of

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">"\'></style>{{ 7*7 }}'


class Page(HTMLParser):
    """Every tag with its attributes, and the text outside of style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.style = ""
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            self.style += data
        elif data.strip():
            self.text.append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def values(self, name: str) -> Iterator[str]:
        return (attributes[name] or "" for _, attributes in self.tags if name in attributes)

    def count(self, tag: str) -> int:
        return sum(found == tag for found, _ in self.tags)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def png(colour: str, size: tuple[int, int] = (400, 200)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


FILES = {"norway.png": png("red"), "icon": png("blue", (30, 30)), "sweden.png": b"\x89PNG\r\n\x1a\nnothing"}


def made_run(
    outcomes: Sequence[Outcome] = OUTCOMES, kinds: Sequence[EvidenceKind] = tuple(ANSWERS), **parts: Any
) -> Run:
    """The made run with these outcomes, and answers from these kinds of evidence; `parts` stand over its own."""
    outcomes = [
        replace(
            o,
            right={kind: o.right[kind] for kind in kinds},
            abstained={kind: o.abstained[kind] for kind in kinds if kind in o.abstained},
            same={kind: o.same[kind] for kind in kinds if kind in o.same},
        )
        for o in outcomes
    ]
    relations = relations_of(QUESTIONS)
    run = Run(
        about=ABOUT,
        questions=QUESTIONS,
        passages=PASSAGES,
        answers={kind: ANSWERS[kind] for kind in kinds},
        outcomes=outcomes,
        summary={"run": "abcdef" * 11, "relations": relations, "scores": scores_of(outcomes, relations)},
    )
    return replace(run, **parts)


def with_seed(run: Run, seed: int, **settings: Any) -> Run:
    """The run of the same system, or one with these settings, trained with another seed."""
    model = run.about["model"]
    about = {
        **run.about,
        "model": {**model, "settings": settings or model["settings"], "training": {**model["training"], "seed": seed}},
        "seeds": {"training": seed, "bootstrap": 0},
    }
    return replace(run, about=about)


def page_of(tmp_path: Path, *runs: Run, **parts: Any) -> Page:
    """The page about these runs, read; all have the same pictures, if not told otherwise."""
    write_report(tmp_path / "report.html", runs, **({"sources": [Source(FILES.get, FILES.get)] * len(runs)} | parts))
    return Page((tmp_path / "report.html").read_text(encoding="utf-8"))


def jpegs(page: Page) -> list[Image.Image]:
    """The pictures inside a page."""
    found = (uri.removeprefix("data:image/jpeg;base64,") for uri in page.values("src"))
    return [Image.open(io.BytesIO(base64.b64decode(uri))) for uri in found]
