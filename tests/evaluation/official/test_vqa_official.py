"""VQA accuracy: worked by hand, against a plain transcription of the rule, and how the variants differ."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ravlm.errors import ConfigError, DatasetError, FormatError, UnknownChoice
from ravlm.evaluation.official.pairing import Leniency
from ravlm.evaluation.official.vqa import (
    MODES,
    VqaQuestion,
    score_vqa,
    score_vqa_files,
    soft_accuracy,
    vqa_accuracy,
)
from ravlm.evaluation.official.vqa_normalising import (
    ARTICLES,
    CONTRACTIONS,
    NUMBERS,
    PUNCTUATION,
    normalised,
    processed,
    without_punctuation,
    words_normalised,
)

TEXTS = st.text(alphabet="ab1,. ?-'/\n\tTthe", max_size=14)
ANSWERS = st.lists(
    st.sampled_from(["dog", "a dog", "Dog!", "two", "2", "", "no, dogs", "isnt"]), min_size=1, max_size=10
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Dog", "dog"),
        ("a an the", ""),
        ("Two zero none TEN eleven", "2 0 0 10 eleven"),
        ("dont Im youre", "don't im you're"),  # the table has `Im`, but words are in lower case by then
        ("lets shes somebody'd couldntve", "lets shes somebodyd couldntve"),
        ("couldnt've couldn'tve", "couldn't've couldn't've"),
        ("black/white", "black white"),
        ("black/ white/grey", "black whitegrey"),  # one of them beside a space: all of them go
        ("black/white, grey-blue", "black white grey blue"),  # but each mark is asked for itself
        ("1,000 dogs (big)", "1000 dogs big"),
        ("a-1,5/b", "a15b"),  # a comma in a number: every mark goes
        ("yes.", "yes"),
        ("3.5 a.b.c 5. .5", "3.5 abc 5 .5"),
        ("it's: ok's", "it's: ok's"),
        ("line\nend\ttab ", "line end tab"),
        ("ÉCOLE", "école"),
        ("%&#*$", "%&#*$"),
    ],
)
def test_the_normaliser_by_hand(text: str, expected: str) -> None:
    assert normalised(text) == expected


def test_no_more_than_32_periods_go() -> None:
    assert without_punctuation("a." * 40) == "a" * 32 + "a." * 8


def _slow_punctuation(text: str) -> str:
    """The official rule as it reads, its pattern and its misplaced flag too."""
    out = text
    for mark in list(PUNCTUATION):
        if (mark + " " in text or " " + mark in text) or re.search(r"(\d)(\,)(\d)", text) is not None:
            out = out.replace(mark, "")
        else:
            out = out.replace(mark, " ")
    return re.compile(r"(?!<=\d)(\.)(?!\d)").sub("", out, re.UNICODE)


def _slow_words(text: str) -> str:
    kept = [NUMBERS.get(word, word) for word in text.lower().split()]
    return " ".join(CONTRACTIONS.get(word, word) for word in kept if word not in ARTICLES)


def _slow_accuracy(prediction: str, answers: Sequence[str]) -> float:
    people = [
        {"answer": a.replace("\n", " ").replace("\t", " ").strip(), "answer_id": i} for i, a in enumerate(answers)
    ]
    said = prediction.replace("\n", " ").replace("\t", " ").strip()
    if len({one["answer"] for one in people}) > 1:
        people = [one | {"answer": _slow_words(_slow_punctuation(str(one["answer"])))} for one in people]
        said = _slow_words(_slow_punctuation(said))
    scores = []
    for one in people:
        others = [other for other in people if other != one]
        scores.append(min(1, len([other for other in others if other["answer"] == said]) / 3))
    return sum(scores) / len(scores)


@given(TEXTS)
@example("!." * 40)
def test_punctuation_is_the_rule_as_it_reads(text: str) -> None:
    assert without_punctuation(text) == _slow_punctuation(text)
    assert words_normalised(text) == _slow_words(text)


@given(TEXTS | st.sampled_from(["dog", "2", "Dog!"]), ANSWERS)
def test_accuracy_is_the_rule_as_it_reads(prediction: str, answers: list[str]) -> None:
    assert vqa_accuracy(prediction, answers) == pytest.approx(_slow_accuracy(prediction, answers), abs=1e-12)


@settings(deadline=None)
@given(TEXTS | st.sampled_from(["dog", "2", "a dog"]), ANSWERS, st.sampled_from(sorted(MODES)), st.randoms())
def test_scores_are_shares_whatever_the_order(prediction: str, answers: list[str], mode: str, random: Any) -> None:
    score = vqa_accuracy(prediction, answers, mode)
    assert 0 <= score <= 1
    shuffled = random.sample(answers, len(answers))
    assert vqa_accuracy(prediction, shuffled, mode) == pytest.approx(score)


@given(TEXTS)
def test_case_articles_and_space_change_nothing(text: str) -> None:
    assert normalised(text.upper()) == normalised(text.lower())
    plain = normalised(text)
    assert words_normalised(f"the  {plain} a") == words_normalised(plain)


@pytest.mark.parametrize("n", range(11))
def test_of_ten_people_each_is_left_out_once(n: int) -> None:
    # n of 10 said so: those n leave n - 1, the others n
    expected = (n * min(1, max(0, n - 1) / 3) + (10 - n) * min(1, n / 3)) / 10
    assert vqa_accuracy("dog", ["dog"] * n + ["cat"] * (10 - n)) == pytest.approx(expected)


def test_degenerate_questions() -> None:
    assert vqa_accuracy("dog", ["dog"]) == 0.0, "nobody else said so"
    assert vqa_accuracy("dog", ["dog"] * 4) == 1.0
    assert vqa_accuracy("", ["", "", "", ""]) == 1.0


def test_where_all_agree_nothing_is_normalised() -> None:
    same = ["Yes!"] * 10
    assert (vqa_accuracy("yes", same), vqa_accuracy("Yes!", same)) == (0.0, 1.0)
    assert vqa_accuracy("Yes!\n", same) == 1.0
    assert vqa_accuracy("yes", [*same[1:], "no"]) == 1.0


def test_answers_that_are_equal_in_everything_are_one_persons() -> None:
    answers = ["dog", "dog", "dog", "cat"]
    assert vqa_accuracy("dog", answers) == pytest.approx((3 * 2 / 3 + 1) / 4)
    assert vqa_accuracy("dog", answers, identities=["x"] * 4) == pytest.approx(1 / 4)


@pytest.mark.parametrize(
    ("prediction", "answers", "by_mode"),
    [
        # LAVIS takes no article and no capital from people's answers
        ("the dog", ["a dog", "a dog", "a dog", "Dog", "dog"], (1.0, 4 / 15, 1.0, 1.0, 1.0)),
        # all agree: LAVIS still normalises the prediction, lmms-eval too; its ok_vqa also the answers
        ("Yes!", ["Yes!"] * 5, (1.0, 0.0, 0.0, 1.0, 0.0)),
        ("yes", ["Yes!"] * 5, (0.0, 0.0, 0.0, 1.0, 0.0)),
        # lmms-eval parts 's from its word, in ok_vqa on both sides
        ("dog's", ["dog's", "dog's", "dog's", "dog's", "x"], (1.0, 1.0, 0.0, 1.0, 1.0)),
        # a substring counts
        ("a small dog house", ["dog", "dog", "dog", "dog", "cat"], (0.0, 0.0, 0.0, 0.0, 1.0)),
        ("dog", ["a small dog", "a small dog", "a small dog", "a small dog", "cat"], (0.0, 0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_how_the_variants_differ(prediction: str, answers: list[str], by_mode: tuple[float, ...]) -> None:
    found = {mode: vqa_accuracy(prediction, answers, mode) for mode in MODES}
    assert found == pytest.approx(dict(zip(MODES, by_mode, strict=True)))


@pytest.mark.parametrize(("text", "expected"), [("Dog's, 1,5?", "dog 's 15"), ("the\nend", "end"), ("a?b", "ab")])
def test_the_processor_of_lmms_eval(text: str, expected: str) -> None:
    assert processed(text) == expected


def test_soft_scores_take_the_normalised_prediction() -> None:
    soft = {"pony tail": 1.0, "a braid": 0.667}
    assert [soft_accuracy(text, soft) for text in ("The pony-tail!", "a braid", "braid", "x")] == [1.0, 0.667, 0.0, 0.0]


def test_several_commas_in_a_number_are_one_to_lmms_eval_alone() -> None:
    answers = ["1,,000-x", "1,,000-x", "1,,000-x", "1,,000-x", "no"]
    said = "1000x"
    assert {mode: vqa_accuracy(said, answers, mode) > 0 for mode in ("official", "lmms-eval")} == {
        "official": False,
        "lmms-eval": True,
    }
    assert without_punctuation("1,,0-x", many_commas=True) == "10x"
    assert without_punctuation("1,,0-x") == "1  0 x"


def test_ok_vqa_of_lmms_eval_leaves_people_out_by_their_place() -> None:
    answers, twins = ["dog", "dog", "dog", "cat"], ["x"] * 4
    assert vqa_accuracy("dog", answers, "lmms-eval", twins) == pytest.approx(1 / 4)
    assert vqa_accuracy("dog", answers, "lmms-eval-okvqa", twins) == pytest.approx((3 * 2 / 3 + 1) / 4)


def test_overall_and_by_type() -> None:
    asked = {
        "1": VqaQuestion(("dog",) * 9 + ("cat",), "what", "other"),
        "2": VqaQuestion(("yes",) * 10, "is", "yes/no"),
        "3": VqaQuestion(("2", "2", *("3",) * 8), "what", "number"),
    }
    found = score_vqa(asked, {"1": "dog", "2": "no", "3": "two"})
    assert found.per_question == pytest.approx({"1": 1.0, "2": 0.0, "3": 0.6})
    assert found.overall == {
        "overall": 53.333333,
        "perQuestionType": {"what": 80.0, "is": 0.0},
        "perAnswerType": {"other": 100.0, "yes/no": 0.0, "number": 60.0},
    }


def _written(folder: Path, predictions: Any, annotations: Any) -> tuple[Path, Path]:
    (folder / "p.json").write_text(json.dumps(predictions))
    (folder / "r.json").write_text(json.dumps(annotations))
    return folder / "p.json", folder / "r.json"


def _annotation(name: int, *answers: str) -> dict[str, Any]:
    people = [{"answer": a, "answer_id": i, "answer_confidence": "yes"} for i, a in enumerate(answers, 1)]
    return {"question_id": name, "image_id": 1, "question_type": "what", "answer_type": "other", "answers": people}


def test_files_of_vqa_and_okvqa_are_read(tmp_path: Path) -> None:
    people = [_annotation(1, *["dog"] * 4), _annotation(2, "a", "b")]
    files = _written(tmp_path, [{"question_id": 1, "answer": "dog"}, {"question_id": 2, "answer": "x"}], people)
    assert score_vqa_files(*files).per_question == {"1": 1.0, "2": 0.0}
    _written(tmp_path, [{"question_id": 1, "answer": "dog"}], {"annotations": people[:1], "info": {}})
    assert score_vqa_files(*files).overall["overall"] == 100.0
    twins = [{"question_id": 1, "answers": [{"answer": "dog"}] * 4}]
    _written(tmp_path, [{"question_id": 1, "answer": "dog"}], twins)
    assert score_vqa_files(*files).overall == {"overall": 0.0}, "equal answers without a number are one person's"


def test_answers_with_scores_are_read(tmp_path: Path) -> None:
    files = _written(
        tmp_path,
        [{"question_id": 1, "answer": "A braid"}, {"question_id": 2, "answer": "18"}],
        [{"question_id": 1, "label": {"braid": 0.667}}, {"question_id": 2, "label": {"18": 1}, "sent": "?"}],
    )
    found = score_vqa_files(*files)
    assert found.per_question == {"1": 0.667, "2": 1.0}
    assert "no mode applies" in found.notes[0]
    with pytest.raises(ConfigError, match="no mode applies"):
        score_vqa_files(*files, mode="substring")


@pytest.mark.parametrize(
    ("predictions", "annotations", "told"),
    [
        ([{"question_id": 1, "answer": 5}], None, "record 1: field 'answer': found 5, expected text"),
        ([{"question_id": 1}], None, "field 'answer': found no such field"),
        ([{"answer": "x"}], None, "found no field 'question_id'"),
        ([{"question_id": True, "answer": "x"}], None, "found True"),
        ([{"question_id": "1", "answer": "x"}], None, "id '1': the references have it as a number"),
        (["x"], None, "found 'x', expected an object"),
        (None, [{"question_id": 1, "answers": []}], "question 1, field 'answers': found []"),
        (None, [{"question_id": 1, "answers": [{"answer": 3}]}], "field 'answer': found 3"),
        (None, [{"question_id": 1, "label": {"x": 2}}], "expected scores from 0 to 1"),
        (
            None,
            [_annotation(1, "x", "x") | {"question_type": ["x"]}],
            "field 'question_type': found ['x'], expected text",
        ),
        (None, [_annotation(1, "x", "x") | {"answer_type": 3}], "field 'answer_type': found 3, expected text"),
    ],
)
def test_records_of_the_wrong_form_are_named(tmp_path: Path, predictions: Any, annotations: Any, told: str) -> None:
    fit = [{"question_id": 1, "answer": "x"}]
    files = _written(tmp_path, predictions or fit, annotations or [_annotation(1, "x", "x")])
    with pytest.raises(DatasetError, match=re.escape(told)):
        score_vqa_files(*files)


def test_a_mode_and_a_file_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnknownChoice, match="oficial"):
        vqa_accuracy("x", ["x"], "oficial")
    files = _written(tmp_path, {"a": 1}, [])
    with pytest.raises(FormatError, match=r"expected a JSON list .* found an object with the keys a"):
        score_vqa_files(*files)
    with pytest.raises(UnknownChoice):
        score_vqa_files(*files, mode="x", leniency=Leniency())
    (tmp_path / "p.json").write_text("[")
    with pytest.raises(FormatError, match="is not JSON"):
        score_vqa_files(*files)
