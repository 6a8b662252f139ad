"""The benchmarks' arithmetic: over seeds, over products, and into the documents."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from builders import tokenizer
from documents import ROOT
from made_run import OUTCOMES, write_made_run
from ravlm.answering.answerer import MODALITIES
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.evaluation.runs.columns import to_columns
from ravlm.evaluation.runs.records import Outcome
from ravlm.model.build import build_model
from ravlm.model.config import ModelConfig
from ravlm.records import AnswerKind, Example
from ravlm.retrieval.image import ImageIndex, Stamp
from ravlm.retrieval.tfidf import TfidfIndex
from ravlm.training.config import read_run_config

BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a script of the benchmarks by its name."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def load(name: str) -> ModuleType:
        return __import__(name)

    return load


def test_seeds_are_summed_up_number_by_number(benchmark: Any) -> None:
    runs = [
        {"seen": {"model": 0.8, "intervals": {"model": [0.7, 0.9]}}, "relations": ["capital"], "ok": True},
        {"seen": {"model": 0.9, "intervals": {"model": [0.8, 1.0]}}, "relations": ["capital"], "ok": True},
    ]
    summed = benchmark("results_file").over_seeds(runs)
    assert list(summed) == ["seen"]
    assert summed["seen"]["model"] == pytest.approx(
        {"mean": 0.85, "deviation": 0.05 * 2**0.5, "least": 0.8, "most": 0.9}
    )


def test_one_seed_has_no_deviation(benchmark: Any) -> None:
    assert benchmark("results_file").over_seeds([{"a": 0.5}])["a"]["deviation"] is None


def test_the_machine_is_told_by_its_cores_alone(benchmark: Any) -> None:
    told = benchmark("results_file").measured_with()
    assert told["cores"] >= 1
    assert set(told) == {"cores", "python", "ravlm", "torch", "numpy", "scikit-learn", "pylance", "pillow"}


def test_groceries_are_scored_within_all_groups_and_over_products(benchmark: Any) -> None:
    numbers = [replace(outcome, groups=(*outcome.groups, "numbers")) for outcome in OUTCOMES[:3]]
    found = benchmark("run_summaries").grocery_results(
        {"iconic": {"columns": to_columns([*numbers, OUTCOMES[3]])}}, ("seen", "unseen"), ("numbers", "all")
    )["iconic"]
    assert (found["unseen"]["numbers"]["n"], found["unseen"]["all"]["n"]) == (1, 2)
    assert (found["unseen"]["numbers"]["retrieved"]["value"], found["unseen"]["all"]["retrieved"]["value"]) == (0, 0.5)
    assert (found["seen"]["all"]["R@1"], found["unseen"]["all"]["R@1"]) == (1, 0.5)
    assert (found["seen"]["all"]["grounded"], found["unseen"]["all"]["grounded"]) == (1, 0)


def test_groceries_are_counted_once_a_photo(benchmark: Any) -> None:
    def outcome(group: str, *ranks: int) -> Outcome:
        return replace(OUTCOMES[0], groups=(group,), gold_ranks=ranks)

    outcomes = [outcome("seen", 1), outcome("seen", 1), outcome("seen", 5), outcome("seen", 6), outcome("seen")]
    photos = ["a", "a", "b", "c", "d"]
    found = benchmark("run_summaries").by_photo_results(
        [*photos, "e"], [*outcomes, outcome("unseen", 2, 9)], ("seen", "unseen")
    )
    assert found == {"seen": {"R@1": 0.25, "R@5": 0.5, "n": 4}, "unseen": {"R@1": 0.0, "R@5": 1.0, "n": 1}}


def test_groceries_by_photo_stand_beside_aim_and_floor(benchmark: Any) -> None:
    grocery = benchmark("grocery")
    values = {"R@1": 0.5, "R@5": 0.75, "n": 1200}
    measured = {"iconic": {"by photo": {"seen": values, "unseen": values}, "eye": {"CPU minutes": 25.0}}}
    table = benchmark("tables").grocery_table({"by photo": grocery.results_of(measured)["by photo"]}, "zh")
    assert "| 仅商品图 | 见过 | .500 | .750 | .740 | .900 | .670 | .850 | 1,200 |" in table
    assert "| 仅商品图 | 未见过 | .500 | .750 | .330 | .730 | .250 | .660 | 1,200 |" in table


def test_flags_are_summed_up_over_seeds(benchmark: Any, tmp_path: Path) -> None:
    summary = write_made_run(tmp_path / "run").summary
    found = benchmark("run_summaries").flags_results({"0": summary, "1": summary}, ("seen", "unseen"))
    assert found["runs"] == ["0", "1"]
    assert found["over_seeds"]["unseen"]["retrieved"]["mean"] == 0.5
    assert found["over_seeds"]["unseen"]["R@1"] == {"mean": 0.5, "deviation": 0, "least": 0.5, "most": 0.5}
    assert found["over_seeds"]["unseen"]["causes"]["entry"]["mean"] == 0.5
    assert found["over_seeds"]["seen"]["grounded"]["mean"] == 1


def fusion_measured(read: float, answer: float, weight: float | None) -> dict[str, Any]:
    """What was measured beside a run of a mode of fusion."""
    inputs = {name: {"weight": weight, "accuracy_without": 0.25, "drop": 0.5} for name in MODALITIES}
    return {
        "parameters": {"fusion": 1200, "model": 34000},
        "answer, CPU ms": answer,
        "inputs": {"accuracy": 0.75, "n": 4, "by_name": inputs},
        "read, CPU seconds": read,
    }


def test_fusions_are_summed_up_over_seeds_beside_attention(benchmark: Any, tmp_path: Path) -> None:
    summary = write_made_run(tmp_path / "run").summary
    measured = {
        "attention": {"0": fusion_measured(100.0, 5.0, 0.2), "1": fusion_measured(300.0, 5.0, 0.4)},
        "gated": {"0": fusion_measured(150.0, 4.0, None), "1": fusion_measured(600.0, 6.0, None)},
    }
    found = {mode: dict.fromkeys(seeds, summary) for mode, seeds in measured.items()}
    modes = benchmark("run_summaries").fusions_results(found, measured, ("unseen", "seen"))
    assert (modes["gated"]["unseen"]["retrieved"]["mean"], modes["gated"]["seen"]["grounded"]["mean"]) == (0.5, 1)
    assert modes["gated"]["times attention"]["read, CPU seconds"]["mean"] == 1.75  # each seed beside its own
    assert modes["gated"]["times attention"]["answer, CPU ms"]["mean"] == 1
    assert modes["attention"]["inputs"]["by_name"]["image"]["weight"]["mean"] == pytest.approx(0.3)
    modes["attention"]["unseen_zh"] = modes["gated"]["unseen_zh"] = modes["gated"]["seen"]
    table = benchmark("results_tables").fusions_table({"modes": modes}, "en").splitlines()
    assert table[3] == (
        "| gated | .500 (.500 to .500) | 1.000 (1.000 to 1.000) | .500 | .000 | 1,200 | 34,000 | 375 | 1.75 x | 5.0 | "
        "1.00 x |"
    )
    assert table[7:] == [
        "| attention | .750 | .500 | .500 | .500 | .300 | .300 | .300 |",
        "| gated | .750 | .500 | .500 | .500 |  |  |  |",
    ]


def test_a_fusion_without_attention_beside_it_is_told_alone(benchmark: Any, tmp_path: Path) -> None:
    summary = write_made_run(tmp_path / "run").summary
    measured = {"gated": {"0": fusion_measured(150.0, 4.0, None)}}
    modes = benchmark("run_summaries").fusions_results({"gated": {"0": summary}}, measured, ("unseen",))
    assert "times attention" not in modes["gated"]


def test_every_mode_of_fusion_is_another_in_the_same_model(benchmark: Any) -> None:
    fusions = benchmark("fusions")
    configs = [fusions.config_of(mode, 2) for mode in fusions.MODES]
    assert len({config.model.fusion.model_dump_json() for config in configs}) == len(fusions.MODES) == 7
    assert {config.model.visual.source for config in configs} == {"model-2/visual"}
    rest = [config.model_dump(exclude={"model": {"fusion"}}) for config in configs]
    assert all(one == rest[0] for one in rest)
    assert rest[0]["training"]["seed"] == 2


def test_what_was_measured_is_that_of_the_work_and_else_that_of_the_results(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fusions = benchmark("fusions")
    monkeypatch.setattr(fusions, "FOLDER", tmp_path)
    kept = {"attention": {"0": {"a": 1}, "1": {"a": 2}}}
    (tmp_path / fusions.RESULTS).write_text(json.dumps({"measured": kept}))
    for name, value in (("attention-1", 0.33333), ("multi-head-attention-0", 4)):
        (tmp_path / "work" / "fusions" / name).mkdir(parents=True)
        (tmp_path / "work" / "fusions" / name / "measured.json").write_text(json.dumps({"a": value}))
    found = fusions.measured_in(tmp_path / "work")
    assert found == {"attention": {"0": {"a": 1}, "1": {"a": 0.3333}}, "multi-head attention": {"0": {"a": 4}}}


def test_the_weights_of_a_model_are_counted_by_part(benchmark: Any) -> None:
    config = ModelConfig()
    eye = CompactVisualEncoder(image_size=32, channels=[8], blocks=1, width=16)
    reader = CompactLanguageEncoder(tokenizer=tokenizer(), width=16, layers=1, heads=2, longest=32)
    images = ImageIndex(np.zeros((0, 16), np.float32), [], Stamp("", ""))
    passages = TfidfIndex([], {})
    model = build_model(config, visual=eye, language=reader, vocabulary=["a"], images=images, passages=passages)
    counted = benchmark("fusions").parameters_of(model)
    assert list(counted) == ["visual", "language", "fusion", "output", "model"]
    assert counted["model"] == sum(p.numel() for p in model.parameters())
    assert counted["visual"] == sum(p.numel() for p in eye.parameters()) > 0
    assert 0 < counted["model"] - sum(list(counted.values())[:4]) < counted["model"] / 2  # the retriever's own


def grocery_question(field: str, value: float | None, seen: str = "seen") -> Example:
    """A question about groceries, for a number where there is a value."""
    groups = (seen, f"field:{field}", "numbers" if value is not None else "country")
    kind: AnswerKind = "answers" if value is None else "number"
    return Example("", (), "?", kind, value=value, unit="gram", entries=(f"{seen} {value}",), groups=groups)


def test_the_median_of_training_is_what_a_nutrient_is_guessed_by(benchmark: Any) -> None:
    outputs = benchmark("outputs")
    train = [grocery_question("fat", value) for value in (1.0, 2.0, 9.0)] + [grocery_question("salt", 0.0)]
    train += [grocery_question("volume", 100.0), grocery_question("country", None)]
    test = [grocery_question("fat", 5.0), grocery_question("fat", 1.0), grocery_question("fat", 2.5, "unseen")]
    test += [grocery_question("salt", 0.5), grocery_question("volume", 1.0), grocery_question("country", None)]
    assert outputs.medians_of(train, test) == {
        "field:fat": {
            "median": 2.0,
            "seen": 2.0,
            "unseen": 0.5,
            "off": {"seen 5.0": 3, "seen 1.0": 1, "unseen 2.5": 0.5},
        },
        "field:salt": {"median": 0.0, "seen": 0.5, "unseen": None, "off": {"seen 0.5": 0.5}},
    }


def grocery_outcome(number: int, groups: tuple[str, ...], **error: float) -> Outcome:
    """What became of a question for grams: right where there is no error."""
    kinds = ("prior", "none", "retrieved", "oracle")
    right = {kind: error.get(kind) == 0 for kind in kinds}
    made = replace(OUTCOMES[number % 4], groups=groups, right=right, abstained={}, same={}, unit="gram", error=error)
    return replace(made, id=str(number), gold_ranks=(1,) if right["retrieved"] else (2,))


def test_errors_of_nutrients_stand_beside_the_medians_and_what_is_copied(benchmark: Any) -> None:
    own = [
        grocery_outcome(0, ("seen", "field:fat"), prior=4.0, none=3.0, retrieved=1.0, oracle=0.5),
        grocery_outcome(2, ("seen", "field:fat"), prior=4.0, retrieved=2.0, oracle=1.5),
        grocery_outcome(3, ("unseen", "field:fat"), prior=1.0),
        grocery_outcome(1, ("seen", "field:salt"), prior=0.1, retrieved=0.3),
        grocery_outcome(1, ("seen", "field:fibre"), prior=0.0, retrieved=0.2),
    ]
    copied = [
        grocery_outcome(0, ("seen", "field:fat"), retrieved=0.0, oracle=0.0),
        grocery_outcome(2, ("seen", "field:fat"), retrieved=98.0, oracle=0.0),
        grocery_outcome(3, ("unseen", "field:fat"), retrieved=7.0),
        grocery_outcome(1, ("seen", "field:country")),
    ]
    off = {"norway": 2.0, "sweden": 4.0}
    medians = {
        "field:fat": {"median": 2.0, "seen": 3.0, "unseen": 2.0, "off": off},
        "field:salt": {"median": 0.0, "seen": 0.1, "unseen": None, "off": off},
        "field:fibre": {"median": 1.0, "seen": 0.0, "unseen": None, "off": off},  # nothing is a multiple of no error
    }
    summaries = ({"columns": to_columns(outcomes)} for outcomes in (own, copied))
    found = benchmark("output_results").nutrients_results(*summaries, medians)
    fat = found["by nutrient"]["field:fat"]
    assert (fat["unit"], fat["seen"]["n"], fat["seen"]["median"]) == ("gram", 2, 3.0)
    assert (fat["seen"]["none"]["value"], fat["seen"]["none"]["answered"]) == (3.0, 0.5)
    assert (fat["seen"]["retrieved"]["value"], fat["seen"]["copied"]["retrieved"]["value"]) == (1.5, 49.0)
    clusters = [off[OUTCOMES[number].cluster] for number in (0, 2)]
    assert fat["seen"]["beside"]["median"]["value"] == ((1.0 - clusters[0]) + (2.0 - clusters[1])) / 2
    assert fat["seen"]["beside"]["none"]["value"] == 1.0 - 3.0  # of the one that both have answered
    assert fat["unseen"]["retrieved"] == {"value": None, "interval": None, "answered": 0.0}
    assert "unseen" not in found["by nutrient"]["field:salt"]
    assert found["all"]["seen"]["nutrients"] == 2
    assert found["all"]["seen"]["retrieved"] == pytest.approx((1.5 / 3 + 0.3 / 0.1) / 2)
    assert found["all"]["seen"]["copied"] == {"retrieved": pytest.approx(49 / 3), "oracle": 0.0}
    assert found["all"]["unseen"]["oracle"] is None
    table = (
        benchmark("results_tables").outputs_table({"nutrients": {"iconic": found}, "classes": {}}, "en").splitlines()
    )
    assert table[2:5] == [
        "| fat, gram: seen | 3 | 4 | 3 (50 %) | 1.5 | 1 | 49 | 0 | 2 |",
        "| fat, gram: unseen | 2 | 1 |  |  |  | 7 |  | 1 |",
        "| salt, gram: seen | 0.1 | 0.1 |  | 0.3 |  |  |  | 1 |",
    ]
    assert table[6] == (
        "| of the median's, mean over nutrients: seen | 1.00 x | 1.17 x | 1.00 x | 1.75 x | 0.33 x | 16 x | 0.00 x |  |"
    )


def test_classes_are_scored_within_their_groups(benchmark: Any) -> None:
    outcomes = [
        grocery_outcome(0, ("seen", "fine", "fine:seen"), retrieved=0.0, none=0.0),
        grocery_outcome(1, ("seen", "fine", "fine:seen"), retrieved=0.0),
        grocery_outcome(2, ("unseen", "fine", "fine:unseen")),
        grocery_outcome(3, ("unseen", "coarse", "coarse:unseen", "coarse:known"), retrieved=0.0, oracle=0.0),
    ]
    found = benchmark("output_results").classes_results({"columns": to_columns(outcomes)})
    assert {group: scores["n"] for group, scores in found.items()} == {
        "fine:seen": 2,
        "fine:unseen": 1,
        "coarse:seen": 0,
        "coarse:known": 1,
        "coarse:new": 0,
    }
    seen = found["fine:seen"]
    assert (seen["retrieved"]["value"], seen["none"]["value"], seen["prior"]["value"], seen["R@1"]) == (1, 0.5, 0, 1)
    assert (found["fine:unseen"]["retrieved"]["value"], found["coarse:seen"]["R@1"]) == (0, None)
    assert found["fine:unseen"]["R@1"] == 0  # it stood at the second place
    results = {"nutrients": {}, "classes": {"classification": {"photos": found}}}
    table = benchmark("results_tables").outputs_table(results, "en").splitlines()
    assert table[2] == ("| which product: seen, classification, with photos | .000 | .500 | 1.000 | .000 | 1.000 | 2 |")


@pytest.mark.parametrize("part", ["regression", "classification", "candidates"])
def test_an_output_layer_is_put_on_the_eye_of_another_model(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.chdir(tmp_path)
    CompactVisualEncoder(image_size=32, channels=[8], blocks=1, width=16).save_pretrained(Path("model-photos-0/visual"))
    Path("config.toml").write_text(benchmark("outputs").CONFIG.format(base="photos", seed=0, kind=part))
    config = read_run_config(Path("config.toml"), seed=1)
    assert config.model.output.kind == part
    assert (config.model.visual.kind, config.model.visual.source) == ("pretrained", "model-photos-0/visual")


def test_a_marked_table_is_written_anew_and_nothing_else(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = benchmark("tables")
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    marked = "before\n<!-- figures: benchmarks/results/flags.json -->\nold\n<!-- end -->\nafter\n"
    waiting = tables.rewritten(marked, "en")
    assert waiting == marked.replace("old\n", "\nNot measured yet.\n\n")
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    score = '{"mean": 0.8731, "deviation": 0.01, "least": 0.861, "most": 1.0}'
    scores = ", ".join(f'"{row}": {score}' for row in tables.FLAGS_ROWS["en"])
    groups = ", ".join(f'"{group}": {{{scores}}}' for group in tables.FLAGS_COLUMNS["en"])
    (tmp_path / "benchmarks" / "results" / "flags.json").write_text(f'{{"over_seeds": {{{groups}}}}}')
    written = tables.rewritten(waiting, "zh")
    assert "| **模型** | .873 (.861 to 1.000) |" in written
    assert written.startswith("before\n")
    assert written.endswith("<!-- end -->\nafter\n")


@pytest.mark.parametrize("name", ["grocery.py", "outputs.py"])
def test_without_the_photos_groceries_are_skipped_with_the_reason(tmp_path: Path, name: str) -> None:
    script = [sys.executable, str(BENCHMARKS / name), str(tmp_path / "nothing")]
    ran = subprocess.run(script, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("Skipped: the Grocery Store Dataset is not in ")


@pytest.mark.parametrize("dataset", ["flags", "grocery", "grocery-photos"])
def test_the_arms_of_joint_training_have_equal_steps(benchmark: Any, tmp_path: Path, dataset: str) -> None:
    joint = benchmark("joint")
    steps = {}
    for arm in joint.ARMS:
        (tmp_path / "arm.toml").write_text(joint.config_of(dataset, arm, 30))
        config = read_run_config(tmp_path / "arm.toml")
        training, learns = config.training, arm in ("joint", "joint-taught", "joint-without-gold")
        assert training.joint.rates.get("visual", 0.0) == (0.001 if learns and dataset == "flags" else 0.0)
        assert config.model.retriever.query == ("residual" if learns and dataset != "flags" else "picture")
        steps[arm] = (training.match.steps, training.read.steps, training.joint.steps)
        assert training.joint.gold is (arm != "joint-without-gold")
        assert training.joint.searched == ("taught" if arm == "joint-taught" else "base")
    assert steps == {
        "untrained": (0, 530, 0),
        "frozen": (0, 30, 0),
        "matching": (30, 0, 0),
        "joint-without-gold": (0, 0, 30),
        "joint-taught": (0, 0, 30),
        "joint": (0, 0, 30),
        "joint-eye-still": (0, 0, 30),
    }


def test_an_arm_is_compared_with_the_frozen_one_question_by_question(benchmark: Any) -> None:
    worse = [replace(outcome, right={**outcome.right, "retrieved": False}) for outcome in OUTCOMES]
    columns = {"frozen": to_columns(worse), "joint": to_columns(OUTCOMES), "joint-taught": to_columns(worse)}
    names = ("flags", "grocery-photos")
    about = {"dataset": {"fingerprint": "x"}}
    found = {
        f"{name}-{seed}-{arm}": {"columns": columns[arm], "about": about}
        for name in names
        for seed in (0, 1)
        for arm in columns
    }
    results_of, other = benchmark("joint").results_of, {"dataset": {"fingerprint": "y"}}
    measured = {"columns": to_columns(OUTCOMES), "about": about}
    assert results_of(found, {"photos": measured | {"about": other}})["groceries"] == {}
    results = results_of(found, {"photos": measured})
    told = results["datasets"]["flags"]
    assert results["datasets"]["grocery-photos"] == told
    assert list(told) == ["frozen", "joint", "joint-taught"]
    assert told["joint"]["seeds"] == ["0", "1"]
    for group in ("seen", "unseen"):
        of = told["joint"][group]
        assert of["better"]["value"] == of["retrieved"] - told["frozen"][group]["retrieved"] == of["retrieved"]
        assert of["R@1 better"]["value"] == 0
    assert told["joint"]["seen"]["retrieved"] > 0
    [base] = results["groceries"]
    for group, kinds in results["groceries"][base].items():
        some = [o for o in OUTCOMES if group in o.groups]
        assert (kinds["all"]["n"], kinds["all"]["seeds"]) == (len(some), ["0", "1"])
        assert kinds["all"]["oracle"] == sum(o.right["oracle"] for o in some) / len(some)
        assert kinds["all"]["joint"] == told["joint"][group]["retrieved"]
        assert kinds["all"]["frozen"] == kinds["all"]["joint-taught"] == 0.0
    table = benchmark("results_tables").joint_table(results, "en").splitlines()
    assert table[2].startswith("| flags, frozen | 2 | seen | .000 |  | ")
    assert sum(line.startswith("| with photos | ") for line in table) == 6
