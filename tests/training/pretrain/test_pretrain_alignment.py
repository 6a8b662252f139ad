import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from coloured_dataset import COLOURS
from ravlm.encoders.aligned import AlignedEncoder
from ravlm.encoders.choose import load_encoder
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.errors import ConfigError, TrainingError
from ravlm.knowledge.build import build
from ravlm.knowledge.sources.dataset import DatasetSource
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Query
from ravlm.retrieval.catalogue import kinds_for, load_encoder_for, sides_of
from ravlm.retrieval.crossmodal import CrossModalRetriever
from ravlm.training.pretrain.alignment import pretrain_alignment, recalls
from ravlm.training.pretrain.alignment_stage import sigmoid_loss
from ravlm.training.pretrain.config import PretrainRunConfig
from ravlm.training.pretrain.pairs import Pairs, read_pairs, recall, same_things
from small_dataset import lines_of, write_lines

EYE: dict[str, Any] = {"image_size": 32, "channels": [8, 16], "width": 16}
READER: dict[str, Any] = {"vocabulary": 60, "width": 16, "layers": 1, "heads": 2, "noise": 0.0}


def settings(**more: Any) -> PretrainRunConfig:
    """A short run."""
    alignment = {"visual": EYE, "language": READER, "steps": 5, "batch": 6, **more}
    return PretrainRunConfig.model_validate({"pretrain": {"alignment": alignment}, "training": {"checkpoint_every": 2}})


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    """An image folder of six colours."""
    for place, (name, colour) in enumerate(COLOURS.items()):
        (tmp_path / "colours" / name).mkdir(parents=True)
        for n in range(4):
            pixels = np.array(colour) * 0.95 + np.random.default_rng(10 * place + n).normal(0, 6, (36, 36, 3))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "colours" / name / f"{n}.png")
    return tmp_path / "colours"


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An eye and a reader, saved."""
    folder = tmp_path_factory.mktemp("towers")
    torch.manual_seed(0)
    CompactVisualEncoder(image_size=32, channels=(8, 16), width=16).save_pretrained(folder / "eye")
    tokenizer = train_tokenizer(list(COLOURS), 60)
    CompactLanguageEncoder(tokenizer=tokenizer, width=12, layers=1, heads=2).save_pretrained(folder / "reader")
    return folder


def pretrained(folder: Path, trainable: str) -> dict[str, str]:
    return {"kind": "pretrained", "source": str(folder), "trainable": trainable}


@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_a_pair_finds_the_texts_of_pictures_that_it_learned(colours: Path, tmp_path: Path, loss: str):
    wanted = settings(loss=loss, steps=80, batch=12, learning_rate=0.01, average=0.9, strength=0.1)
    report = pretrain_alignment(wanted, colours, tmp_path / "pair")
    made = load_encoder(tmp_path / "pair")
    assert isinstance(made, AlignedEncoder)
    assert made.paired is (loss == "sigmoid")
    learned, held_out = read_pairs(colours, "entries").split(0.1, 0)
    assert recalls(made, learned)["recall@1"] > 0.9
    assert report.after == recalls(made, held_out)
    about = json.loads((tmp_path / "pair" / "pretraining.json").read_text())
    assert about["data"]["held out"] == {"pictures": 4, "texts": 1}
    assert not (tmp_path / "pair" / "pictures.u8").exists()
    for side in ("visual", "language"):
        assert load_encoder(tmp_path / "pair" / side, side=side).pooled_width == 16  # type: ignore[arg-type]


@pytest.mark.parametrize("frozen", ["none", "visual", "language", "both"])
def test_what_stands_still_stays_and_a_resumed_run_ends_the_same(
    colours: Path, towers: Path, tmp_path: Path, frozen: str
):
    how = {side: "none" if frozen in (side, "both") else "all" for side in ("visual", "language")}
    wanted = settings(
        visual=pretrained(towers / "eye", how["visual"]), language=pretrained(towers / "reader", how["language"])
    )

    def interrupt(title: str, done: int, of: int) -> None:
        if title == "aligning the encoders" and done == 3:
            raise KeyboardInterrupt

    whole = pretrain_alignment(wanted, colours, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        pretrain_alignment(wanted, colours, tmp_path / "parts", progress=interrupt)
    parts = pretrain_alignment(wanted, colours, tmp_path / "parts", resume=True)
    for place in (".", "visual", "language"):
        first, second = (load_file(tmp_path / name / place / "model.safetensors") for name in ("whole", "parts"))
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first)
    assert (parts.before, parts.after) == (whole.before, whole.after)
    for side, name in (("visual", "eye"), ("language", "reader")):
        same = load_encoder(tmp_path / "whole" / side).fingerprint() == load_encoder(towers / name).fingerprint()
        assert same is (how[side] == "none")
    assert load_file(tmp_path / "whole" / "model.safetensors")["visual.weight"].shape == (12, 16)


def test_an_index_across_kinds_takes_the_pair(coloured: Path, tmp_path: Path):
    build(DatasetSource(coloured), tmp_path / "kb")
    pretrain_alignment(settings(width=8), coloured, tmp_path / "pair")
    assert sides_of(tmp_path / "pair") == ("visual", "language", "joint")
    assert kinds_for(tmp_path / "pair") == ["image", "crossmodal"]
    encoder = load_encoder_for("crossmodal", tmp_path / "pair")
    knowledge = KnowledgeBase.open(tmp_path / "kb")
    index = CrossModalRetriever.build(knowledge, encoder)
    hits = index.search([Query(text="Red-Green")], 3)[0]
    assert len(hits) == 3
    assert load_encoder_for("image", tmp_path / "pair").pooled_width == 16  # the eye alone, with its own vector
    found = load_encoder_for("crossmodal", tmp_path / "pair")
    assert found.fingerprint() == encoder.fingerprint()
    assert found.origin == str(tmp_path / "pair")


def test_where_nothing_would_learn_it_is_said(colours: Path, towers: Path, tmp_path: Path):
    torch.manual_seed(0)
    tokenizer = train_tokenizer(list(COLOURS), 60)
    CompactLanguageEncoder(tokenizer=tokenizer, width=16, layers=1, heads=2).save_pretrained(tmp_path / "wide")
    still = {"visual": pretrained(towers / "eye", "none"), "language": pretrained(tmp_path / "wide", "none")}
    with pytest.raises(ConfigError, match=r"Both encoders of pretrain\.alignment stand still"):
        pretrain_alignment(settings(**still), colours, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    pretrain_alignment(settings(**still, width=8), colours, tmp_path / "out")


def test_pictures_with_captions_and_what_is_said_without(coloured: Path, tmp_path: Path):
    with pytest.raises(TrainingError, match=r'no training example of .* has any \(kind "captions"'):
        read_pairs(coloured, "captions")
    data = shutil.copytree(coloured, tmp_path / "data")
    said: list[dict[str, Any]] = []
    for n, line in enumerate(lines_of(coloured / "train.jsonl")[:8:2]):
        captions = [f"caption {n}", "the same of all" if n < 2 else f"another {n}"]
        about = {"id": f"c{n}", "kind": "captions", "captions": captions, "entries": line["entries"]}
        said.append({**about, "images": line["images"], "question": None})
    write_lines(data / "train.jsonl", [*said, *lines_of(coloured / "train.jsonl")[:2]])
    pairs = read_pairs(data, "captions")
    assert len(pairs.pictures.files) == 4
    assert pairs.texts[:3] == ("caption 0", "the same of all", "caption 1")
    assert pairs.group.tolist() == [0, 0, 1, 2]
    assert pairs.right().sum(1).tolist() == [2, 2, 2, 2]


def test_an_image_folder_has_no_captions_and_too_few_things_are_refused(colours: Path, tmp_path: Path):
    with pytest.raises(TrainingError, match="is an image folder, which has none"):
        read_pairs(colours, "captions")
    for name in list(COLOURS)[:4]:
        for file in (colours / name).iterdir():
            file.unlink()
        (colours / name).rmdir()
    with pytest.raises(TrainingError, match="tell 2 things apart, and at least 3 are needed"):
        pretrain_alignment(settings(), colours, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_held_out_shares_nothing_with_what_is_learned(coloured: Path):
    pairs = read_pairs(coloured, "entries")
    for seed in range(5):
        learned, held_out = pairs.split(0.2, seed)
        assert not set(learned.pictures.files) & set(held_out.pictures.files)
        assert not set(learned.texts) & set(held_out.texts)
        assert len(learned.pictures.files) + len(held_out.pictures.files) == len(pairs.pictures.files)
        assert len(held_out.picture_group.unique()) == round(0.2 * len(pairs.picture_group.unique()))
    assert pairs.split(0.2, 1)[1].pictures.files == pairs.split(0.2, 1)[1].pictures.files
    assert pairs.split(0.2, 1)[1].pictures.files != pairs.split(0.2, 2)[1].pictures.files


def test_classes_of_which_the_same_is_said_are_one_thing():
    texts = [["a", "b"], ["c"], ["b", "d"], ["e"], ["d", "e"], []]
    assert same_things(texts).tolist() == [0, 1, 0, 0, 0, 2]


def test_a_draw_has_right_texts_and_every_thing_before_any_twice(coloured: Path):
    pairs = read_pairs(coloured, "entries")
    n = len(pairs.picture_group.unique())
    pictures, texts = pairs.draw(2 * n, torch.Generator().manual_seed(0))
    assert bool(pairs.right()[pictures, texts].all())
    assert pairs.picture_group[pictures[:n]].sort().values.tolist() == list(range(n))
    kinds = {len(pairs.texts[i].split(". ")) for i in texts.tolist()}
    assert len(kinds) > 1  # titles, and titles with a sentence


def test_recall_counts_pictures_with_a_right_text_among_the_first_and_equal_scores_against():
    scores = torch.tensor([[0.9, 0.5, 0.1], [0.2, 0.8, 0.6], [0.3, 0.3, 0.3]])
    right = torch.tensor([[True, False, False], [False, False, True], [False, True, True]])
    assert recall(scores, right, 1) == pytest.approx(1 / 3)
    assert recall(scores, right, 2) == pytest.approx(1.0)
    assert recall(torch.zeros(3, 3), torch.eye(3, dtype=torch.bool), 2) == 0.0


def test_the_sigmoid_s_closed_forms():
    things = torch.arange(4)
    assert float(sigmoid_loss(torch.zeros(4, 4), things)) == pytest.approx(4 * math.log(2))
    sure = 200.0 * torch.eye(4) - 100.0
    assert float(sigmoid_loss(sure, things)) == pytest.approx(0.0, abs=1e-6)
    assert float(sigmoid_loss(-sure, things)) == pytest.approx(400.0)
    same = torch.tensor([0, 0, 1, 2])  # two pairs of the same thing: each is no negative of the other
    assert float(sigmoid_loss(torch.zeros(4, 4), same)) == pytest.approx(14 / 4 * math.log(2))
    logits = torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    z = 2 * torch.eye(3) - 1
    plain = -(1 / (1 + (-z * logits).exp())).log().sum() / 3
    assert float(sigmoid_loss(logits, torch.arange(3))) == pytest.approx(float(plain))


def test_pairs_keep_their_things_in_a_part(coloured: Path):
    pairs = read_pairs(coloured, "entries")
    kept = torch.arange(len(pairs.pictures.files)) % 2 == 0
    some = pairs.part(kept)
    assert isinstance(some, Pairs)
    assert torch.equal(some.picture_group, pairs.picture_group[kept])
    for picture, row in enumerate(some.right()):
        said = {some.texts[i] for i in row.nonzero()[:, 0].tolist()}
        assert said == set(pairs.pictures.texts[some.pictures.labels[picture]])
