"""BEM reads candidate, reference and question as its model was taught, and gives the probability of label 1."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from tokenizers.implementations import BertWordPieceTokenizer

from ravlm.errors import ConfigError, FormatError, PathError
from ravlm.evaluation.official.bem import Bem
from ravlm.evaluation.official.evqa import Comparison, EvqaQuestion, score_evqa

CPU = torch.device("cpu")
LINES = ["what is the capital of this country", "rome is the capital", "the city of rome", "red and blue, or green"]
ASKED = [
    Comparison("what is the capital", "Rome", "the city of Rome"),
    Comparison("what is the capital", "Rome", "green"),
    Comparison("", "Rome", ""),
    Comparison("the capital " * 40, "red " * 5, "blue"),
]


def _saved(folder: Path, *, labels: int = 2, segments: int = 3) -> Path:
    trained = BertWordPieceTokenizer()
    trained.train_from_iterator(LINES, vocab_size=120, min_frequency=1, show_progress=False)
    tokenizer = hf.BertTokenizer(vocab=trained.get_vocab(), model_max_length=48)
    config = hf.BertConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        vocab_size=len(tokenizer),
        max_position_embeddings=48,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=labels,
        type_vocab_size=segments,
        initializer_range=0.5,
    )
    torch.manual_seed(0)
    hf.BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _saved(tmp_path_factory.mktemp("bem") / "model")


def _by_the_library(folder: Path, one: Comparison, segments: tuple[int, int, int]) -> float:
    """The probability as the library gives it for the ids, put together here."""
    tokenizer: Any = hf.AutoTokenizer.from_pretrained(folder)
    model = hf.BertForSequenceClassification.from_pretrained(folder).eval()
    ids, types = [tokenizer.cls_token_id], [0]
    for text, segment in zip((one.candidate, one.reference, one.question), segments, strict=True):
        part = [*tokenizer.convert_tokens_to_ids(tokenizer.tokenize(text)), tokenizer.sep_token_id]
        ids, types = ids + part, types + [segment] * len(part)
    if len(ids) > 48:
        ids, types = [*ids[:47], tokenizer.sep_token_id], types[:48]
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types])).logits[0]
    return float(logits.softmax(-1)[1])


def test_three_parts_with_a_segment_each(folder: Path) -> None:
    found = Bem.from_pretrained(folder, batch=3)(ASKED)
    assert found == pytest.approx([_by_the_library(folder, one, (0, 1, 2)) for one in ASKED], abs=1e-5)
    assert len({round(p, 3) for p in found}) == len(ASKED)


def test_a_model_of_two_segments_reads_reference_and_question_as_one(tmp_path: Path) -> None:
    folder = _saved(tmp_path / "two", segments=2)
    found = Bem.from_pretrained(folder)(ASKED)
    assert found == pytest.approx([_by_the_library(folder, one, (0, 1, 1)) for one in ASKED], abs=1e-5)


def test_neighbours_and_order_change_nothing(folder: Path) -> None:
    bem = Bem.from_pretrained(folder)
    assert [bem([one])[0] for one in ASKED[::-1]] == pytest.approx(bem(ASKED)[::-1], abs=1e-5)
    assert bem([]) == []


def test_the_name_of_a_special_token_in_an_answer_is_only_text(folder: Path) -> None:
    bem = Bem.from_pretrained(folder)
    ids, _ = bem._row(Comparison("what", "rome", "[SEP] rome [CLS]"))
    tokenizer: Any = hf.AutoTokenizer.from_pretrained(folder)
    assert (ids.count(tokenizer.sep_token_id), ids.count(tokenizer.cls_token_id)) == (3, 1)


def test_encyclopedic_vqa_is_scored_by_it(folder: Path) -> None:
    bem = Bem.from_pretrained(folder)
    asked = EvqaQuestion("automatic", "what is the capital", ("Rome",))
    p = bem([Comparison(asked.question, "Rome", "green")])[0]
    assert score_evqa({"a": asked}, {"a": "green"}, bem=bem).per_question == {"a": float(p >= 0.5)}


def test_other_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has 3 labels, and BEM has two"):
        Bem.from_pretrained(_saved(tmp_path / "three", labels=3))
    with pytest.raises(PathError):
        Bem.from_pretrained(tmp_path / "nothing")
    pickled = _saved(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(FormatError, match="never read"):
        Bem.from_pretrained(pickled)
    headless = _saved(tmp_path / "headless")
    config = hf.BertConfig.from_pretrained(headless)
    hf.BertModel(config).save_pretrained(headless)
    with pytest.raises(ConfigError, match="classifies no pairs"):
        Bem.from_pretrained(headless)
    tokenizer = hf.AutoTokenizer.from_pretrained(_saved(tmp_path / "whole"))
    tokenizer.cls_token = None
    with pytest.raises(ConfigError, match="has no \\[CLS\\]"):
        Bem(hf.BertForSequenceClassification(config), tokenizer, device=CPU)
