"""CLIPScore and RefCLIPScore: closed forms, and those of the library's own model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from ravlm.errors import ConfigError, PathError
from ravlm.evaluation.official.caption import score_captions
from ravlm.evaluation.official.clip_score import ClipScorer, clip_scores, pictures_in, ref_clip_scores

CAPTIONS = {"a": "a red dog", "b": "two birds", "c": ""}
REFERENCES = {"a": ["a dog", "red"], "b": ["birds"], "c": ["a red dog", "birds", "x"]}


def test_scores_by_hand() -> None:
    pictures = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    captions = np.array([[3.0, 0.0], [1.0, 1.0], [-1.0, 0.0], [1.0, 0.0]])
    scores = clip_scores(pictures, captions)
    assert scores.tolist() == pytest.approx([2.5, 2.5 / 2**0.5, 0.0, 0.0])
    references = [np.array([[0.0, 1.0], [2.0, 0.0]])] * 4
    found = ref_clip_scores(scores, captions, references)
    near = 1 / 2**0.5
    assert found.tolist() == pytest.approx([2 * 2.5 / 3.5, 2 * 2.5 * near * near / (3.5 * near), 0.0, 0.0]), (
        "harmonic means of each score and the nearest reference's cosine"
    )


@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_lengths_of_vectors_do_not_matter(seed: int, scale: float) -> None:
    draw = np.random.default_rng(seed)
    pictures, captions = draw.normal(size=(2, 4, 3))
    scores = clip_scores(pictures, captions)
    assert ((scores >= 0) & (scores <= 2.5 + 1e-9)).all()
    assert clip_scores(scale * pictures, captions / scale) == pytest.approx(scores)


def _clip(folder: Path) -> Path:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    trained: Any = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=560, special_tokens=special, end_of_word_suffix="</w>", show_progress=False
    )
    trained.train_from_iterator([*CAPTIONS.values(), "A photo depicts"], trainer)
    made = json.loads(trained.to_str())["model"]
    merges = [tuple(pair) for pair in made["merges"]]
    tokenizer = hf.CLIPTokenizer(vocab=made["vocab"], merges=merges, model_max_length=32)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    text = small | ends | {"vocab_size": len(tokenizer), "max_position_embeddings": 32}
    text["pad_token_id"] = tokenizer.pad_token_id
    config = hf.CLIPConfig(
        text_config=text, vision_config=small | {"image_size": 32, "patch_size": 16}, projection_dim=8
    )
    torch.manual_seed(0)
    model = hf.CLIPModel(config)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    hf.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _clip(tmp_path_factory.mktemp("clip") / "model")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for i, name in enumerate(("a.png", "b.jpg", "c.webp", "000000000042.png")):
        noise = np.random.default_rng(i).integers(0, 255, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / name)
    return tmp_path


def test_scores_are_those_of_the_library(folder: Path, pictures: Path) -> None:
    scorer = ClipScorer.from_pretrained(folder, pictures_in(pictures))
    found = score_captions(REFERENCES, CAPTIONS, clip=scorer)
    model: Any = hf.CLIPModel.from_pretrained(folder).eval()
    processor, tokenizer = hf.CLIPImageProcessor.from_pretrained(folder), hf.CLIPTokenizer.from_pretrained(folder)

    def text(words: str) -> Any:
        given = tokenizer("A photo depicts " + words, return_tensors="pt")
        features = model.get_text_features(**given)
        return np.asarray(getattr(features, "pooler_output", features)[0])

    def picture(name: str) -> Any:
        path = next(pictures.glob(f"{name}.*"))
        given = processor(Image.open(path).convert("RGB"), return_tensors="pt")
        features = model.get_image_features(**given)
        return np.asarray(getattr(features, "pooler_output", features)[0])

    with torch.inference_mode():
        for name, caption in CAPTIONS.items():
            one = clip_scores(picture(name)[None], text(caption)[None])
            by = ref_clip_scores(one, text(caption)[None], [np.stack([text(r) for r in REFERENCES[name]])])
            assert found.by_measure["CLIPScore"][name] == pytest.approx(one[0], abs=1e-3)
            assert found.by_measure["RefCLIPScore"][name] == pytest.approx(by[0], abs=1e-3)
    assert found.overall["CLIPScore"] == pytest.approx(np.mean(list(found.by_measure["CLIPScore"].values())))
    assert found.overall["CLIPScore"] > 0


def test_pictures_are_found_by_id_or_by_the_name_in_the_annotations(pictures: Path, tmp_path: Path) -> None:
    annotations = tmp_path / "annotations.json"
    annotations.write_text(json.dumps({"images": [{"id": 7, "file_name": "b.jpg"}], "annotations": []}))
    find = pictures_in(pictures, annotations)
    assert [find(name).name for name in ("7", "a", "42")] == ["b.jpg", "a.png", "000000000042.png"]
    with pytest.raises(PathError, match="There is no picture '8'"):
        find("8")
    with pytest.raises(PathError, match="There is no folder"):
        pictures_in(tmp_path / "nothing")
    annotations.write_text(json.dumps({"images": [{"id": 7, "file_name": "../x.jpg"}]}))
    with pytest.raises(PathError, match="stay inside"):
        pictures_in(pictures, annotations)("7")


def test_a_model_without_two_towers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ravlm.encoders import choose

    monkeypatch.setattr(choose, "load_encoder", lambda source: object())
    with pytest.raises(ConfigError, match="needs a joint model"):
        ClipScorer.from_pretrained(tmp_path, lambda name: tmp_path)
