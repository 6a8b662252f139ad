"""The benchmark's caption scores: those of the official code, in English; and Chinese by its characters."""

import json
from types import ModuleType

import pytest

from documents import ROOT
from ravlm.evaluation.runs.folder import Run
from ravlm.evaluation.runs.records import AskedQuestion, RunAnswer
from ravlm.records import Example

METRICS = ROOT.parent / "shared" / "data" / "metrics"
OFFICIAL = {f"Bleu_{n}": f"BLEU-{n}" for n in range(1, 5)} | {"ROUGE_L": "ROUGE-L", "CIDEr": "CIDEr"}


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return __import__("caption_scores")


def _captions(name: str) -> dict[str, tuple[str, list[str]]]:
    """The files of a row of the official scores, as (candidate, references) by picture."""
    if name.startswith("clipscore"):
        folder = METRICS / "clipscore"
        said = json.loads((folder / f"{name.partition('_')[2]}_captions.json").read_text())
        right = json.loads((folder / "refs.json").read_text())
    else:
        lines = json.loads((METRICS / "gold" / "hyp_loo.json").read_text())
        said = {str(line["image_id"]): line["caption"] for line in lines}
        right = json.loads((METRICS / "gold" / "ref_loo.json").read_text())
    return {key: (said[key], right[key]) for key in said}


@pytest.mark.skipif(not METRICS.is_dir(), reason="the official scores are not at ../shared/data/metrics")
@pytest.mark.parametrize("name", ["clipscore_good", "clipscore_bad", "coco_val2017_leave1out_first1000"])
def test_scores_are_those_of_the_official_code(scores: ModuleType, name: str) -> None:
    official = json.loads((METRICS / "gold" / "official_scores.json").read_text())[name]
    captions = _captions(name)
    said, right = zip(*captions.values(), strict=True)
    found, _ = scores.caption_scores(said, right, scores.PTB)
    assert found == pytest.approx({ours: official[theirs] for theirs, ours in OFFICIAL.items()}, abs=2e-6)


@pytest.mark.parametrize(
    ("tokeniser", "text", "tokens"),
    [
        ("PTB", "A button (blood type)", "a button -lrb- blood type -rrb-"),
        ("PTB", "Man’s shoe: T-shirt, “free”!", "man 's shoe t-shirt free"),
        ("PTB", "...", ""),
        ("characters", "日文的“有”按钮", "日 文 的 有 按 钮"),
        ("characters", "A型血, 12", "a 型 血 12"),
        ("characters", "", ""),
    ],
)
def test_how_texts_are_cut(scores: ModuleType, tokeniser: str, text: str, tokens: str) -> None:
    assert scores.tokenised([text], tokeniser) == [tokens]


def test_nothing_is_said_where_nothing_was(scores: ModuleType) -> None:
    assert scores.tokenised(["Red heart.", "", "a: b", " "], scores.PTB) == ["red heart", "", "a b", ""]


def test_every_language_has_its_tokeniser(scores: ModuleType) -> None:
    assert (scores.tokeniser_of("en"), scores.tokeniser_of("zh")) == (scores.PTB, scores.CHARACTERS)


def test_the_same_words_score_highest_and_others_nothing(scores: ModuleType) -> None:
    right = [["a red heart on a hand", "heart, hand"], ["two blue birds that sing", "bird"]]
    whole, _ = scores.caption_scores([some[0] for some in right], right, scores.PTB)
    assert all(whole[name] == pytest.approx(1.0) for name in scores.MEASURES[:5])
    other, _ = scores.caption_scores(["nothing here", "or there"], right, scores.PTB)
    assert max(other.values()) < 1e-6


def test_captions_are_scored_by_writer_group_and_language(scores: ModuleType) -> None:
    captions = __import__("captions")
    questions, answers = [], {kind: [] for kind in ("prior", "none", "retrieved")}
    told = {"en": ("red heart", "blue bird"), "zh": ("红心", "蓝鸟")}
    for seen in ("seen", "unseen"):
        for language, names in told.items():
            for i, name in enumerate(names):
                key = f"{seen}-{language}-{i}"
                entries = (str(i),) if seen == "seen" else ()
                groups = (seen, language, f"{seen}:{language}")
                example = Example(
                    key, ("a.png",), "?", "captions", answers=(name,), entries=entries, language=language, groups=groups
                )
                questions.append(AskedQuestion(example, "", (), ()))
                answers["prior"].append(RunAnswer(key, names[0], 0.0, abstained=False))
                answers["none"].append(RunAnswer(key, "", 0.0, abstained=False))
                ranked = (("1", 0.9), ("0", 0.8))
                answers["retrieved"].append(RunAnswer(key, name, 0.5, abstained=False, ranked=ranked))
    run = Run({}, questions, {}, answers, [], {})
    names = captions.names_of([q.example for q in questions if "seen" in q.example.groups])
    assert names["1", "zh"] == "蓝鸟"
    found = captions.results_of(run, names)
    assert found["tokenisers"] == {"en": scores.PTB, "zh": scores.CHARACTERS}
    for group, told_of in found["groups"].items():
        by = told_of["by"]
        assert (told_of["n"], told_of["R@1"]) == (2, 0.5 if group.startswith("seen") else None)
        assert {name: by[name]["exact"] for name in by} == {
            "commonest": 0.5,
            "nearest": 0.5,
            "no evidence": 0.0,
            "retrieved": 1.0,
        }
        assert by["retrieved"]["BLEU-1"] == pytest.approx(1.0)
        better = {name: of["ROUGE-L"]["value"] for name, of in told_of["better than"].items()}
        assert better == {"nearest": pytest.approx(0.5), "no evidence": pytest.approx(1.0)}
    assert found["looked at"]["unseen:en"][1] == {
        "reference": "blue bird",
        "nearest": "blue bird",
        "no evidence": "",
        "retrieved": "blue bird",
    }
    table = __import__("results_tables").captions_table(found, "en")
    assert "| English, seen: **the model** | 1.000 | 1.000 |" in table
    assert "| English, seen | the model, no evidence | +1.000 (+1.000 to +1.000) |" in table
    assert "| red heart | blue bird |  | red heart |" in table
