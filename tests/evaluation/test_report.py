"""The report: one file that loads nothing, escapes everything, and holds all of its parts."""

import base64
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from ravlm.evaluation.report import Table, choose_examples, mark, write_report
from ravlm.evaluation.results import QuestionResult

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">"\'></style>{{ 7*7 }}'
TEXT = "Norway is in Europe. The capital of Norway is Oslo. It borders Sweden."
RESULT = QuestionResult(
    id="q1",
    question="What is the capital?",
    image="photo.png",
    language="en",
    groups=("seen",),
    gold_answer="Oslo",
    answer="Oslo",
    right=True,
    confidence=0.75,
    abstained=False,
    gold_entries=("norway",),
    ranked=("norway",),
    gold_rank=1,
    covered=True,
    citations=(
        {
            "entry_id": "norway",
            "title": "Norway",
            "passage_id": "norway#0",
            "section": "Overview",
            "text": TEXT,
            "span": [46, 50],
            "sentence": "The capital of Norway is Oslo.",
            "image_id": "drawing",
            "probability": 0.5,
        },
    ),
    weights={"image": 1.0, "question": 1.0, "knowledge": 2.0},
    alternatives=(("Oslo", 0.75), ("Bergen", 0.2)),
)
WRONG = replace(RESULT, id="q2", right=False, answer="Bergen", gold_rank=None, image="gone.png", citations=())


class Page(HTMLParser):
    """Every tag with its attributes, and the text outside of style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.style = ""
        self._open: list[str] = []
        self.feed(text)

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


def _png(colour: str, size: tuple[int, int] = (400, 200)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


FILES = {"photo.png": _png("red"), "drawing": _png("blue", (30, 30)), "broken": b"\x89PNG\r\n\x1a\nnothing"}


def _write(tmp_path: Path, *examples: QuestionResult, **parts: object) -> Page:
    given = {"title": "A report", "photos": FILES.get, "pictures": FILES.get} | parts
    write_report(tmp_path / "report.html", examples=examples, **given)  # type: ignore[arg-type]
    return Page((tmp_path / "report.html").read_text(encoding="utf-8"))


FULL = {
    "summary": "Seed 0.",
    "tables": [Table("Scores", ("", "seen", "n"), (("model", 0.98765, 1200), ("prior", None, "few")), "A note.")],
    "learning_curve": [{"step": s, "seconds": s / 10, "loss": 4.0 - s / 100, "lr": 1} for s in (0, 100, 200)],
}


def test_all_parts_are_there(tmp_path: Path) -> None:
    page = _write(tmp_path, RESULT, WRONG, **FULL)
    text = " ".join(page.text)
    for part in (
        "A report",
        "Seed 0.",
        "Scores",
        "0.988",
        "1,200",
        "–",
        "few",
        "A note.",
        "loss",
        "2 at step 200, 20 s",
    ):
        assert part in text
    for part in ("Right answers", "Wrong answers", "What is the capital?", "Bergen", "found at place 1", "not found"):
        assert part in text
    assert "The capital of Norway is Oslo ." in text
    assert page.text[page.text.index("The capital of Norway is") + 1] == "Oslo"  # the marked one
    assert sum(tag == "mark" for tag, _ in page.tags) == 1
    assert "knowledge 0.50" in text
    assert sum(tag == "polyline" for tag, _ in page.tags) == 2
    assert "No entry was cited." in text


def test_pictures_are_small_jpegs_inside_the_file(tmp_path: Path) -> None:
    page = _write(tmp_path, RESULT)
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))))
        for uri in page.values("src")
    ]
    assert [(p.format, p.size) for p in pictures] == [("JPEG", (240, 120)), ("JPEG", (30, 30))]
    assert pictures[0].convert("RGB").getpixel((100, 50))[0] > 240  # type: ignore[index]


def test_missing_and_broken_pictures_leave_a_note(tmp_path: Path) -> None:
    page = _write(tmp_path, replace(RESULT, image="broken"), WRONG)
    assert page.text.count("no picture") == 2
    assert len(list(page.values("src"))) == 1


def _check_it_loads_nothing(page: Page) -> None:
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "base", "form", "a"}
    for _, attributes in page.tags:
        assert not {name for name in attributes if name.startswith("on") or name in {"style", "href", "srcset"}}
    assert all(uri.startswith("data:image/jpeg;base64,") for uri in page.values("src"))
    assert not re.search(r"url\(|@import|//", page.style)


def test_it_loads_nothing_and_says_so(tmp_path: Path) -> None:
    page = _write(tmp_path, RESULT, WRONG, **FULL)
    _check_it_loads_nothing(page)
    assert "//" not in re.sub(r"data:image/jpeg;base64,[\w+/=]+", "", (tmp_path / "report.html").read_text())
    policy = next(page.values("content"))
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_hostile_text_is_shown_as_text_everywhere(tmp_path: Path) -> None:
    cited = RESULT.citations[0] | {
        "title": HOSTILE,
        "section": HOSTILE,
        "text": f"{HOSTILE}Oslo{HOSTILE}",
        "sentence": f"{HOSTILE}Oslo{HOSTILE}",
        "span": [len(HOSTILE), len(HOSTILE) + 4],
    }
    result = replace(
        RESULT,
        question=HOSTILE,
        answer=HOSTILE,
        gold_answer=HOSTILE,
        language=HOSTILE,
        citations=(cited,),
        weights={HOSTILE: 1.0},
        alternatives=((f" {HOSTILE}", 0.5),),
        right=False,
    )
    page = _write(
        tmp_path,
        result,
        title=HOSTILE,
        summary=HOSTILE,
        tables=[Table(HOSTILE, (HOSTILE,), ((HOSTILE,),), HOSTILE)],
        learning_curve=[{"step": 0, HOSTILE: 1.0}],
    )
    _check_it_loads_nothing(page)
    # title twice, summary, table's four, the curve's name, question, answer, right answer, alternative, entry, section,
    # both sides of the marked answer; the weight's name stands beside its value
    assert "".join(page.text).count(HOSTILE) == 17
    assert "49" not in "".join(page.text)


def test_chinese_text_says_its_language(tmp_path: Path) -> None:
    text = "挪威的首都是奥斯陆，位于北欧。"
    cited = RESULT.citations[0] | {"text": text, "sentence": text, "span": [6, 9], "title": "挪威"}
    page = _write(
        tmp_path, replace(RESULT, question="首都是哪里？", answer="奥斯陆", language="zh", citations=(cited,))
    )
    assert {"挪威的首都是", "奥斯陆", "，位于北欧。"} <= set(page.text)
    assert list(page.values("lang")).count("zh") >= 3


@pytest.mark.parametrize(
    "curve", [[], [{"step": 1}], [{"step": 5, "loss": 2.0}], [{"loss": float("nan")}, {"loss": 1.0}, {"loss": "x"}]]
)
def test_degenerate_curves_and_an_empty_report(tmp_path: Path, curve: list[dict[str, object]]) -> None:
    page = _write(tmp_path, learning_curve=curve)
    assert ("loss" in page.text) == any("loss" in row for row in curve)
    assert not [points for points in page.values("points") if re.search("nan|inf", points)]


def test_the_answer_is_marked_at_its_own_place() -> None:
    text = "Oslo is Oslo. Bergen is not Oslo."
    assert mark(text, (28, 32), "Bergen is not Oslo.") == ("Bergen is not ", "Oslo", ".")
    assert mark("Yes. Yes.", (5, 8), "Yes.") == ("", "Yes", ".")  # the second of two equal sentences
    assert mark(text, (0, 4), "Bergen is not Oslo.") == ("Bergen is not Oslo.", "", "")
    assert mark(text, (), "Oslo is Oslo.") == ("Oslo is Oslo.", "", "")
    assert mark("", (0, 0), "") == ("", "", "")


@pytest.mark.parametrize(("rights", "wrongs", "expected"), [(50, 50, (15, 15)), (50, 3, (27, 3)), (2, 50, (2, 28))])
def test_examples_are_half_right_and_half_wrong_where_they_can(
    rights: int, wrongs: int, expected: tuple[int, int]
) -> None:
    results = [replace(RESULT, id=str(i), image=f"{i // 4}.png", right=i < rights) for i in range(rights + wrongs)]
    chosen = choose_examples(results, 30, seed=1)
    assert (sum(r.right for r in chosen), sum(not r.right for r in chosen)) == expected
    assert len({r.id for r in chosen}) == 30
    assert chosen == choose_examples(results, 30, seed=1) != choose_examples(results, 30, seed=2)
    assert {r.id for r in choose_examples(results[:4], 30)} == {"0", "1", "2", "3"}
    assert choose_examples([], 30) == []


def test_examples_show_different_photos_first() -> None:
    results = [replace(RESULT, id=str(i), image=f"{i % 6}.png", right=i % 2 == 0) for i in range(60)]
    assert len({r.image for r in choose_examples(results, 6)}) == 6
