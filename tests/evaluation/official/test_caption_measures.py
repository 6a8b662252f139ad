"""BLEU, ROUGE-L and CIDEr: closed forms, degenerate captions, and parity with pycocoevalcap."""

import json
import random
import re
import shutil
from collections.abc import Sequence
from math import exp
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravlm.errors import ConfigError, DatasetError
from ravlm.evaluation.official.bleu import bleu
from ravlm.evaluation.official.caption import MEASURES, caption_scores, score_caption_files, score_captions
from ravlm.evaluation.official.cider import cider
from ravlm.evaluation.official.meteor import meteor, why_no_meteor
from ravlm.evaluation.official.ngrams import counted
from ravlm.evaluation.official.pairing import Leniency
from ravlm.evaluation.official.rouge import longest_common, rouge_l

WORDS = st.lists(st.sampled_from("abcd"), max_size=8)


def test_what_is_equal_scores_highest() -> None:
    right = [["a red dog on a hill", "a dog"], ["two blue birds that sing", "birds"]]
    overall, each = caption_scores([some[0] for some in right], right)
    assert [overall[name] for name in MEASURES[:5]] == pytest.approx([1.0] * 5)
    assert overall["CIDEr"] > 1
    assert each["ROUGE_L"] == [1.0, 1.0]


def test_bleu_by_hand() -> None:
    # 2 of 3 words, 1 of 2 pairs; the closest reference has 4 words, so the penalty is exp(1 - 4 / 3)
    whole, each = bleu([counted("a red cat")], [[counted("a red big dog"), counted("x " * 9)]])
    assert whole[:2] == pytest.approx([2 / 3 * exp(-1 / 3), (2 / 3 * 1 / 2) ** 0.5 * exp(-1 / 3)])
    assert each[0] == pytest.approx(whole)


def test_bleu_counts_a_word_as_often_as_a_reference_has_it() -> None:
    whole, _ = bleu([counted("the the the the")], [[counted("the cat sat down"), counted("the the x y")]])
    assert whole[0] == pytest.approx(2 / 4)


def test_of_two_references_as_close_the_shorter_counts() -> None:
    whole, _ = bleu([counted("a b c")], [[counted("a b c d"), counted("a b")]])
    assert whole[0] == pytest.approx(1.0), "no penalty against two words"


def test_rouge_by_hand() -> None:
    # precision 2 / 2 by the first, recall 2 / 3 by the first
    p, r = 1.0, 2 / 3
    assert rouge_l("a dog", ["a red dog", "x"]) == pytest.approx((1 + 1.44) * p * r / (r + 1.44 * p))
    assert rouge_l("a", ["b"]) == 0.0
    assert rouge_l("", ["", "x"]) == 1.0, "a caption without tokens has one empty token, as in the official code"


def test_cider_weighs_by_how_few_pictures_have_it() -> None:
    right = [["a dog"], ["a cat"]]
    alone = cider([counted("a")] * 2, [[counted(r) for r in some] for some in right])
    assert alone == [0.0, 0.0], "what every picture's references have is worth nothing"
    found = cider([counted("a dog"), counted("a dog")], [[counted(r) for r in some] for some in right])
    assert found == pytest.approx([10 * 2 / 4, 0.0]), "words and pairs are equal, longer ones there are none"
    assert cider([counted("a dog")], [[counted("a dog")]]) == [0.0], "of one picture alone nothing is rare"


def test_cider_falls_with_the_difference_in_length() -> None:
    right = [[counted("x y")], [counted("z")]]
    short = cider([counted("x y"), counted("z")], right)[0]
    long = cider([counted("x y z z"), counted("z")], right)
    assert long[0] < short
    # lengths in pairs: 3 and 1; of the words x, y, z, z each is weighted by log 2
    words, pairs = 2 / (6**0.5 * 2**0.5), 1 / 3**0.5
    assert long[0] == pytest.approx(10 / 4 * (words + pairs) * exp(-(2**2) / 72))


def _slow_common(a: Sequence[str], b: Sequence[str]) -> int:
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            table[i][j] = table[i - 1][j - 1] + 1 if x == y else max(table[i - 1][j], table[i][j - 1])
    return table[-1][-1]


@given(WORDS, WORDS)
def test_common_subsequences_are_those_of_the_usual_table(a: list[str], b: list[str]) -> None:
    assert longest_common(a, b) == _slow_common(a, b) == longest_common(b, a)


def _made(seed: int, n: int) -> tuple[list[str], list[list[str]]]:
    draw = random.Random(seed)
    words = ["a", "dog", "red", "on", "the", "hill", "two\u00a0parts", "ran", "-lrb-"]

    def caption() -> str:
        return " ".join(draw.choices(words, k=draw.randrange(0, 9)))

    return [caption() for _ in range(n)], [[caption() for _ in range(draw.randrange(1, 5))] for _ in range(n)]


@pytest.mark.parametrize("seed", range(8))
def test_parity_with_pycocoevalcap(seed: int) -> None:
    pytest.importorskip("pycocoevalcap", reason="pycocoevalcap is not installed")
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    candidates, references = _made(seed, 1 if seed == 0 else 30)
    said = {i: [text] for i, text in enumerate(candidates)}
    right = dict(enumerate(references))
    overall, each = caption_scores(candidates, references)
    whole, single = Bleu(4).compute_score(right, said, verbose=0)
    for n in range(4):
        assert overall[f"Bleu_{n + 1}"] == pytest.approx(whole[n], abs=1e-12)
        assert each[f"Bleu_{n + 1}"] == pytest.approx(single[n], abs=1e-12)
    for name, (mean, scores) in {
        "ROUGE_L": Rouge().compute_score(right, said),
        "CIDEr": Cider().compute_score(right, said),
    }.items():
        assert overall[name] == pytest.approx(mean, abs=1e-9)
        assert each[name] == pytest.approx(list(scores), abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.randoms())
def test_the_order_of_pictures_and_references_does_not_matter(seed: int, shuffling: Any) -> None:
    candidates, references = _made(seed, 5)
    overall, each = caption_scores(candidates, references)
    assert all(0 <= score <= 1 + 1e-6 for name in MEASURES[:5] for score in each[name])
    order = shuffling.sample(range(5), 5)
    again, _ = caption_scores(
        [candidates[i] for i in order], [shuffling.sample(references[i], len(references[i])) for i in order]
    )
    assert again == pytest.approx(overall)


def _files(folder: Path, predictions: Any, references: Any) -> tuple[Path, Path]:
    (folder / "p.json").write_text(json.dumps(predictions))
    (folder / "r.json").write_text(json.dumps(references))
    return folder / "p.json", folder / "r.json"


COCO = {
    "images": [{"id": 1}, {"id": 2}],
    "annotations": [
        {"image_id": 1, "id": 7, "caption": "A red dog."},
        {"image_id": 2, "id": 8, "caption": "Two birds"},
        {"image_id": 1, "id": 9, "caption": "a dog"},
    ],
}


def test_files_of_coco_and_objects_are_read(tmp_path: Path) -> None:
    said = [{"image_id": 2, "caption": "two birds!"}, {"image_id": 1, "caption": "A dog"}]
    found = score_caption_files(*_files(tmp_path, said, COCO))
    assert found.per_question == {"1": 1.0, "2": 1.0}
    assert set(found.by_measure) == set(MEASURES)
    by_id = {"2": "two birds!", "1": "A dog"}
    keyed = score_caption_files(*_files(tmp_path, by_id, {"1": ["A red dog.", "a dog"], "2": "Two birds"}))
    assert keyed.overall == pytest.approx(dict(found.overall))
    assert score_caption_files(*_files(tmp_path, by_id, COCO)).overall == pytest.approx(dict(found.overall))


def test_a_missing_caption_is_the_empty_one(tmp_path: Path) -> None:
    files = _files(tmp_path, [{"image_id": 1, "caption": "A dog"}], COCO)
    with pytest.raises(DatasetError, match=r"without a prediction: 1 \(2\)"):
        score_caption_files(*files)
    assert score_caption_files(*files, leniency=Leniency(missing="zero")).per_question == {"1": 1.0, "2": 0.0}
    assert score_caption_files(*files, leniency=Leniency(missing="skip")).per_question == {"1": 1.0}


@pytest.mark.parametrize(
    ("predictions", "references", "told"),
    [
        ([{"image_id": 1, "caption": None}], COCO, "field 'caption': found None"),
        ({"1": ["a"]}, COCO, "field 'caption': found ['a']"),
        ({"1": "a"}, {"1": []}, "found [], expected a list of captions"),
        ([{"image_id": 1, "caption": "a"}] * 2, {"1": "a"}, "more than one prediction: 1 (1)"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, predictions: Any, references: Any, told: str) -> None:
    with pytest.raises(DatasetError, match=re.escape(told)):
        score_caption_files(*_files(tmp_path, predictions, references))


@pytest.mark.skipif(why_no_meteor() is not None, reason=str(why_no_meteor()))
def test_meteor_is_asked_where_java_is() -> None:
    whole, each = meteor(["a dog runs", "x"], [["a dog runs"], ["two birds"]])
    assert each[0] > 0.9
    assert 0 < whole < 1
    assert each[1] == 0.0
    found = score_captions({"1": ["A dog runs."]}, {"1": "a dog runs"}, with_meteor=True)
    assert found.overall["METEOR"] == pytest.approx(1.0)


def test_meteor_without_java_is_left_out_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "needs Java" in str(why_no_meteor())
    with pytest.raises(ConfigError, match="Install Java"):
        meteor(["a"], [["a"]])
