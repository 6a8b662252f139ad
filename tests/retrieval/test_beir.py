import json
from pathlib import Path

import pytest

from ravlm.errors import FormatError, PathError
from ravlm.knowledge.build import build
from ravlm.knowledge.sources.beir import BeirSource
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Section
from ravlm.retrieval.interchange.beir import (
    QueryLine,
    read_qrels,
    read_queries,
    write_folder,
    write_qrels,
    write_queries,
)
from ravlm.retrieval.interchange.fields import Qrel, bare_id

QUERIES = [
    QueryLine("1", "How many legs?"),
    QueryLine("b", "几条腿？", "photos/ant.jpg", {"asked": 2}),
    QueryLine("c", image="c.png"),
]


@pytest.fixture
def knowledge(tmp_path: Path) -> KnowledgeBase:
    made = KnowledgeBase.create(tmp_path / "kb")
    made.upsert(
        [
            Entry("zoo:a", "Ant", text="Six legs.", source="zoo", url="https://example.org/a", meta={"kind": "insect"}),
            Entry(
                "zoo:b",
                "Bee",
                sections=(Section("Legs", "Six."), Section("刺", "一根。", "zh")),
                source="zoo",
                language="en",
            ),
            Entry("other", "Cat", text="Four legs.", source="homes"),
        ]
    )
    return made


def test_queries_are_written_and_read(tmp_path: Path) -> None:
    write_queries(tmp_path / "queries.jsonl", QUERIES)
    assert list(read_queries(tmp_path / "queries.jsonl")) == QUERIES
    first = json.loads((tmp_path / "queries.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert first == {"_id": "1", "text": "How many legs?", "metadata": {}}


def test_queries_of_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    lines = [
        '\ufeff{"_id": "1", "text": "a", "title": "unknown"}\r\n',
        '{"_id": "2", "text": "b", "image": null}',
        '{"_id": "3", "text": "\\ud83c\\udf39"}',
    ]
    path.write_text("\n".join(lines))
    assert list(read_queries(path)) == [QueryLine("1", "a"), QueryLine("2", "b"), QueryLine("3", "🌹")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no JSON", "line 2: expected a line of JSON"),
        ("[1]", "line 2"),
        ('{"text": "a"}', '"_id"'),
        ('{"_id": 1, "text": "a"}', '"_id"'),
        ('{"_id": "", "text": "a"}', '"_id"'),
        ('{"_id": "2", "text": ["a"]}', "line 2"),
        ('{"_id": "2", "text": "a", "metadata": "b"}', "metadata"),
        ('{"_id": "2", "text": " "}', "neither text nor image"),
        ('{"_id": "2"}', "neither text nor image"),
        ('{"_id": "1", "text": "again"}', "twice"),
        ('{"_id": "2", "text": "ro\\ud800se"}', "line 2: expected whole characters"),
        ('{"_id": "2\\udfff", "text": "a"}', "line 2: expected whole characters"),
        ('{"_id": "2", "text": "a", "metadata": {"b": "\\ud800"}}', "line 2: expected whole characters"),
        ('{"_id": "2", "_id": "3", "text": "a"}', "line 2: .*each name once"),
    ],
)
def test_a_line_that_is_no_query_is_refused(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "queries.jsonl"
    path.write_text(f'{{"_id": "1", "text": "a"}}\n{line}\n')
    with pytest.raises(FormatError, match=said):
        list(read_queries(path))


def test_judgements_are_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "qrels" / "test.tsv"
    wanted = [Qrel("1", "an ant", 1), Qrel("b", "zoo:b", 0)]
    write_qrels(path, wanted)
    assert path.read_text() == "query-id\tcorpus-id\tscore\n1\tan ant\t1\nb\tzoo:b\t0\n"
    assert list(read_qrels(path)) == wanted
    path.write_text("1\ta\t2\n")
    assert list(read_qrels(path)) == [Qrel("1", "a", 2)], "headings may lack"


@pytest.mark.parametrize("line", ["1\ta", "1\ta\tyes", "1 a 1", "query-id\tcorpus-id\tscore"])
def test_a_line_that_is_no_judgement_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{line}\n")
    with pytest.raises(FormatError, match="line 2"):
        list(read_qrels(tmp_path / "test.tsv"))
    with pytest.raises(FormatError, match="white space"):
        write_qrels(tmp_path / "new.tsv", [Qrel("1", "a\tb", 1)])
    assert not (tmp_path / "new.tsv").exists()


def test_a_base_becomes_a_folder_and_a_base_again(tmp_path: Path, knowledge: KnowledgeBase) -> None:
    out = tmp_path / "zoo"
    write_folder(out, knowledge, QUERIES, {"test": [Qrel("1", "zoo:a", 1)], "dev": []}, bare=True)
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()) == [
        "corpus.jsonl",
        "qrels/dev.tsv",
        "qrels/test.tsv",
        "queries.jsonl",
    ]
    assert list(read_queries(out / "queries.jsonl")) == QUERIES
    assert list(read_qrels(out / "qrels" / "test.tsv")) == [Qrel("1", "a", 1)]
    build(BeirSource(out), tmp_path / "again")
    again = KnowledgeBase.open(tmp_path / "again")
    assert [(e.id, e.title, e.text) for e in again.iterate()] == [
        ("zoo:a", "Ant", "Six legs."),
        ("zoo:b", "Bee", "Legs\n\nSix.\n\n刺\n\n一根。"),
        ("zoo:other", "Cat", "Four legs."),
    ]
    assert again.get("zoo:a").url == "https://example.org/a"
    assert again.get("zoo:a").meta["kind"] == "insect"


def test_ids_are_those_of_the_base_unless_bare_ones_are_asked_for(tmp_path: Path, knowledge: KnowledgeBase) -> None:
    write_folder(tmp_path / "out", knowledge, [], {"test": [Qrel("1", "zoo:a", 1)]})
    corpus = (tmp_path / "out" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["_id"] for line in corpus] == ["other", "zoo:a", "zoo:b"]
    assert list(read_qrels(tmp_path / "out" / "qrels" / "test.tsv")) == [Qrel("1", "zoo:a", 1)]
    assert [bare_id("zoo:a", "zoo"), bare_id("zoo:a", ""), bare_id("a", "zoo")] == ["a", "zoo:a", "a"]


def test_what_does_not_fit_leaves_nothing(tmp_path: Path, knowledge: KnowledgeBase) -> None:
    out = tmp_path / "out"
    with pytest.raises(FormatError, match="'zoo:x', and the base has none"):
        write_folder(out, knowledge, [], {"test": [Qrel("1", "zoo:x", 1)]})
    knowledge.upsert([Entry("a", "A", text="Another.", source="homes")])
    with pytest.raises(FormatError, match="the id 'a' without"):
        write_folder(out, knowledge, [], {}, bare=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kb"]
    write_folder(out, knowledge, [], {})
    with pytest.raises(PathError, match="already holds"):
        write_folder(out, knowledge, [], {})


def test_an_empty_base_is_an_empty_corpus(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", KnowledgeBase.create(tmp_path / "empty"), [], {"test": []})
    assert (tmp_path / "out" / "corpus.jsonl").read_text() == ""
