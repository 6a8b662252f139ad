import json
from pathlib import Path

import pytest

from ravlm.errors import FormatError, PathError
from ravlm.knowledge.keep import keep_base
from ravlm.knowledge.places import REFERENCE, find_base
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry


def test_a_small_base_is_copied_into_the_model(base: KnowledgeBase, tmp_path: Path) -> None:
    model = tmp_path / "model"
    keep_base(base, model)
    before = base.fingerprint
    base.upsert([Entry("new", "New")])
    copy = KnowledgeBase.open(model)
    assert (copy.fingerprint, copy.count_pictures()) == (before, 3)
    assert copy.picture(copy.get("e1").images[0]) == base.picture(base.get("e1").images[0])
    with pytest.raises(PathError, match="already holds"):
        keep_base(base, model)


def test_a_large_base_is_named(base: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ravlm.knowledge.keep.MOST_COPIED", 1000)
    model = tmp_path / "model"
    model.mkdir()
    keep_base(base, model)
    named = json.loads((model / REFERENCE).read_text())
    assert (named["version"], named["fingerprint"]) == (base.version, base.fingerprint)
    assert KnowledgeBase.open(model).location == base.location
    base.upsert([Entry("new", "New")])
    assert "new" in KnowledgeBase.open(model)
    Path(base.location).rename(tmp_path / "elsewhere")
    with pytest.raises(PathError, match=r"not there any more.*knowledge\.json"):
        KnowledgeBase.open(model)
    (model / REFERENCE).write_text("{}")
    with pytest.raises(FormatError, match="does not say where"):
        KnowledgeBase.open(model)


def test_a_location_is_taken_as_it_is() -> None:
    assert find_base("s3://bucket/kb/") == "s3://bucket/kb"
