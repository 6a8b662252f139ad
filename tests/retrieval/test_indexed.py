"""What every index does, shown by the smallest one: it ranks entries by how often the query's text is in theirs."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from ravlm.errors import ConfigError, IndexStale, QuestionError
from ravlm.knowledge.differences import Differences
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Hit, Piece, Query
from ravlm.retrieval import indexed
from ravlm.retrieval.folder import Contents, Stamp
from ravlm.retrieval.indexed import IndexedRetriever
from ravlm.retrieval.retriever import Contribution, Reads
from ravlm.retrieval.rows import Rows, rows_of


class Counting(IndexedRetriever):
    kind = "counting"
    stage: ClassVar[str] = "counting"
    reads: ClassVar[Reads] = "words"

    def __init__(self, rows: Rows, texts: list[str], stamp: Stamp) -> None:
        super().__init__()
        self.rows, self.texts, self.stamp = rows, texts, stamp
        self.followed: list[Differences] = []

    @classmethod
    def build(cls, knowledge: KnowledgeBase) -> "Counting":
        made = cls(Rows(), [], Stamp("", "", 0))
        made._add(list(knowledge.iterate()))
        made.stamp = Stamp(knowledge.fingerprint, "", knowledge.version)
        return made

    def _add(self, entries: Sequence[Entry]) -> None:
        rows = [row for entry in entries for row in rows_of(entry, "entry")]
        self.rows.add(Rows.of(rows))
        self.texts += [row.text for row in rows]

    def _search(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        found = []
        for query in queries:
            allowed = self.rows.allowed(query.filters)
            chosen = range(len(self.rows)) if allowed is None else np.flatnonzero(allowed).tolist()
            scores = [self.texts[row].count(query.text) for row in chosen]
            found.append(self.rows.hits(self.rows.ranked(chosen, scores, k), self.stage))
        return found

    def explain(self, query: Query, hits: Sequence[Hit]) -> list[list[Contribution]]:
        return [[Contribution(query.words[0], self.stage, hit.scores[self.stage])] for hit in hits]

    def settings(self) -> dict[str, Any]:
        return {"engine": "counting", "why": "it is small"}

    def _follow(self, knowledge: KnowledgeBase, differences: Differences) -> None:
        self.followed.append(differences)
        self.rows.drop([*differences.gone, *differences.changed])
        self._add([knowledge.get(entry_id) for entry_id in (*differences.added, *differences.changed)])
        self._unsaved |= {*Rows.CHANGING, "texts"}

    def _files(self) -> Mapping[str, Callable[[Path], None]]:
        return {
            **self.rows.files(),
            "texts": lambda path: path.write_text("\0".join(self.texts)),
            "name": lambda path: path.write_text(self.kind),
        }

    @classmethod
    def _read(cls, folder: Path, contents: Contents, **parts: Any) -> "Counting":
        texts = (folder / contents.files["texts"]).read_text().split("\0")
        files = {role: folder / name for role, name in contents.files.items()}
        return cls(Rows.read(files), texts, contents.stamp)


@pytest.fixture
def base(tmp_path: Path) -> KnowledgeBase:
    made = KnowledgeBase.create(tmp_path / "kb")
    made.upsert([Entry("b", "ant", text="ant ant"), Entry("a", "bee", text="ant"), Entry("c", "ant", text="cow")])
    return made


def found(retriever: Counting, text: str = "ant", k: int = 10) -> list[str]:
    return [hit.entry_id for hit in retriever.search([Query(text)], k)[0]]


def test_a_query_without_what_is_read_and_no_hits_at_all_are_refused(base: KnowledgeBase) -> None:
    retriever = Counting.build(base)
    with pytest.raises(QuestionError, match="The query 'number 2' has neither words nor a picture"):
        retriever.search([Query("ant"), Query()])
    with pytest.raises(ConfigError, match="0 hits were asked for"):
        retriever.search([Query("ant")], 0)
    assert retriever.search([]) == []
    assert found(retriever, k=99) == ["b", "a", "c"]


def test_a_picture_alone_is_told_where_words_are_needed(base: KnowledgeBase) -> None:
    from pictures import noise

    with pytest.raises(QuestionError, match="'q7' has a picture, and retrieval by counting needs words"):
        Counting.build(base).search([Query(images=(noise(),), id="q7")])


def test_a_refresh_follows_by_what_differs(base: KnowledgeBase) -> None:
    retriever = Counting.build(base)
    assert not retriever.refresh(base)
    base.delete(["b"])
    base.upsert([Entry("d", "ant", text="ant ant ant")])
    with pytest.raises(IndexStale, match="`ravlm index refresh` lets it follow"):
        retriever.check(base)
    assert retriever.refresh(base)
    assert (found(retriever), retriever.followed) == (["d", "a", "c"], [Differences(added=("d",), gone=("b",))])
    retriever.check(base)


def test_a_version_that_is_forgotten_is_followed_by_hashes(base: KnowledgeBase) -> None:
    retriever = Counting.build(base)
    base.upsert([Entry("a", "bee", text="ant ant ant"), Entry("d", "ant")])
    base.compact(timedelta(0))
    assert retriever.refresh(base)
    assert retriever.followed == [Differences(added=("d",), changed=("a",))]
    assert found(retriever) == ["a", "b", "c", "d"]


def test_another_base_is_followed_too_whatever_its_version_s_number(base: KnowledgeBase, tmp_path: Path) -> None:
    retriever = Counting.build(base)
    other = KnowledgeBase.create(tmp_path / "other")
    other.upsert([Entry("a", "bee", text="ant"), Entry("z", "ant")])
    assert other.version == base.version
    assert retriever.refresh(other)
    assert found(retriever) == found(Counting.build(other)) == ["a", "z"]


def test_what_is_saved_is_loaded_and_a_change_writes_only_what_differs(base: KnowledgeBase, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    retriever = Counting.build(base)
    retriever.save(folder)
    again = Counting.load(folder)
    assert (found(again), again.stamp) == (found(retriever), retriever.stamp)
    names = {path.name for path in folder.iterdir()}
    base.delete(["b"])
    again.refresh(base)
    again.save(folder)
    kept = names & {path.name for path in folder.iterdir()}
    assert {name.partition("-")[0] for name in kept} == {"name", "rows", "index.json", "lock"}
    assert found(Counting.load(folder)) == ["a", "c"]


def test_saving_elsewhere_writes_all_of_it(base: KnowledgeBase, tmp_path: Path) -> None:
    retriever = Counting.build(base)
    retriever.save(tmp_path / "one")
    retriever.save(tmp_path / "two")
    assert found(Counting.load(tmp_path / "two")) == found(retriever)


def test_an_index_that_is_changed_while_it_is_read_is_read_again(
    base: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, turns = tmp_path / "index", []
    Counting.build(base).save(folder)
    read = indexed.read_index

    def reading(where: Path, kind: str) -> Contents:
        contents = read(where, kind)
        if len(turns) < 2:
            turns.append(contents)
            base.upsert([Entry(f"n{len(turns)}", "ant")])
            Counting.build(base).save(folder)  # all files are others now
        return contents

    monkeypatch.setattr(indexed, "read_index", reading)
    again = Counting.load(folder)
    assert (len(turns), found(again)) == (2, found(Counting.build(base)))


def test_a_file_that_is_gone_is_damage(base: KnowledgeBase, tmp_path: Path) -> None:
    Counting.build(base).save(tmp_path)
    next(tmp_path.glob("texts-*")).unlink()
    with pytest.raises(IndexStale, match="damaged"):
        Counting.load(tmp_path)


@pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf")])
def test_weights_that_can_t_be_are_refused(base: KnowledgeBase, weight: float) -> None:
    with pytest.raises(QuestionError, match=r"A piece of the query 'number 1' \(title 'ant'\) weighs"):
        Counting.build(base).search([Query("ant", pieces=(Piece("title", weight, "ant"),))])
