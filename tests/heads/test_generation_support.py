"""What was written for a question becomes one answer, cut out of the passages that it was copied from."""

from dataclasses import replace

import pytest
import torch

from builders import TEXTS, passage
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.heads.generation_support import Trace, Written, sources, support, trace
from ravlm.heads.generation_text import AnswerTokenizer, Source

TOKENS = AnswerTokenizer(train_tokenizer([*TEXTS, "the lutz or krakos in sylva polis"], 400))


def written(*texts):
    row = Written([passage("?")], torch.zeros(1, 1, 2, dtype=torch.long), TOKENS)
    for text, p in texts:
        row.add(TOKENS.encode(text), p, None)
    return row


def test_texts_that_say_the_same_are_one_answer_and_an_empty_one_is_none():
    row = written(("the lutz", 0.25), ("lutz", 0.2), ("krakos", 0.3), ("", 0.1), ("。", 0.05))
    decoded = row.decoded(1.0, 0.0)
    assert (decoded.text, decoded.confidence) == ("the lutz", pytest.approx(0.45))
    assert decoded.alternatives == (("the lutz", pytest.approx(0.45)), ("krakos", pytest.approx(0.3)))
    assert not decoded.abstained
    assert written(("lutz", 0.2), ("", 0.3)).decoded(1.0, 0.0).abstained
    assert row.decoded(1.0, 0.5).abstained
    alone = written(("", 0.9)).decoded(1.0, 0.0)
    assert (alone.text, alone.confidence, alone.abstained) == ("", 0.0, True)


def test_a_temperature_evens_the_probabilities_of_all_outcomes():
    found = written(("lutz", 0.64), ("krakos", 0.16), ("", 0.04)).outcomes(2.0)
    whole = 0.8 + 0.4 + 0.2 + 0.4
    assert found == {
        key: pytest.approx(p / whole) for key, p in {"lutz": 0.8, "krakos": 0.4, "": 0.2, None: 0.4}.items()
    }


def test_support_shares_the_probability_by_the_attention_that_copied():
    twice = passage("roma, or roma.")
    ids = torch.tensor([[-1, 5, 6, 7, 5, 6], [-1, 5, 6, -1, -1, -1]])
    offsets = torch.tensor(
        [[[0, 0], [0, 2], [2, 4], [4, 5], [9, 11], [11, 13]], [[0, 0], [3, 5], [5, 7], *[[0, 0]] * 3]]
    )
    a = torch.tensor([[[0, 0.6, 0, 0, 0.2, 0], [0, 0.2, 0, 0, 0, 0]], [[0, 0, 0.5, 0, 0, 0.4], [0.1, 0, 0.0, 0, 0, 0]]])
    log_p, copied = torch.tensor([0.9, 0.9]).log(), torch.tensor([0.85, 0.85]).log()
    found = trace(torch.tensor([5, 6]), log_p, copied, a, ids)
    assert found.rather.tolist() == [True, True]
    assert float(found.here[1].sum()) == pytest.approx(0.9)
    (one,) = support(found, 0.8, [twice, twice], offsets)  # of each passage the likelier place; none of the second's
    assert (one.hit, one.span) == (0, (0, 4))
    assert one.probability == pytest.approx(0.8 * 0.30 / 0.38)
    both = replace(found, here=found.here + torch.tensor([0.0, 0.1])[:, None, None] * (ids == 6))
    first, second = support(both, 0.8, [twice, twice], offsets)
    assert (first.hit, second.hit, second.span) == (0, 1, (3, 7))
    assert second.probability == pytest.approx(0.8 * 0.2 * 0.1 / (0.6 * 0.6 + 0.2 * 0.5 + 0.2 * 0.1))
    assert support(replace(found, rather=torch.tensor([True, False])), 0.8, [twice, twice], offsets) == ()
    assert support(Trace(a[:0], torch.ones(0, dtype=torch.bool)), 0.8, [twice, twice], offsets) == ()
    assert not trace(torch.tensor([5, 6]), log_p, torch.tensor([0.4, 0.4]).log(), a, ids).rather.any()


def test_a_token_behind_a_copied_one_is_taken_from_beside_it():
    ids = torch.tensor([[5, 6, 9], [6, 5, 6]])
    a = torch.tensor([[[0.1, 0, 0], [0, 0.5, 0]], [[0, 0.4, 0], [0.5, 0, 0.2]], [[0, 0, 0.4], [0, 0, 0]]])
    offsets = torch.tensor([[[0, 1], [1, 2], [2, 3]], [[4, 5], [5, 6], [6, 7]]])
    said = passage("abcdefgh")
    found = Trace(a, torch.tensor([True, True, False]))
    assert sources(found, [said, said], offsets) == [Source(1, said.text, 5, 6), Source(1, said.text, 6, 7), None]
    assert ids[1, 1:].tolist() == [5, 6]


def test_behind_a_passages_last_token_stands_none():
    a = torch.tensor([[[0, 0, 0.5], [0, 0, 0]], [[0.4, 0, 0], [0.1, 0, 0]]])
    offsets = torch.tensor([[[0, 1], [1, 2], [2, 3]], [[4, 5], [5, 6], [6, 7]]])
    said = passage("abcdefgh")
    found = Trace(a, torch.tensor([True, True]))
    assert sources(found, [said, said], offsets) == [Source(0, said.text, 2, 3), Source(0, said.text, 0, 1)]


def test_an_answer_that_was_copied_whole_is_cut_out_even_where_its_words_are_likelier_elsewhere():
    first, second = passage("Sylva is far."), passage("It is Sylva  Polis.")
    ids = TOKENS.encode("sylva polis")
    places = [TOKENS.places(p.text) for p in (first, second)]
    at = torch.tensor([[*found, *[-1] * (32 - len(found))] for found, _ in places])
    offsets = torch.tensor([[*spans, *[(0, 0)] * (32 - len(spans))] for _, spans in places])
    a = torch.stack([(at == i) * torch.tensor([[0.55], [0.5]]) for i in ids])
    log_p = torch.zeros(len(ids))
    row = Written([first, second], offsets, TOKENS)
    row.add(ids, 0.9, trace(torch.tensor(ids), log_p, log_p, a, at))
    decoded = row.decoded(1.0, 0.0)
    assert decoded.text == "Sylva  Polis"
    assert [(s.hit, s.span) for s in decoded.support] == [(1, (6, 18))]
