"""The page: one file that loads nothing, escapes everything, and holds all that a run, or several, has to show."""

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from report_page import FILES, HOSTILE, Page, jpegs, made_run, page_of, with_seed

from made_run import ANSWERS, OUTCOMES, PASSAGES, QUESTIONS
from ravlm.errors import KnowledgeError
from ravlm.evaluation.report.pictures import Source
from ravlm.evaluation.report.tables import Table
from ravlm.evaluation.report.words import words_in

EN_TITLES = (
    "Evidence side by side",
    "Why answers are wrong, or right without evidence",
    "Finding the right entry",
    "Confidence",
    "By relation and field",
    "Learning curve",
    "Right answers",
    "Wrong answers",
)


def _raise(_: str) -> bytes | None:
    raise KnowledgeError("The base has no such picture.")


NOTHING = Source(lambda _: None, lambda _: None)
BROKEN = Source(_raise, _raise)


def test_one_run_shows_all_of_its_parts_in_order(tmp_path: Path) -> None:
    page = page_of(tmp_path, made_run())
    words = page.words
    places = [words.index(title) for title in EN_TITLES]
    assert places == sorted(places)
    assert "4 questions of the split test of made, answered by model 111111111111 from version 7" in words
    assert "Seed 0." in words
    assert "Run abcdefabcdef" in words
    assert "Runs" not in words
    strong = [place for place, (tag, of) in enumerate(page.tags) if tag == "tr" and of.get("class") == "strong"]
    assert len(strong) == 2  # of the macro average and of the accuracy, what was retrieved


def test_scores_stand_with_their_intervals(tmp_path: Path) -> None:
    words = page_of(tmp_path, made_run()).words
    # Macro over the one relation, from what was retrieved: three of four, and by group.
    assert re.search(r"what was retrieved retrieved 0\.750 0\.\d+–1\.000 1\.000 0\.500", words)
    assert "Of 3 right answers from what was retrieved, 66.7 %" in words
    # Causes: two stand on evidence, one is luck, one entry was not found.
    assert "right, from its evidence 2 50.0 % 2 100.0 % 0" in words
    assert "right entry not read 1 25.0 %" in words
    causes = (
        "right, from its",
        "right without",
        "right in substance",
        "read but missed",
        "passage not",
        "right entry not",
    )
    table = words[words.index("Causes by group") :]
    assert sorted(causes, key=table.index) == list(causes)  # from the best to the worst
    assert "Give the entries more or better pictures" in words
    assert "Train the reader longer" not in words  # advice on nothing that happened
    assert "recall@1 0.750" in words


def test_cards_show_answers_with_what_they_stood_on(tmp_path: Path) -> None:
    page = page_of(tmp_path, made_run())
    words = page.words
    assert "Oslo ✓ right" in words
    assert "Oslo ✗ wrong right answer Stockholm" in words
    assert "cause right entry not read right entry not found next best Bergen 0.10" in words
    assert "found at place 1" in words
    assert "The capital of Norway is Oslo ." in words
    assert page.count("mark") == 4
    assert "without that evidence 奥斯陆 ✗ wrong" in words  # the answer changed
    assert words.count("without that evidence") == 2  # of two answers it did not
    assert "knowledge 0.70" in words
    assert {"zh", "en"} <= set(page.values("lang"))


def test_pictures_are_small_jpegs_inside_the_file(tmp_path: Path) -> None:
    page = page_of(tmp_path, made_run())
    pictures = jpegs(page)
    assert {(p.format, p.size) for p in pictures} == {("JPEG", (240, 120)), ("JPEG", (30, 30))}
    assert pictures[0].convert("RGB").getpixel((100, 50))[0] > 240  # type: ignore[index]
    assert page.text.count("no picture") == 2  # the two broken photos
    assert page_of(tmp_path, made_run(), sources=[NOTHING]).text.count("no picture") == 8


def test_every_picture_and_chart_says_what_it_is(tmp_path: Path) -> None:
    page = page_of(tmp_path, made_run())
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")
    charts = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert all(c.get("aria-hidden") == "true" or (c["role"] == "img" and c["aria-label"]) for c in charts)
    assert all(attributes.get("scope") in ("row", "col") for tag, attributes in page.tags if tag == "th")
    labels = list(page.values("aria-label"))
    assert "Recall at 1 to 10, in 3 lines" in labels
    # Confidences .9, .8 and .55 right, .6 wrong.
    assert any(label.startswith("Reliability diagram in 4 bins; expected calibration error 0.33") for label in labels)
    assert any(label.startswith("Risk-coverage curve; area under it 0.") for label in labels)
    assert any(label.startswith("all questions: right, from its evidence 50.0 %") for label in labels)


def test_a_table_of_the_caller_stands_before_the_cards(tmp_path: Path) -> None:
    extra = Table("Floors", ("", "recall"), (("pixels", 0.25),), "A note.")
    words = page_of(tmp_path, made_run(), extra=[extra]).words
    assert words.index("Learning curve") < words.index("Floors recall pixels 0.250 A note.") < words.index("Right answ")


def _check_it_loads_nothing(page: Page) -> None:
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "base", "form", "a"}
    for _, attributes in page.tags:
        assert not {name for name in attributes if name.startswith("on") or name in {"style", "href", "srcset"}}
    assert all(uri.startswith("data:image/jpeg;base64,") for uri in page.values("src"))
    assert not re.search(r"url\(|@import|//", page.style)


def test_it_loads_nothing_and_says_so(tmp_path: Path) -> None:
    page = page_of(tmp_path, made_run(), with_seed(made_run(), 1))
    _check_it_loads_nothing(page)
    assert "//" not in re.sub(r"data:image/jpeg;base64,[\w+/=]+", "", (tmp_path / "report.html").read_text("utf-8"))
    policy = next(page.values("content"))
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_hostile_text_is_shown_as_text_everywhere(tmp_path: Path) -> None:
    example = replace(
        QUESTIONS[0].example,
        question=HOSTILE,
        answers=(HOSTILE,),
        language=HOSTILE,
        groups=(HOSTILE, f"{HOSTILE}:{HOSTILE}", f"relation:{HOSTILE}"),
    )
    passage = replace(PASSAGES["norway#0"], title=HOSTILE, section=HOSTILE, language=HOSTILE, text=f"{HOSTILE} x Oslo")
    answer = replace(
        ANSWERS["retrieved"][0],
        answer=HOSTILE,
        citations=(replace(ANSWERS["retrieved"][0].citations[0], span=(0, len(HOSTILE))),),
        alternatives=((f" {HOSTILE} too", 0.5),),
        weights={HOSTILE: 1.0},
    )
    wrong = replace(OUTCOMES[0], groups=example.groups, right={**OUTCOMES[0].right, "retrieved": False})
    run = made_run(
        [wrong, *OUTCOMES[1:]],
        questions=[replace(QUESTIONS[0], example=example), *QUESTIONS[1:]],
        passages={**PASSAGES, "norway#0": passage},
        answers={**ANSWERS, "retrieved": [answer, *ANSWERS["retrieved"][1:]]},
    )
    about = {**run.about, "dataset": {**run.about["dataset"], "name": HOSTILE, "split": HOSTILE, "groups": [HOSTILE]}}
    about["model"] = {**run.about["model"], "fingerprint": HOSTILE, "settings": {HOSTILE: HOSTILE}}
    about["model"]["training"] = {"curve": [{"step": 1, "seconds": 2, "stage": HOSTILE, "loss": 3.0}]}
    first = replace(run, about=about, summary={**run.summary, "run": HOSTILE})
    page = page_of(tmp_path, first, made_run(), extra=[Table(HOSTILE, (HOSTILE,), ((HOSTILE,),), HOSTILE)])
    _check_it_loads_nothing(page)
    text = "".join(page.text)
    shown = (
        f"{HOSTILE}, split {HOSTILE}",
        f"Only the groups {HOSTILE}",
        f"By {HOSTILE}",
        f"loss, {HOSTILE}",
        f"✗ wrongright answer{HOSTILE}",
        f"{HOSTILE} too",
        f"{HOSTILE} 1.00",
        f"model.settings.{HOSTILE}",
    )
    assert [part for part in shown if part not in text] == []
    assert text.count(HOSTILE) > 30
    assert "49" not in text


def test_two_runs_show_what_differs(tmp_path: Path) -> None:
    first = made_run()
    better = replace(OUTCOMES[2], right={**OUTCOMES[2].right, "retrieved": True}, cause="", gold_ranks=(1,))
    second = with_seed(made_run([*OUTCOMES[:2], better, OUTCOMES[3]]), 0, fusion={"kind": "feature"})
    page = page_of(tmp_path, first, second)
    words = page.words
    assert "2 runs: made, split test" in words
    assert "What differs between A and B 4 questions are in both runs." in words
    assert "model.settings.fusion.kind attention feature" in words
    assert re.search(r"all questions 0\.750 0\.\d+–1\.000 1\.000 \+0\.250 ", words)
    assert "A right 3 75.0 % 0 0.0 % A wrong 1 25.0 % 0" in words
    assert "Wrong in A, right in B 1 of 1, drawn by lot" in words
    assert "Right in A, wrong in B" not in words
    assert "A Oslo ✗ wrong confidence 0.60 cause right entry not read" in words
    assert words.index("B Oslo ✓ right") < words.index("Run A in full") < words.index("Run B in full")
    assert "Over seeds" not in words
    assert "Recall at 1 to 10, in 2 lines" in set(page.values("aria-label"))


def test_one_system_over_seeds_shows_means_and_extremes(tmp_path: Path) -> None:
    worse = replace(OUTCOMES[0], right={**OUTCOMES[0].right, "retrieved": False}, cause="reader")
    runs = [made_run(), with_seed(made_run([worse, *OUTCOMES[1:]]), 1), with_seed(made_run(), 2)]
    words = page_of(tmp_path, *runs).words
    assert "The same system, trained with 3 seeds: 0, 1, 2." in words
    assert re.search(r"what was retrieved retrieved 0\.667 0\.500–0\.750 0\.\d+–1\.000", words)
    assert "ECE 0." in words
    assert "What differs" not in words


def test_relations_stand_with_their_most_common_cause_and_a_long_table_is_folded(tmp_path: Path) -> None:
    causes = ["reader", "entry", "reader", ""]
    outcomes = [replace(o, cause=cause) for o, cause in zip(OUTCOMES, causes, strict=True)]  # type: ignore[arg-type]
    page = page_of(tmp_path, made_run(outcomes))
    assert re.search(r"capital 4 0\.750 \S+ 1\.000 0\.750 \S+ read but missed 50\.0 %", page.words)
    assert page.count("details") == 0
    fields = tuple(f"field:{i}" for i in range(13))
    page = page_of(tmp_path, made_run([replace(o, cause="", groups=("seen", *fields)) for o in OUTCOMES]))
    assert page.count("details") == 1
    assert "By field 13 groups" in page.words
    assert re.search(r"\b12 4 0\.750 \S+ 1\.000 0\.750 \S+ none", page.words)


def test_runs_that_share_nothing_are_only_set_in_a_table(tmp_path: Path) -> None:
    renamed = [replace(q, example=replace(q.example, id=f"other {q.example.id}")) for q in QUESTIONS]
    outcomes = [replace(o, id=f"other {o.id}") for o in OUTCOMES]
    other = with_seed(made_run(outcomes, questions=renamed), 0, a=1)
    for runs in ((made_run(), other), (made_run(kinds=["retrieved"]), made_run(kinds=["none"]))):
        words = page_of(tmp_path, *runs).words
        assert "The runs" in words
        assert words_in("en").differs.nothing_shared in words
        assert "Over seeds" not in words


@pytest.mark.parametrize("kinds", [("none",), ("prior",), ("retrieved",), ("oracle", "wrong"), ()])
def test_what_a_run_lacks_is_left_out(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    words = page_of(tmp_path, made_run(kinds=kinds)).words  # type: ignore[arg-type]
    assert ("Why answers are wrong" in words) == ("Confidence" in words) == ("retrieved" in kinds)
    assert ("Right answers" in words or "Wrong answers" in words) == bool(kinds)
    assert "grounded" not in words


def test_a_run_without_questions_relations_or_training_is_a_page(tmp_path: Path) -> None:
    about = {**made_run().about, "seeds": {}, "model": {"fingerprint": "f", "settings": {}, "training": {}}}
    empty = made_run([], questions=[], answers={}, about=about)
    words = page_of(tmp_path, empty).words
    assert "0 questions of the split test" in words
    assert "Learning curve" not in words
    assert "Seed" not in words
    plain = [replace(o, groups=()) for o in OUTCOMES]
    scores = made_run(plain).summary["scores"] | {"macro": {}}
    words = page_of(tmp_path, made_run(plain, summary={"run": "0" * 64, "scores": scores})).words
    assert "Macro" not in words
    assert "By relation" not in words


def test_no_run_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one run"):
        page_of(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_page_in_chinese_has_no_word_of_english_of_its_own(tmp_path: Path) -> None:
    page = page_of(tmp_path, made_run(), with_seed(made_run(), 1), language="zh")
    assert next(page.values("lang")) == "zh-Hans"
    assert {"不同证据的对照", "答对的例子", "答错的例子", "各次运行", "不同种子"} <= set(page.text)
    for word in ("Evidence", "accuracy", "answer", "wrong entry", "picture", "confidence", "question"):
        assert word not in page.words.replace("What is the capital?", "")


def test_the_same_runs_give_the_same_page(tmp_path: Path) -> None:
    page_of(tmp_path, made_run(), seed=3)
    first = (tmp_path / "report.html").read_bytes()
    page_of(tmp_path, made_run(), seed=3)
    assert (tmp_path / "report.html").read_bytes() == first


def test_each_run_has_its_own_pictures_and_a_base_without_them_is_no_error(tmp_path: Path) -> None:
    other = with_seed(made_run(), 1)
    sources = [Source(FILES.get, FILES.get), BROKEN]
    assert len(jpegs(page_of(tmp_path, made_run(), other, sources=sources))) == len(
        jpegs(page_of(tmp_path, other, made_run(), sources=sources[::-1]))
    )
    assert len(jpegs(page_of(tmp_path, made_run(), other, sources=[BROKEN, BROKEN]))) == 0


def test_the_same_seed_twice_is_not_over_seeds(tmp_path: Path) -> None:
    title = words_in("en").several.seeds
    assert title in page_of(tmp_path, made_run(), with_seed(made_run(), 1)).words
    assert title not in page_of(tmp_path, made_run(), made_run()).words
