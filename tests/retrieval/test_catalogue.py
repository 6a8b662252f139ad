import subprocess
import sys
from pathlib import Path

import pytest

from ravlm.errors import ConfigError, FormatError, IndexStale, PathError, UnknownChoice
from ravlm.knowledge.export import export
from ravlm.knowledge.keep import keep_base
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Query
from ravlm.retrieval.catalogue import behind, build, folder_of, found_in, name_of, open_index
from ravlm.retrieval.folder import STAMP, write_index
from ravlm.retrieval.kinds import KINDS, LEXICAL, kind_named


@pytest.fixture
def knowledge(tmp_path: Path) -> KnowledgeBase:
    made = KnowledgeBase.create(tmp_path / "kb")
    made.upsert([Entry(f"e{n}", f"Title {n}", text=f"Ants have {n} legs.") for n in range(3)])
    return made


def test_where_indexes_lie(tmp_path: Path, knowledge: KnowledgeBase) -> None:
    assert folder_of(knowledge) == tmp_path / "kb" / "index"
    assert folder_of(knowledge, tmp_path / "other") == tmp_path / "other"
    (tmp_path / "model").mkdir()
    (tmp_path / "kb").rename(tmp_path / "model" / "knowledge")
    assert folder_of(KnowledgeBase.open(tmp_path / "model")) == tmp_path / "model" / "knowledge" / "index"


@pytest.mark.parametrize("kind", LEXICAL)
def test_an_index_is_built_found_and_opened(knowledge: KnowledgeBase, kind: str) -> None:
    where = folder_of(knowledge)
    assert found_in(where) == []
    made = build(kind, knowledge, unit="entry")
    made.save(where / name_of(kind))
    (where / "notes").mkdir()
    [found] = found_in(where, checked=True)
    assert (found.kind, found.fault, found.rows, found.contents) == (kind, "", 3, found.contents)
    assert found.bytes == sum(path.stat().st_size for path in found.folder.rglob("*") if path.is_file())
    assert found_in(where, next(other for other in KINDS if other != kind)) == []
    opened = open_index(found.folder)
    assert type(opened) is KINDS[kind].retriever
    asked = [Query("ants with 2 legs")]
    assert opened.search(asked) == made.search(asked)
    assert opened.search(asked)[0][0].entry_id == "e2"


def test_how_far_an_index_is_behind(knowledge: KnowledgeBase, tmp_path: Path) -> None:
    where = folder_of(knowledge)
    build("tfidf", knowledge).save(where / "tfidf")
    [found] = found_in(where)
    assert found.contents is not None
    assert behind(found.contents, knowledge) == ""
    at = knowledge.version
    knowledge.upsert([Entry("e0", "Other", text="Bees."), Entry("e9", "New", text="New.")])
    knowledge.delete(["e1"])
    assert behind(found.contents, knowledge) == f"3 entries behind, at version {at}"
    other = KnowledgeBase.create(tmp_path / "other")
    other.upsert([Entry("x", "X", text="X.")])
    assert "does not have" in behind(found.contents, other)


def test_damage_is_told_and_the_rest_is_found(knowledge: KnowledgeBase) -> None:
    where = folder_of(knowledge)
    for kind in LEXICAL:
        build(kind, knowledge).save(where / kind)
    victim = max((path for path in (where / "bm25").iterdir() if path.name != STAMP), key=lambda p: p.stat().st_size)
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    assert [bool(found.fault) for found in found_in(where, checked=True)] == [True, False]
    with pytest.raises(IndexStale, match="damaged"):
        open_index(where / "bm25")
    victim.unlink()
    assert "damaged" in found_in(where, checked=True)[0].fault
    (where / "tfidf" / STAMP).write_text("{")
    assert "damaged" in found_in(where)[1].fault
    (where / "tfidf" / STAMP).unlink()
    [_, left] = found_in(where)
    assert (left.kind, left.contents, left.rows) == ("tfidf", None, None)
    assert "no index" in left.fault


def test_kinds_and_formats_of_other_releases(knowledge: KnowledgeBase) -> None:
    folder = folder_of(knowledge) / "bm25"
    made = build("bm25", knowledge)
    write_index(folder, "psychic", made.stamp, made.settings(), {})
    with pytest.raises(FormatError, match="psychic"):
        open_index(folder)
    made.save(folder)
    (folder / STAMP).write_text((folder / STAMP).read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(FormatError, match="99"):
        open_index(folder)
    with pytest.raises(PathError, match="no index"):
        open_index(folder / "nowhere")


def test_what_can_not_be_built(knowledge: KnowledgeBase) -> None:
    with pytest.raises(UnknownChoice, match="Did you mean 'bm25'"):
        build("bm52", knowledge)
    with pytest.raises(ConfigError, match="takes no 'structure'"):
        build("bm25", knowledge, structure="flat")
    for kind, about in KINDS.items():
        if about.encoder:
            with pytest.raises(ConfigError, match=f"needs {about.wants}"):
                build(kind, knowledge)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_class(kind: str) -> None:
    retriever = kind_named(kind).retriever
    assert retriever.kind == kind
    assert KINDS[kind].encoder == "any" or retriever.reads == KINDS[kind].asks


def test_a_base_does_not_mind_the_indexes_in_its_folder(
    knowledge: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build("tfidf", knowledge).save(folder_of(knowledge) / "tfidf")
    (folder_of(knowledge) / "tfidf" / "large").write_bytes(bytes(10_000))
    before = sorted(path for path in folder_of(knowledge).rglob("*"))
    base = KnowledgeBase.open(tmp_path / "kb")
    base.upsert([Entry("new", "New", text="New.")])
    base.compact()
    assert list(base.verify()) == []
    export(base, tmp_path / "plain")
    assert sorted(path.name for path in (tmp_path / "plain").iterdir()) == ["knowledge.jsonl", "pictures"]
    assert sorted(path for path in folder_of(knowledge).rglob("*")) == before
    tables = sum(p.stat().st_size for t in (tmp_path / "kb").glob("*.lance") for p in t.rglob("*") if p.is_file())
    monkeypatch.setattr("ravlm.knowledge.keep.MOST_COPIED", tables)
    (tmp_path / "model").mkdir()
    keep_base(base, tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model" / "knowledge").iterdir()) == [
        "entries.lance",
        "pictures.lance",
    ], "the size of the indexes does not count, and they are not copied"


def test_words_are_searched_without_torch(knowledge: KnowledgeBase, tmp_path: Path) -> None:
    code = (
        "import sys; from ravlm.cli.main import main; sys.argv = ['ravlm', 'search', sys.argv[1], 'legs'];\n"
        "try: main()\n"
        "finally: print('torch' in sys.modules, 'faiss' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path / "kb")], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "False False"
