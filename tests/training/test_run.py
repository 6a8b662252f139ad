"""Whole runs: an eye that learns to the end, validation while training, what a run remembers and refuses."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ravlm.data.dataset import Dataset
from ravlm.errors import ConfigError, KnowledgeError, RavlmError, TrainingError
from ravlm.knowledge.build import build
from ravlm.knowledge.sources.dataset import DatasetSource
from ravlm.knowledge.store import KnowledgeBase
from ravlm.model.folder import load_model
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.records import Entry
from ravlm.retrieval.image import ImageIndex
from ravlm.tensors import Encoded
from ravlm.training.config import RunConfig, read_run_config
from ravlm.training.loop import Run, Stage, train_stage
from ravlm.training.optim import step_generator
from ravlm.training.processes import Share
from ravlm.training.read import _left_out
from ravlm.training.run import train
from ravlm.training.validation import ValidationQuestions, validate, validation_questions
from small_dataset import lines_of, write_lines

SHORT = {"steps": 4, "batch": 8}
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def config(tiny: Path) -> Callable[..., RunConfig]:
    """The tiny configuration with few steps, and what a test changes of its stages and of the rest."""

    def made(match: dict[str, Any] | None = None, read: dict[str, Any] | None = None, **more: Any) -> RunConfig:
        values = read_run_config(tiny).model_dump()
        values["training"]["checkpoint_every"] = 2
        values["training"]["match"] |= SHORT | (match or {})
        values["training"]["read"] |= SHORT | (read or {})
        values["model"] |= more
        return RunConfig.model_validate(values)

    return made


@pytest.fixture
def validated(coloured: Path, tmp_path: Path) -> Path:
    """The coloured things with a few questions for validation."""
    folder = Path(shutil.copytree(coloured, tmp_path / "data"))
    write_lines(folder / "val.jsonl", lines_of(folder / "test.jsonl")[:12])
    return folder


def stop_at(stage: str, step: int, then: Callable[[], object] | None = None) -> Callable[[str, int, int], None]:
    """Progress that stops the run there, or does something."""

    def progress(what: str, done: int, total: int) -> None:
        if (what, done) == (stage, step):
            if then is None:
                raise KeyboardInterrupt
            then()

    return progress


READING = "learning to read answers"


def weights(model: Path) -> list[bytes]:
    names = ("model.safetensors", "visual/model.safetensors", "language/model.safetensors")
    return [(model / name).read_bytes() for name in names]


def test_an_eye_that_learns_to_the_end_is_validated_and_resumed_exactly(
    config: Callable[..., RunConfig], validated: Path, tmp_path: Path
) -> None:
    own = config({"validate_every": 2}, {"validate_every": 2, "patience": 2, "rates": {"visual": 0.001}})
    report = train(own, validated, tmp_path / "whole")
    told = [(row["stage"], row["step"]) for row in report.curve if "validation" in row]
    assert told == [("match", 0), ("match", 2), ("match", 4), ("read", 0), ("read", 2), ("read", 4)]
    with pytest.raises(KeyboardInterrupt):
        train(own, validated, tmp_path / "two", progress=stop_at(READING, 3))
    train(own, validated, tmp_path / "two", resume=True)
    assert weights(tmp_path / "two") == weights(tmp_path / "whole")
    index, again = (ImageIndex.load(tmp_path / name / "index") for name in ("whole", "two"))
    model, _, _ = load_model(tmp_path / "whole")
    assert index.stamp == again.stamp
    assert index.stamp.encoder == model.visual_encoder.fingerprint()  # made anew when the eye stood


def test_the_eye_stands_still_while_reading_unless_it_has_a_rate(
    config: Callable[..., RunConfig], coloured: Path, tmp_path: Path
) -> None:
    eyes = {}
    for name, read in {"still": {}, "zero": {"rates": {"visual": 0.0}}, "moved": {"rates": {"visual": 0.01}}}.items():
        train(config({"steps": 1}, {"steps": 1, **read}), coloured, tmp_path / name)
        eyes[name] = load_file(tmp_path / name / "visual" / "model.safetensors")
    differ = {k for k in eyes["still"] if not eyes["still"][k].equal(eyes["moved"][k])}
    assert any(k.endswith("weight") for k in differ)
    assert all(eyes["still"][k].equal(eyes["zero"][k]) for k in eyes["still"])


def test_what_processes_read_is_the_whole_batch(
    config: Callable[..., RunConfig], coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: dict[tuple[int, int], float] = {}

    @torch.no_grad()
    def looked_at(run: Run, stage: Stage, *_: Any) -> None:
        run.whole.eval()  # of batch normalisation each process has its own statistics
        for share in [Share(rank, of) for of in (1, 2, 3) for rank in range(of)]:
            stage.share = share
            losses[share.of, share.rank] = float(stage.loss(0, step_generator(0, "read", 0)))
        raise KeyboardInterrupt

    def only_read(run: Run, stage: Stage, *rest: Any) -> Any:
        return looked_at(run, stage) if stage.name == "read" else train_stage(run, stage, *rest)

    monkeypatch.setattr("ravlm.training.run.train_stage", only_read)
    monkeypatch.setattr(Share, "mean", lambda share, tensors: [count.fill_(10 / share.of) for count in tensors])
    read = {"batch": 10, "wrong": 1.0, "no_evidence": 0.0, "rates": {"visual": 0.1}}
    read |= {"no_picture": 0.5, "no_question": 0.5}
    with pytest.raises(KeyboardInterrupt):
        train(config({"steps": 1}, read), coloured, tmp_path / "model")
    for of in (2, 3):
        shares = [losses[of, rank] for rank in range(of)]
        assert sum(shares) / of == pytest.approx(losses[1, 0], rel=1e-5)
        assert len(set(shares)) == of


def test_what_stands_for_a_missing_picture_or_question_is_learned_where_training_leaves_them_out(
    config: Callable[..., RunConfig], coloured: Path, tmp_path: Path
) -> None:
    learned = {}
    for name, read in {"never": {}, "picture": {"no_picture": 0.5}, "question": {"no_question": 0.5}}.items():
        train(config({"steps": 1}, {"no_evidence": 0.0, "weight_decay": 0.0, **read}), coloured, tmp_path / name)
        absent = load_file(tmp_path / name / "model.safetensors")["fusion_module.project.absent"]
        learned[name] = absent.abs().sum(1).gt(0).tolist()
    assert learned == {
        "never": [False, False, False],
        "picture": [True, False, False],
        "question": [False, True, False],
    }


def test_a_question_left_out_of_the_fusion_is_found_for_all_the_same() -> None:
    generator = torch.Generator().manual_seed(0)
    seen = Encoded(torch.ones(6, 2, 3), torch.ones(6, 2, dtype=torch.bool), torch.ones(6, 4))
    assert _left_out(seen, 0.0, 6, slice(0, 6), generator) is seen
    assert generator.get_state().equal(torch.Generator().manual_seed(0).get_state())  # nothing was drawn
    draws = torch.rand(6, generator=torch.Generator().manual_seed(0))
    some = _left_out(seen, 0.5, 6, slice(0, 6), generator)
    assert some.mask.any(1).tolist() == some.pooled.any(1).tolist() == (draws >= 0.5).tolist()
    assert 0 < int(some.mask.any(1).sum()) < 6


def validated_with(folder: Path, **change: Any) -> None:
    """Validation questions with their lines changed."""
    write_lines(folder / "val.jsonl", [line | change for line in lines_of(folder / "val.jsonl")])


def test_the_confidence_is_fitted_on_the_questions_of_validation(
    config: Callable[..., RunConfig], validated: Path, tmp_path: Path
) -> None:
    lines = lines_of(validated / "val.jsonl")
    dataset = Dataset.open(validated)
    questions = validation_questions(config().model.output, dataset, 0)
    assert [e.id for e in questions] == [line["id"] for line in lines]
    right = train(config(), validated, tmp_path / "right").calibration
    validated_with(validated, answers=["Nowhere at all"], evidence=[])
    wrong = train(config(), validated, tmp_path / "wrong").calibration
    assert right is not None
    assert wrong is not None
    assert (right.questions, wrong.questions) == (12, 12)
    assert wrong.temperature > 1.05 * right.temperature  # of what is always wrong it is less sure
    assert weights(tmp_path / "right")[1:] == weights(tmp_path / "wrong")[1:]  # nothing is learned from them


def test_validation_questions_with_choices_are_answered_among_them(
    config: Callable[..., RunConfig], validated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line | {"kind": "choice", "correct": 0} for line in lines_of(validated / "val.jsonl")]
    write_lines(validated / "val.jsonl", [line | {"choices": [*line.pop("answers"), "stands"]} for line in lines])
    answered: list[tuple[str, tuple[str, ...]]] = []

    def asked(model: RetrievalAugmentedVLM, retriever: Any, output: Any, dataset: Any, some: Any, **more: Any) -> Any:
        found = ValidationQuestions(model, retriever, dataset, some, **more)
        for given in found.answers():
            decoded = model.output_layer.decode(given.prediction, given.knowledge)
            answered.extend((d.text, e.choices) for d, e in zip(decoded, given.examples, strict=True))
        return validate(model, retriever, output, dataset, some, **more)

    monkeypatch.setattr("ravlm.training.run.validate", asked)
    train(config(), validated, tmp_path / "model")
    assert len(answered) == 12
    assert all(text in choices for text, choices in answered)


def test_rates_of_parts_that_are_not_there_are_refused_with_the_settings(
    config: Callable[..., RunConfig], tmp_path: Path
) -> None:
    (tmp_path / "wrong.toml").write_text(
        "[training.read]\nrates = { visaul = 0.1, fusion = -1.0 }\n[training.match]\nrates = { language = 0.1 }\n"
        "patience = 3\n"
    )
    with pytest.raises(ConfigError) as refused:
        read_run_config(tmp_path / "wrong.toml")
    assert "training.read.rates.fusion: Input should be greater than or equal to 0, found -1.0" in str(refused.value)
    (tmp_path / "wrong.toml").write_text("[training.read]\nrates = { visaul = 0.1 }\n")
    with pytest.raises(ConfigError, match="no part 'visaul' here, only visual, language, fusion, output, retriever"):
        read_run_config(tmp_path / "wrong.toml")


def test_run_json_holds_what_a_run_needs(config: Callable[..., RunConfig], coloured: Path, tmp_path: Path) -> None:
    wanted, out = config(), tmp_path / "model"
    with pytest.raises(KeyboardInterrupt):
        train(wanted, coloured, out, progress=stop_at(READING, 3))
    about = json.loads((out / "run.json").read_text())
    assert RunConfig.model_validate(about.pop("config")) == wanted
    assert about["data"] == Dataset.open(coloured).fingerprint()
    assert about["base"] == KnowledgeBase.open(out).fingerprint
    assert (about["precision"], about["processes"], about["device"][:3]) == ("float32", 1, "CPU")
    assert about["threads"] >= 1
    assert {"ravlm", "python", "torch", "numpy"} < set(about["versions"])
    assert len(about["code"]) == 64
    train(wanted, coloured, out, resume=True)
    kept = json.loads((out / "config.json").read_text())["training"]
    assert kept["run"] == about
    assert not (out / "run.json").exists()


def test_a_run_goes_on_with_a_batch_cut_in_parts_and_no_other(
    config: Callable[..., RunConfig], coloured: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    with pytest.raises(KeyboardInterrupt):
        train(config(), coloured, out, progress=stop_at(READING, 3))
    with pytest.raises(ConfigError, match="not the same now is its config"):
        train(config(read={"batch": 4}), coloured, out, resume=True)
    train(config(read={"batch": 4, "accumulate": 2}), coloured, out, resume=True)


def test_a_run_goes_on_with_its_own_data_and_the_model_that_it_began_from_alone(
    config: Callable[..., RunConfig], coloured: Path, trained: Path, tmp_path: Path
) -> None:
    out, data, model = tmp_path / "model", tmp_path / "data", tmp_path / "start"
    shutil.copytree(coloured, data)
    shutil.copytree(trained, model)
    with pytest.raises(KeyboardInterrupt):
        train(config(), data, out, start=model, progress=stop_at(READING, 3))
    with pytest.raises(ConfigError, match="not the same now is its from"):
        train(config(), data, out, resume=True)
    weights = load_file(model / "model.safetensors")
    weights["knowledge_retriever.log_scale"] += 0.1
    save_file(weights, model / "model.safetensors")
    with pytest.raises(ConfigError, match="not the same now is its from"):
        train(config(), data, out, start=model, resume=True)
    lines = (data / "train.jsonl").read_text().splitlines(keepends=True)
    (data / "train.jsonl").write_text("".join(lines[:-1]))
    with pytest.raises(ConfigError, match="not the same now is its data"):
        train(config(), data, out, start=trained, resume=True)
    (data / "train.jsonl").write_text("".join(lines))
    train(config(), data, out, start=trained, resume=True)


def another(base: Path) -> None:
    KnowledgeBase.open(base).upsert([Entry("new", "New", text="It came while a run went on.")])


def test_a_base_that_changed_between_stop_and_resume_is_refused(
    config: Callable[..., RunConfig], coloured: Path, tmp_path: Path
) -> None:
    base, out = tmp_path / "kb", tmp_path / "model"
    build(DatasetSource(coloured), base)
    with pytest.raises(KeyboardInterrupt):
        train(config(), coloured, out, knowledge=str(base), progress=stop_at(READING, 3))
    begun = KnowledgeBase.open(base).fingerprint
    another(base)
    with pytest.raises(ConfigError) as refused:
        train(config(), coloured, out, knowledge=str(base), resume=True)
    for words in (begun[:12], KnowledgeBase.open(base).fingerprint[:12], "ravlm knowledge rollback"):
        assert words in str(refused.value)
    another(out)
    with pytest.raises(RavlmError, match=r"changed under the run|another knowledge base"):
        train(config(), coloured, out, knowledge=str(base), resume=True)


@pytest.mark.parametrize(("stage", "step"), [("learning to match pictures", 3), (READING, 3)])
def test_a_base_that_changes_while_training_is_refused(
    config: Callable[..., RunConfig],
    coloured: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    step: int,
) -> None:
    monkeypatch.setattr("ravlm.knowledge.keep.MOST_COPIED", 0)  # so that it stays where it lies
    base, out = tmp_path / "kb", tmp_path / "model"
    build(DatasetSource(coloured), base)
    begun = KnowledgeBase.open(base).fingerprint
    change = stop_at(stage, step, lambda: another(base))
    with pytest.raises(KnowledgeError) as refused:
        train(config(), coloured, out, knowledge=str(base), progress=change)
    for words in (begun[:12], KnowledgeBase.open(base).fingerprint[:12], "changed under the run"):
        assert words in str(refused.value)
    assert not (out / "config.json").exists()
    assert list((out / "checkpoints").iterdir())


def test_labels_that_training_does_not_know_are_refused(
    config: Callable[..., RunConfig], validated: Path, tmp_path: Path
) -> None:
    lines = [line | {"answers": ["Nowhere"], "evidence": []} for line in lines_of(validated / "val.jsonl")]
    write_lines(validated / "val.jsonl", lines)
    closed = config(output={"kind": "classification"})
    with pytest.raises(TrainingError, match=r"None of the labels of .*val\.jsonl, for instance 'Nowhere'"):
        train(closed, validated, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("split", ["train", "val"])
def test_an_empty_split_is_refused(
    config: Callable[..., RunConfig], validated: Path, tmp_path: Path, split: str
) -> None:
    (validated / f"{split}.jsonl").write_text("")
    with pytest.raises(RavlmError, match=r"of the 0 examples|val\.jsonl is empty, or missing"):
        train(config(read={"validate_every": 2}), validated, tmp_path / "model")
    assert not (tmp_path / "model").exists()
