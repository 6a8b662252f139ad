from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ravlm.errors import KnowledgeError
from ravlm.knowledge import differences
from ravlm.knowledge.differences import Differences
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry


def at(base: KnowledgeBase) -> tuple[int, str]:
    return base.version, base.fingerprint


def test_what_changed_is_told(base: KnowledgeBase) -> None:
    before = at(base)
    assert base.differences(*before) == Differences()
    base.upsert([replace(base.get("e1"), text="New."), Entry("e7", "Seven"), base.get("e2")])
    base.delete(["e0", "o"])
    assert base.differences(*before) == Differences(added=("e7",), changed=("e1",), gone=("e0", "o"))
    assert len(base.differences(*before)) == 4


def test_joined_files_are_no_change(base: KnowledgeBase) -> None:
    before = at(base)
    base.upsert([Entry("e7", "Seven")])
    base.compact()
    assert base.differences(*before) == Differences(added=("e7",))


def test_what_is_gone_and_back_is_no_change(base: KnowledgeBase) -> None:
    before, entry = at(base), base.get("e3")
    base.delete(["e3"])
    base.upsert([entry])
    assert base.differences(*before) == Differences()
    assert base.fingerprint == before[1]


def test_a_rollback_is_a_change_like_others(base: KnowledgeBase) -> None:
    first = at(base)
    base.delete(["e3"])
    second = at(base)
    base.rollback(first[0])
    assert base.differences(*second) == Differences(added=("e3",))


def test_a_version_that_is_not_kept_or_another_base_s_is_refused(base: KnowledgeBase) -> None:
    before = at(base)
    base.upsert([Entry("e7", "Seven")])
    with pytest.raises(KnowledgeError, match="and 000000000000 was asked for"):
        base.differences(base.version, "0" * 64)
    base.compact(timedelta(0))
    with pytest.raises(KnowledgeError, match=f"no version {before[0]}"):
        base.differences(*before)


def test_only_rows_of_changed_files_are_read(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    base.upsert([Entry(f"n{i}", "New") for i in range(2000)])
    before, read = at(base), []
    hashes = differences._hashes
    monkeypatch.setattr(differences, "_hashes", lambda rows: read.append(len(rows)) or hashes(rows))
    base.upsert([replace(base.get("n7"), title="Seven")])
    base.delete(["n8"])
    assert base.differences(*before) == Differences(changed=("n7",), gone=("n8",))
    assert sum(read) < 10


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["upsert", "delete", "compact"]), st.integers(0, 9), st.integers(0, 2)), max_size=6
    )
)
def test_any_changes_add_up_to_the_difference(steps: list[tuple[str, int, int]], tmp_path_factory) -> None:
    base = KnowledgeBase.create(Path(tmp_path_factory.mktemp("kb")) / "kb")
    base.upsert([Entry(f"e{i}", "Title", text="0") for i in range(5)])
    before, held = at(base), {entry.id: entry for entry in base.iterate()}
    for step, number, text in steps:
        if step == "upsert":
            base.upsert([Entry(f"e{number}", "Title", text=str(text))])
        elif step == "delete" and f"e{number}" in base:
            base.delete([f"e{number}"])
        elif step == "compact":
            base.compact()
    now = {entry.id: entry for entry in base.iterate()}
    assert base.differences(*before) == Differences(
        added=tuple(sorted(now.keys() - held.keys())),
        changed=tuple(sorted(i for i in now.keys() & held.keys() if now[i] != held[i])),
        gone=tuple(sorted(held.keys() - now.keys())),
    )
