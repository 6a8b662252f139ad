"""Every case of the official codes' own scores, where they are at hand."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from documents import ROOT
from ravlm.evaluation.official.aokvqa import score_aokvqa_files
from ravlm.evaluation.official.caption import score_caption_files
from ravlm.evaluation.official.evqa import score_evqa_files
from ravlm.evaluation.official.infoseek import score_infoseek_files
from ravlm.evaluation.official.meteor import why_no_meteor
from ravlm.evaluation.official.pairing import Leniency
from ravlm.evaluation.official.scored import Scored
from ravlm.evaluation.official.vqa import score_vqa_files
from ravlm.evaluation.official.vqa_normalising import ARTICLES, CONTRACTIONS, NUMBERS, PUNCTUATION, normalised

DATA = ROOT.parent / "shared" / "data"
METRICS, GOLD = DATA / "metrics", DATA / "metrics" / "gold"
pytestmark = pytest.mark.skipif(not GOLD.is_dir(), reason="the official scores are not at ../shared/data/metrics")


def _gold(name: str) -> Any:
    return json.loads((GOLD / name).read_text(encoding="utf-8"))


def _json(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def _lines(path: Path, values: Any) -> Path:
    path.write_text("\n".join(map(json.dumps, values)))
    return path


def test_the_tables_are_the_official_ones() -> None:
    tables = _gold("vqa_tables.json")
    assert (NUMBERS, list(ARTICLES)) == (tables["number_words"], tables["articles"])
    assert list(PUNCTUATION) == tables["punctuation"]
    met = {word: kept for word, kept in tables["contractions"].items() if word == word.lower()}  # others never are
    assert {word: met.get(word, word) for word in met | CONTRACTIONS} == {
        word: CONTRACTIONS.get(word, word) for word in met | CONTRACTIONS
    }


def test_every_string_is_normalised_so() -> None:
    official = _gold("vqa_norm.json")
    assert {text: normalised(text) for text in official} == official


def test_vqa_accuracies(tmp_path: Path) -> None:
    gold = _gold("vqa_accuracy.json")
    said = [{"question_id": r["question_id"], "answer": r["prediction"]} for r in gold["records"]]
    asked = [
        {name: r[name] for name in ("question_id", "question_type", "answer_type")}
        | {"answers": [{"answer": answer, "answer_id": i} for i, answer in enumerate(r["answers"])]}
        for r in gold["records"]
    ]
    found = score_vqa_files(_json(tmp_path / "p", said), _json(tmp_path / "r", {"annotations": asked}))
    assert found.overall == gold["overall"]
    expected = {str(r["question_id"]): r["accuracy"] for r in gold["records"]}
    assert {name: round(100 * score, 6) for name, score in found.per_question.items()} == expected


def test_aokvqa_accuracies(tmp_path: Path) -> None:
    gold = _gold("aokvqa.json")
    said: dict[str, dict[str, str]] = {}
    for kind in ("direct_answer", "multiple_choice"):
        for name, answer in gold[kind].items():
            said.setdefault(name, {})[kind] = answer
    found = score_aokvqa_files(
        _json(tmp_path / "p", said), _json(tmp_path / "r", gold["dataset"]), leniency=Leniency(missing="zero")
    )
    assert found.overall == {f"{kind}_accuracy": gold[f"{kind}_accuracy"] for kind in found.by_measure}


def test_infoseek_scores(tmp_path: Path) -> None:
    gold = _gold("infoseek.json")
    found = score_infoseek_files(
        *(_lines(tmp_path / name, gold[name]) for name in ("predictions", "references", "question_types"))
    )
    assert found.overall == gold["result"]
    assert found.per_question == {name: float(score) for name, score in gold["scores"].items()}


def test_evqa_exact_matches(tmp_path: Path) -> None:
    gold = _gold("evqa_exact.json")["records"]
    said = [{"id": i, "candidate": r["candidate"]} for i, r in enumerate(gold)]
    asked = [
        {"id": i, "question": "", **{k: r[k] for k in ("question_type", "references")}} for i, r in enumerate(gold)
    ]
    found = score_evqa_files(_lines(tmp_path / "p", said), _lines(tmp_path / "r", asked))
    assert found.per_question == {str(i): r["exact_match"] for i, r in enumerate(gold)}


def _captions(name: str, folder: Path) -> tuple[Path, Path]:
    """The files of a row of the official caption scores."""
    if name == "nlgeval_examples":
        hyp, *refs = ((METRICS / "nlg-eval" / f"{n}.txt").read_text().splitlines() for n in ("hyp", "ref1", "ref2"))
        said, right = dict(enumerate(hyp)), {i: list(some) for i, some in enumerate(zip(*refs, strict=True))}
        return _json(folder / "p", said), _json(folder / "r", right)
    if name.startswith("clipscore"):
        return METRICS / "clipscore" / f"{name[10:]}_captions.json", METRICS / "clipscore" / "refs.json"
    if name.startswith("aac"):
        with (METRICS / "aac" / f"{name[4:]}.csv").open() as file:
            rows = list(csv.DictReader(file))
        right = {i: [row[f"caption_{n}"] for n in range(1, 6)] for i, row in enumerate(rows)}
        said = {i: row["caption_predicted"] for i, row in enumerate(rows)}
        return _json(folder / "p", said), _json(folder / "r", right)
    if name == "coco_fakecap2014_in_val2017":
        return GOLD / "fake2014in2017.json", DATA / "coco" / "captions_val2017.json"
    return GOLD / "hyp_loo.json", GOLD / "ref_loo.json"


NAMES = ("nlgeval_examples", "clipscore_good", "clipscore_bad", "aac_example_1", "aac_example_2")
NAMES += ("coco_fakecap2014_in_val2017", "coco_val2017_leave1out_first1000")


@pytest.mark.parametrize("name", NAMES)
def test_caption_scores(name: str, tmp_path: Path) -> None:
    official = _gold("official_scores.json")[name]
    asked = name == "nlgeval_examples" and why_no_meteor() is None  # METEOR's program takes its time to begin
    found: Scored = score_caption_files(
        *_captions(name, tmp_path), with_meteor=asked, leniency=Leniency(missing="skip")
    )
    assert len(found.per_question) == official["n"]
    assert dict(found.overall) == pytest.approx({measure: official[measure] for measure in found.overall}, abs=1e-6)
