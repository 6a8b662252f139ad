"""Retriever and reader together: what is read, what is right, who learns, and that a resume is exact."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from builders import passage
from coloured_dataset import TINY
from ravlm.device import autocast
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.errors import ConfigError, TrainingError
from ravlm.model.folder import open_model
from ravlm.records import Example
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.retrieval.image import ImageIndex, Stamp
from ravlm.retrieval.query_encoder import ResidualQuery
from ravlm.retrieval.tfidf import TfidfIndex
from ravlm.tensors import Encoded
from ravlm.training.config import JointConfig, RunConfig, read_run_config
from ravlm.training.joint import Asked, JointStage
from ravlm.training.optim import keep_statistics
from ravlm.training.read import Reading, ReadStage
from ravlm.training.relevance import Relevance
from ravlm.training.run import train
from ravlm.training.validation import ValidationQuestions

WORDS = {"a": "Vaduz", "b": "Tirana", "c": "Vaduz", "d": "Skopje"}
PASSAGES = [passage(f"The seat is {word}.", entry_id=entry_id) for entry_id, word in WORDS.items()]
SETTINGS = {"steps": 1, "batch": 4, "entries": 2, "passages": 1}


def example(answer: str, *entries: str, photo: str = "p") -> Example:
    return Example(f"{answer}{entries}", (photo,), "Which seat?", "answers", answers=(answer,), entries=entries)


def joint(trained: Path, examples: list[Example], own: str = "", **settings: object) -> JointStage:
    """A stage of a small model, whose base is four entries with one picture each and one more of `a`."""
    learning = open_model(trained).config if "rates" in settings else None
    model = open_model(trained, learning=learning).model
    retriever = model.knowledge_retriever
    assert isinstance(retriever, EntityThenPassageRetriever)
    width = model.visual_encoder.pooled_width
    keys = np.eye(5, width, dtype=np.float32)
    owners = [("a", "a1"), ("a", "a2"), ("b", "b1"), ("c", "c1"), ("d", "d1")]
    retriever.replace_indexes(ImageIndex(keys, owners, Stamp("", "")), TfidfIndex(PASSAGES, {}))
    pooled = torch.from_numpy(keys[:1] + 0.5 * keys[2:3])  # nearest to a1, then to b1
    seen = Encoded(torch.zeros(1, 1, model.visual_encoder.width), torch.ones(1, 1, dtype=torch.bool), pooled)
    reading = Reading(examples, torch.zeros(len(examples), dtype=torch.long), seen, pooled.numpy(), [[]], [own])
    config = JointConfig(**(SETTINGS | settings))
    return JointStage(model=model, retriever=retriever, reading=reading, settings=config)


def entries_read(stage: JointStage) -> list[list[str]]:
    asked = stage.asked(torch.Generator().manual_seed(0))
    return [[hits[0].entry_id for hits in each] for each in asked.hits]


def test_the_nearest_entries_are_read_and_the_right_one_where_it_is_known(trained: Path) -> None:
    found = joint(trained, [example("Skopje", "d"), example("Tirana", "b")], gold=False)
    assert [sorted(row) for row in entries_read(found)] == [["a", "b"], ["a", "b"]]
    known = joint(trained, [example("Skopje", "d"), example("Tirana", "b")])
    assert sorted(map(sorted, entries_read(known))) == [["a", "b"], ["a", "d"]]


def test_a_photo_of_the_base_does_not_find_itself(trained: Path) -> None:
    own = joint(trained, [example("Tirana", "b"), example("Tirana", "b")], own="a1", gold=False)
    asked = own.asked(torch.Generator().manual_seed(0))
    assert all(hit.image_id != "a1" for each in asked.hits for hits in each for hit in hits)
    assert entries_read(own)[0][0] == "b"


def test_right_is_who_is_named_else_who_states_the_answer() -> None:
    relevance = Relevance(list("abcd"), PASSAGES)
    rows = relevance.of([example("Vaduz", "a"), example("Vaduz"), example("vaduz!"), example("Vad"), example("?")])
    assert rows.tolist() == [
        [True, False, False, False],
        [True, False, True, False],
        [True, False, True, False],
        [False] * 4,
        [False] * 4,
    ]


def test_right_is_told_in_the_questions_language_where_the_entry_has_it() -> None:
    chinese = passage("首都是瓦杜兹。", entry_id="a", ordinal=1, language="zh")
    relevance = Relevance(["a", "b"], [*PASSAGES[:2], chinese])
    vaduz, tirana = (replace(example(word), language="zh") for word in ("Vaduz", "Tirana"))
    assert relevance.of([vaduz, tirana]).tolist() == [[False, False], [False, True]]


@pytest.mark.parametrize(
    ("gold", "named", "taught"),
    [(True, {"Tirana": "b", "Skopje": "d"}, "bd"), (False, {"Tirana": "d", "Vaduz": "d"}, "abc")],
)
def test_what_is_right_for_no_question_is_not_found(
    trained: Path, gold: bool, named: dict[str, str], taught: str
) -> None:
    some = [example(answer, entry_id) for answer, entry_id in named.items()]
    stage = joint(trained, some, gold=gold, searched="taught", entries=4)
    stage._retriever.log_scale.data.zero_()  # all scores count
    asked = stage.asked(torch.Generator().manual_seed(0))
    for each in asked.hits:
        assert sorted(hits[0].entry_id for hits in each) == list(taught)
    places = ["abcd".index(entry_id) for entry_id in taught]
    right = stage._relevance.of(asked.examples)[:, places]
    log_p = asked.scores[:, places].log_softmax(1)
    expected = -log_p.masked_fill(~right, -torch.inf).logsumexp(1)
    torch.testing.assert_close(stage._contrast(asked), expected.mean())


@pytest.mark.parametrize(
    ("some", "gold", "told"),
    [
        (
            [example("Paris"), example("Rome", "d")],
            False,
            "Of 4 entries with a picture, 0 is known to state",
        ),
        ([example("Vaduz", "a"), example("Vaduz", "a")], True, "1 is named by a question"),
    ],
)
def test_it_takes_two_entries_to_learn_which_to_find(trained: Path, some: list[Example], gold: bool, told: str) -> None:
    with pytest.raises(TrainingError, match=told):
        joint(trained, some, searched="taught", gold=gold)


@pytest.mark.parametrize("objective", ["injection", "marginal", "likelihood", "attention", "contrast"])
@pytest.mark.parametrize("gold", [True, False])
def test_every_objective_reaches_the_query_side(trained: Path, objective: str, gold: bool) -> None:
    stage = joint(
        trained, [example("Tirana", "b"), example("Skopje", "d")], objectives=[objective], gold=gold, entries=3
    )
    stage.loss(0, torch.Generator().manual_seed(0)).backward()
    scale = stage.parts["retriever"][-1][0]
    assert scale.grad is not None
    assert float(scale.grad.abs()) > 0
    gradients = [p.grad for p in stage.parts.parameters() if p.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("objective", ["injection", "marginal", "likelihood", "attention", "contrast"])
@pytest.mark.parametrize("query", ["picture", "residual"])
def test_in_bfloat16_every_objective_learns_and_scores_are_as_exact_as_ever(
    trained: Path, objective: str, query: str
) -> None:
    def losses(precision: str) -> tuple[torch.Tensor, torch.Tensor]:
        stage = joint(trained, [example("Tirana", "b"), example("Skopje", "d")], objectives=[objective], entries=3)
        if query == "residual":
            torch.manual_seed(0)
            retriever = stage._retriever
            retriever.query = ResidualQuery(visual_width=retriever.picture.in_features)
            torch.nn.init.normal_(retriever.query.out.weight)
        with autocast(torch.device("cpu"), precision):
            return stage.asked(torch.Generator().manual_seed(0)).scores, stage.loss(0, torch.Generator().manual_seed(0))

    (exact, expected), (scores, loss) = losses("float32"), losses("bfloat16")
    assert torch.equal(scores, exact)
    torch.testing.assert_close(loss.float(), expected, rtol=0.05, atol=0.05)
    loss.backward()


def test_without_gold_nobody_is_told_which_entry_is_right(trained: Path) -> None:
    right, wrong = ([example("Skopje", entry)] * 2 for entry in ("d", "a"))
    losses = [
        float(joint(trained, some, gold=False).loss(0, torch.Generator().manual_seed(0)).detach())
        for some in (right, wrong)
    ]
    assert losses[0] == losses[1]


def test_the_contrast_is_among_the_candidates_and_has_its_weight(trained: Path) -> None:
    def contrast(candidates: str) -> tuple[torch.Tensor, Asked]:
        some = [example("Tirana", "b"), example("Skopje", "d")]
        stage = joint(trained, some, candidates=candidates, entries=2, together=1)
        asked = stage.asked(torch.Generator().manual_seed(0))
        return stage._contrast(asked), asked

    losses = {}
    for candidates in ("retrieved", "batch", "searched"):
        losses[candidates], asked = contrast(candidates)
        read = [set(row) for row in asked.entries.tolist()]
        assert len(set().union(*read)) == 3  # of four: a and b, a and d
        expected = []
        for row, entry in enumerate(asked.examples):
            right = "abcd".index(entry.entries[0])
            among = {"retrieved": sorted(read[row]), "batch": sorted(set().union(*read)), "searched": [0, 1, 2, 3]}
            log_p = asked.scores[row][among[candidates]].log_softmax(0)
            expected.append(-log_p[among[candidates].index(right)])
        torch.testing.assert_close(losses[candidates], torch.stack(expected).mean())
    some = [example("Tirana", "b"), example("Skopje", "d")]
    once, twice, never = (
        joint(trained, some, objectives=o, contrast_weight=w).loss(0, torch.Generator().manual_seed(0))
        for o, w in ((["injection", "contrast"], 1.0), (["injection", "contrast"], 2.0), (["injection"], 1.0))
    )
    torch.testing.assert_close(twice - never, 2 * (once - never))


def test_the_plain_loss_alone_does_not_reach_it(trained: Path) -> None:
    stage = joint(trained, [example("Tirana", "b"), example("Skopje", "d")], objectives=["likelihood"])
    asked = stage.asked(torch.Generator().manual_seed(0))
    stage.read(asked, injected=False)[0].backward()
    assert stage.parts["retriever"][-1][0].grad is None
    stage.read(asked, injected=True)[0].backward()
    assert float(stage.parts["retriever"][-1][0].grad.abs()) > 0


def test_a_fusion_without_weights_cannot_be_distilled_from(coloured: Path, tmp_path: Path) -> None:
    settings = SMALL.replace("kind_of_fusion", "feature") + '\nobjectives = ["attention"]\n'
    with pytest.raises(ConfigError, match="would teach themselves"):
        train(configured(tmp_path, settings), coloured, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_an_eye_that_stands_still_cannot_learn(trained: Path, coloured: Path, tmp_path: Path) -> None:
    still = f'[model.visual]\nkind = "pretrained"\nsource = "{trained}/visual"\n[training.joint]\nsteps = 2\n'
    with pytest.raises(ConfigError, match="declared to stand still"):
        train(configured(tmp_path, still + "rates = { visual = 0.001 }\n"), coloured, tmp_path / "model")
    assert not (tmp_path / "model").exists()


SMALL = (
    TINY.replace("steps = 40", "steps = 4")
    .replace("steps = 150", "steps = 4")
    .replace("[model.fusion]", '[model.fusion]\nkind = "kind_of_fusion"')
    .replace("checkpoint_every = 20", "checkpoint_every = 3")
    + """
[training.joint]
steps = 5
batch = 8
"""
)


def test_a_model_is_trained_through_all_stages_in_bfloat16(coloured: Path, tmp_path: Path) -> None:
    text = SMALL.replace('"float32"', '"bfloat16"') + "rates = { visual = 0.001 }\n"
    assert '"bfloat16"' in text
    train(configured(tmp_path, text), coloured, tmp_path / "model")


def configured(folder: Path, text: str) -> RunConfig:
    (folder / "joint.toml").write_text(text.replace("kind_of_fusion", "attention"))
    return read_run_config(folder / "joint.toml")


STILL = "language = 0.0, fusion = 0.0"


@pytest.mark.parametrize("rates", [f"{STILL}, output = 0.0", f"{STILL}, visual = 0.001"])
def test_a_resume_is_exact_and_who_is_not_named_stands_still(coloured: Path, tmp_path: Path, rates: str) -> None:
    config = configured(tmp_path, SMALL + f"rates = {{ {rates} }}\nrefresh = 2\n")

    def stop(title: str, done: int, total: int) -> None:
        if title == JointStage.title and done == 4:
            raise KeyboardInterrupt

    train(config, coloured, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(config, coloured, tmp_path / "parts", progress=stop)
    train(config, coloured, tmp_path / "parts", resume=True)
    for name in ("model.safetensors", "visual/model.safetensors", "index/image-keys.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    without = config.model_copy(update={"training": config.training.model_copy(update={"joint": JointConfig()})})
    train(without, coloured, tmp_path / "before")
    before, after = (open_model(tmp_path / name).model.state_dict() for name in ("before", "whole"))
    moved = {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
    moved -= {"output_layer"} if "output" in rates else set()  # its temperature is fitted anew
    also = {"visual_encoder", "output_layer"} if "visual" in rates else set()
    assert moved == {"knowledge_retriever"} | also


@pytest.mark.parametrize(("refresh", "times"), [(1, 4), (2, 2), (3, 2)])
def test_the_keys_follow_an_eye_that_learns_at_fixed_steps(trained: Path, refresh: int, times: int) -> None:
    stage = joint(trained, [example("Tirana", "b")] * 2, refresh=refresh, rates={"visual": 0.001})
    made: list[int] = []
    stage._follow = lambda: made.append(1)
    for step in range(4):
        stage.prepare(step)
    assert stage._looks
    assert len(made) == times


def test_an_eye_that_learns_jointly_keeps_the_statistics_of_its_batch_normalisation(trained: Path) -> None:
    eye = CompactVisualEncoder(image_size=32, channels=(4, 8), width=8).train()
    normalised = [part for part in eye.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert all(part.training for part in normalised)
    assert normalised
    keep_statistics(eye)
    assert not any(part.training for part in normalised)


def test_reading_is_validated_alike_in_a_run_that_was_stopped(trained: Path, coloured: Path, tmp_path: Path) -> None:
    """The question has a part in the query, and its encoder learns: what is found changes as training goes on."""
    data = Path(shutil.copytree(coloured, tmp_path / "data"))
    (data / "val.jsonl").write_text("".join((data / "test.jsonl").read_text().splitlines(keepends=True)[:24]))
    stages = "[training.match]\nsteps = 0\n[training.joint]\nsteps = 1\nbatch = 8\n[training.read]\nsteps = 0\n"
    query = '[model.retriever]\nquery = "attention"\n[training]\nprecision = "float32"\ncheckpoint_every = 2\n'
    train(configured(tmp_path, query + stages), data, tmp_path / "base", start=trained)
    weights = load_file(tmp_path / "base" / "model.safetensors")
    torch.manual_seed(0)
    for name in ("query.asked.weight", "query.keys.weight", "query.out.weight"):  # the question decides what is found
        weights[f"knowledge_retriever.{name}"] = 2 * torch.randn_like(weights[f"knowledge_retriever.{name}"])
    save_file(weights, tmp_path / "base" / "model.safetensors")
    reading = "[training.match]\nsteps = 0\n[training.joint]\nsteps = 0\n[training.read]\nsteps = 8\nbatch = 8\n"
    reading += "validate_every = 2\nrates = { language = 0.05 }\n"
    config = configured(tmp_path, query + reading)

    def stop(title: str, done: int, total: int) -> None:
        if title == ReadStage.title and done == 5:
            raise KeyboardInterrupt

    whole = train(config, data, tmp_path / "whole", start=tmp_path / "base")
    with pytest.raises(KeyboardInterrupt):
        train(config, data, tmp_path / "parts", start=tmp_path / "base", progress=stop)
    parts = train(config, data, tmp_path / "parts", start=tmp_path / "base", resume=True)
    told = [[row.get("validation") for row in report.curve] for report in (whole, parts)]
    assert told[0] == told[1]
    assert len(set(told[0])) > 2


def test_a_model_goes_on_with_a_query_encoder(trained: Path, coloured: Path, tmp_path: Path) -> None:
    going_on = '[model.retriever]\nquery = "residual"\n[training]\nprecision = "float32"\n'
    going_on += "[training.match]\nsteps = 0\n[training.read]\nsteps = 0\n[training.joint]\nsteps = 2\nbatch = 8\n"
    train(configured(tmp_path, going_on), coloured, tmp_path / "joined", start=trained)
    before, after = open_model(trained), open_model(tmp_path / "joined")
    assert after.vocabulary == before.vocabulary
    assert after.config.retriever.query == "residual"
    assert after.config.visual == before.config.visual
    assert [
        row["stage"] for row in json.loads((tmp_path / "joined" / "config.json").read_text())["training"]["curve"]
    ] == ["joint"]
    others = going_on.replace("[training]", "[model.fusion]\nwidth = 64\n[training]", 1)
    with pytest.raises(ConfigError, match="made of other parts") as refused:
        train(configured(tmp_path, others), coloured, tmp_path / "other", start=trained)
    assert "model.fusion" in str(refused.value)
    assert not (tmp_path / "other").exists()


def test_an_eye_that_crops_learns_in_both_stages(coloured: Path, tmp_path: Path) -> None:
    eye = '[model.visual]\nkind = "timm"\narchitecture = "test_resnet"\nimage_size = 32\n'
    rates = "steps = 2\nbatch = 8\nrates = { visual = 0.001 }\n"
    stages = f"[training.match]\nsteps = 0\n[training.read]\n{rates}[training.joint]\n{rates}"
    report = train(configured(tmp_path, f"{eye}[training]\n{stages}"), coloured, tmp_path / "model")
    assert [row["stage"] for row in report.curve] == ["read", "joint"]


def test_an_eye_that_stood_still_may_learn_when_a_model_goes_on(coloured: Path, tmp_path: Path) -> None:
    eye = '[model.visual]\nkind = "timm"\narchitecture = "test_resnet"\nimage_size = 32\ntrainable = "none"\n'
    stage = "steps = 2\nbatch = 8\n"
    alone = f"[training.match]\nsteps = 0\n[training.read]\n{stage}"
    train(configured(tmp_path, eye + alone), coloured, tmp_path / "still")
    rates = "rates = { visual = 0.001 }\n"
    going_on = f"[training.match]\nsteps = 0\n[training.read]\nsteps = 0\n[training.joint]\n{stage}{rates}"
    with pytest.raises(ConfigError, match="is declared to stand still"):
        train(configured(tmp_path, going_on), coloured, tmp_path / "refused", start=tmp_path / "still")
    learning = eye.replace('"none"', '"all"')
    train(configured(tmp_path, learning + going_on), coloured, tmp_path / "moved", start=tmp_path / "still")
    still, moved = (open_model(tmp_path / name) for name in ("still", "moved"))
    assert (still.config.visual.trainable, moved.config.visual.trainable) == ("none", "all")
    weights = [opened.model.visual_encoder.state_dict() for opened in (still, moved)]
    assert any(not torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    other = configured(tmp_path, learning.replace("test_resnet", "resnet10t") + going_on)
    with pytest.raises(ConfigError, match="made of other parts"):
        train(other, coloured, tmp_path / "other", start=tmp_path / "still")


def test_validation_is_asked_of_what_is_retrieved_then(
    coloured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Path(shutil.copytree(coloured, tmp_path / "data"))
    (data / "val.jsonl").write_text("".join((data / "test.jsonl").read_text().splitlines(keepends=True)[:6]))
    searched: list[int] = []
    find = ValidationQuestions.find
    monkeypatch.setattr(ValidationQuestions, "find", lambda asked: (searched.append(1), find(asked))[1])
    text = SMALL.replace("steps = 5", "steps = 2") + "validate_every = 1\n"
    report = train(configured(tmp_path, text), data, tmp_path / "model")
    told = [row["step"] for row in report.curve if row["stage"] == "joint" and "validation" in row]
    assert told == [0, 1, 2]
    assert len(searched) == 1 + len(told) + 1  # made, at each validation, and when confidence is fitted
