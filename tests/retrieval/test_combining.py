"""Retrievers that are made of others, over real indexes of a real base."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers as hf

from fake_retrievers import named
from ravlm.encoders.cross_encoder import CrossEncoder
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.encoders.transformers_tokenizer import as_library_tokenizer
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Filters, Piece, Query, Section
from ravlm.retrieval.bm25 import Bm25Retriever
from ravlm.retrieval.entity_first import EntityFirstRetriever
from ravlm.retrieval.gate import Gate, GatedRetriever
from ravlm.retrieval.hybrid import HybridRetriever
from ravlm.retrieval.rerank import RerankedRetriever
from ravlm.retrieval.tfidf import TfidfRetriever

PLACES = {"Armenia": "Yerevan", "Austria": "Vienna", "Peru": "Lima", "Kenya": "Nairobi", "Nepal": "Kathmandu"}
ENTRIES = [
    Entry(
        name.lower(),
        name,
        sections=(
            Section("Rule", f"The capital of the country is {city}."),
            Section("Land", f"Hills and rivers lie around {city}, and people live there."),
            Section("首都", f"这个国家的首都是{city}。", language="zh"),
        ),
        source="atlas",
    )
    for name, city in PLACES.items()
]
CAPITAL = Query("which city is the capital of Peru", id="capital")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    made = KnowledgeBase.create(tmp_path_factory.mktemp("combining") / "kb")
    made.upsert(ENTRIES)
    return made


def hybrid(base: KnowledgeBase) -> HybridRetriever:
    return HybridRetriever([Bm25Retriever.build(base), TfidfRetriever.build(base)])


def test_a_hybrid_of_bm25_and_tfidf(base: KnowledgeBase):
    made = hybrid(base)
    query = replace(CAPITAL, pieces=(Piece("question", 1.0, CAPITAL.text), Piece("title", 0.5, "Peru", origin="peru")))
    [hits], [again] = made.search([query], 5), made.search([CAPITAL, query], 5)[1:]
    assert hits == again
    assert named(hits)[0] == "peru#0"
    assert set(hits[0].scores) == {"bm25", "tfidf", "hybrid"}
    for hit, told in zip(hits, made.explain(query, hits), strict=True):
        assert sum(one.amount for one in told) == pytest.approx(hit.scores["hybrid"])
    [chinese] = made.search([replace(CAPITAL, filters=Filters(languages=("zh",)))], 50)
    assert {name.partition("#")[2] for name in named(chinese)} == {"2"}


def test_entries_by_title_then_their_passages(base: KnowledgeBase):
    entries = TfidfRetriever.build(base, unit="entry")
    made = EntityFirstRetriever(entries, Bm25Retriever.build(base), n_entries=2)
    [hits] = made.search([CAPITAL], 20)
    assert named(hits)[0] == "peru#0"
    assert len({hit.entry_id for hit in hits}) == 2
    for hit, told in zip(hits, made.explain(CAPITAL, hits), strict=True):
        assert sum(one.amount for one in told) == pytest.approx(hit.scores["entity"])


def test_a_changed_base_is_followed_by_all_parts(tmp_path: Path):
    base = KnowledgeBase.create(tmp_path / "kb")
    base.upsert(ENTRIES)
    cross = CrossEncoder(*_tiny(), device=torch.device("cpu"))
    made = RerankedRetriever(EntityFirstRetriever(TfidfRetriever.build(base, unit="entry"), hybrid(base)), cross, base)
    assert "peru#0" in named(made.search([CAPITAL])[0])
    base.delete(["peru"])
    base.upsert([Entry("chile", "Chile", text="Santiago is the capital, not that of Peru.")])
    assert made.refresh(base)
    found = {hit.entry_id for hit in made.search([CAPITAL], 50)[0]}
    assert "chile" in found
    assert "peru" not in found
    assert not made.refresh(base)


def test_a_gate_lets_questions_about_the_base_through(base: KnowledgeBase):
    made = hybrid(base)
    about = [Query(f"which city is the capital of {name}") for name in PLACES]
    other = [Query(f"who sang of the people of the {what}") for what in ("rain", "sea", "night", "wind", "moon")]
    gate = Gate.fit(made.search(about + other), [True] * 5 + [False] * 5, stage="hybrid")
    rows = GatedRetriever(made, gate).search([CAPITAL, Query("who sang of the people of the river"), Query("zzz")], 3)
    assert [len(row) for row in rows] == [3, 0, 0]


def _tiny() -> tuple[hf.BertForSequenceClassification, hf.PreTrainedTokenizerFast]:
    tokenizer = as_library_tokenizer(train_tokenizer([e.title + s.text for e in ENTRIES for s in e.sections], 200))
    config = hf.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        num_labels=1,
    )
    torch.manual_seed(0)
    return hf.BertForSequenceClassification(config), tokenizer
