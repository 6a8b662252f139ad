from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from builders import passage, tokenizer
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.records import Example
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.retrieval.image import ImageIndex, Stamp
from ravlm.retrieval.tfidf import TfidfIndex
from ravlm.tensors import Encoded
from ravlm.training.config import ReadConfig
from ravlm.training.read import Reading, sample_groups, training_hits

KEYS = np.eye(3, dtype=np.float32)
STAMP = Stamp("", "")


def retriever() -> EntityThenPassageRetriever:
    entries = ["a", "b", "c"]
    found = [passage(f"{e} says {word}.", entry_id=e, ordinal=i) for e in entries for i, word in enumerate("xyz")]
    index = ImageIndex(KEYS, [(e, f"{e}.png") for e in entries], STAMP)
    encoder = CompactLanguageEncoder(tokenizer=tokenizer(), width=8, layers=1, heads=2, longest=32)
    return EntityThenPassageRetriever(
        language_encoder=encoder, images=index, passages=TfidfIndex(found), visual_width=3, passages_per_entry=3
    )


def reading() -> Reading:
    examples = [
        Example(f"q{i}", (f"{i}.jpg",), "What says x?", "answers", answers=("x",), entries=(e,))
        for i, e in enumerate("aabb")
    ]
    photo = torch.tensor([0, 0, 1, 1])
    seen = Encoded(torch.zeros(2, 1, 3), torch.ones(2, 1, dtype=torch.bool), torch.from_numpy(KEYS[:2]))
    return Reading(examples, photo, seen, KEYS[:2], [["a", "c", "b"], ["c", "b", "a"]], ["", ""])


def hits(config: ReadConfig, draw: tuple[float, float], *, with_wrong: bool):
    (row,) = training_hits(retriever(), reading(), [0], config, [draw], with_wrong=with_wrong)
    return row


def test_the_gold_entry_comes_with_its_cosine_and_its_best_passages():
    row = hits(ReadConfig(passages=2), (0.9, 0.9), with_wrong=False)
    assert [(h.entry_id, h.passage_id is None) for h in row] == [("a", True), ("a", False), ("a", False)]
    assert row[0].scores == {"image": 1.0}
    assert row[1].passage_id == "a#0"


@pytest.mark.parametrize("with_wrong", [False, True])
@pytest.mark.parametrize("draw", [(0.05, 0.0), (0.5, 0.0), (0.9, 0.9)])
@pytest.mark.parametrize(
    ("named", "shown", "found"),
    [
        (("a",), "", "cb"),  # its own entry is the nearest
        ((), "", "acb"),  # it names none
        ((), "a.png", "cb"),  # nor does it here, but the base has the very picture
        (("c",), "a.png", "b"),
    ],
)
def test_a_caption_is_learned_from_similar_pictures_never_from_its_own(named, shown, found, draw, with_wrong):
    caption = Example("c", ("0.jpg",), "Describe.", "captions", answers=("a says x",), entries=named)
    some = replace(reading(), examples=[caption] * 4, ids=[shown, ""], nearest=[["a", "c", "b"], ["b", "a", "c"]])
    config = ReadConfig(entries=3, passages=1, no_evidence=0.04)
    (row,) = training_hits(retriever(), some, [0], config, [draw], with_wrong=with_wrong)
    assert {hit.entry_id for hit in row} == set(found)
    few = ReadConfig(entries=1, passages=1, no_evidence=0.04)
    (row,) = training_hits(retriever(), some, [0], few, [draw], with_wrong=with_wrong)
    assert {hit.entry_id for hit in row} == {found[0]}


def test_each_caption_has_the_pictures_that_are_similar_to_its_own_photo():
    caption = Example("c", ("0.jpg",), "Describe.", "captions", answers=("a says x",), entries=("a",))
    some = replace(reading(), examples=[caption] * 4, photo=torch.tensor([0, 1, 0, 1]))
    config = ReadConfig(entries=1, passages=1)
    rows = training_hits(retriever(), some, [0, 1], config, [(0.9, 0.9)] * 2, with_wrong=False)
    assert [row[0].entry_id for row in rows] == ["c", "c"]
    other = replace(some, nearest=[["a", "c", "b"], ["b", "a", "c"]])
    rows = training_hits(retriever(), other, [0, 1], config, [(0.9, 0.9)] * 2, with_wrong=False)
    assert [row[0].entry_id for row in rows] == ["c", "b"]


def test_a_caption_is_sometimes_learned_without_evidence():
    caption = Example("c", ("0.jpg",), "Describe.", "captions", answers=("a says x",), entries=("a",))
    some = replace(reading(), examples=[caption] * 4)
    config = ReadConfig(no_evidence=0.5)
    assert training_hits(retriever(), some, [0], config, [(0.4, 0.9)], with_wrong=False) == [[]]


def test_a_photo_of_the_base_is_not_compared_with_itself():
    index = ImageIndex(np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32), [("a", "1"), ("a", "2"), ("b", "3")], STAMP)
    finder = retriever()
    finder.images = index
    own = replace(reading(), queries=np.array([[1, 0], [0, 1]], np.float32), ids=["1", "3"])
    rows = training_hits(finder, own, [0], ReadConfig(passages=1), [(0.9, 0.9)], with_wrong=False)
    assert rows[0][0].image_id == "2"


def test_a_wrong_entry_is_the_one_the_photo_takes_for_it():
    row = hits(ReadConfig(passages=1), (0.9, 0.9), with_wrong=True)
    assert list(dict.fromkeys(h.entry_id for h in row)) == ["a", "c"]


def test_gold_and_evidence_are_taken_away_at_their_shares():
    config = ReadConfig(passages=1, no_evidence=0.1, no_gold=0.2)
    assert hits(config, (0.05, 0.9), with_wrong=True) == []
    assert "a" not in {h.entry_id for h in hits(config, (0.5, 0.1), with_wrong=True)}
    assert "a" in {h.entry_id for h in hits(config, (0.5, 0.1), with_wrong=False)}


def test_groups_share_entry_and_language_and_nothing_is_drawn_twice():
    groups = reading().groups()
    assert groups == [[0, 1], [2, 3]]
    drawn = sample_groups(groups, 3, torch.Generator().manual_seed(0), together=2)
    chosen = [i for group in drawn for i in group]
    assert len(chosen) == len(set(chosen)) == 3
    assert all({reading().examples[i].entries for i in group} in ({("a",)}, {("b",)}) for group in drawn)
    everything = sample_groups(groups, 99, torch.Generator().manual_seed(0), together=1)
    assert sorted(i for group in everything for i in group) == [0, 1, 2, 3]


def test_retrieved_knowledge_is_padded_masked_and_cached_alike():
    found = retriever()
    rows = [hits(ReadConfig(passages=2), (0.9, 0.9), with_wrong=True), []]
    torch.manual_seed(0)
    found.eval()
    first, again = found.encode(rows), found.encode(rows)
    torch.testing.assert_close(first.tokens, again.tokens)
    assert first.kind.tolist() == [[1, 0, 0, 1, 0, 0], [2] * 6]
    assert first.entry.tolist() == [[0, 0, 0, 1, 1, 1], [-1] * 6]
    assert not first.mask[1].any()
    visual = type("V", (), {"pooled": torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])})()
    scores = found.score(visual, visual, first)
    assert scores[0, 0].item() == found.log_scale.exp().item()
    assert scores[1].max().item() <= -1e4
    assert isinstance(found, nn.Module)
