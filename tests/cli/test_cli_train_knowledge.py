"""`ravlm train --knowledge`: a base of one's own under a model."""

import shutil
from pathlib import Path

from command import Ravlm
from ravlm.knowledge.build import build
from ravlm.knowledge.sources.dataset import DatasetSource
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry


def test_a_model_keeps_a_copy_of_a_small_base(ravlm: Ravlm, coloured: Path, tiny: Path, tmp_path: Path) -> None:
    build(DatasetSource(coloured), tmp_path / "kb")
    own = KnowledgeBase.open(tmp_path / "kb")
    own.upsert([Entry("extra", "Extra", text="Nobody asks about it.")])
    arguments = ("train", tiny, "--data", coloured, "--knowledge", tmp_path / "kb", "--out", tmp_path / "model")
    trained = ravlm(*arguments)
    assert trained.code == 0, trained.err
    kept = KnowledgeBase.open(tmp_path / "model")
    assert (kept.fingerprint, kept.location) == (own.fingerprint, str(tmp_path / "model" / "knowledge"))
    assert ravlm("evaluate", tmp_path / "model", "--data", coloured, "--out", tmp_path / "run").code == 0


def test_a_base_without_the_entries_is_refused(ravlm: Ravlm, coloured: Path, tiny: Path, tmp_path: Path) -> None:
    other = shutil.copytree(coloured, tmp_path / "data")
    KnowledgeBase.create(tmp_path / "kb").upsert([Entry("x", "X", text="x")])
    refused = ravlm("train", tiny, "--data", other, "--knowledge", tmp_path / "kb", "--out", tmp_path / "model")
    assert (refused.code, (tmp_path / "model").exists()) == (2, False)
    assert "lacks" in refused.err
    assert "ravlm knowledge add" in refused.err
    nowhere = ravlm("train", tiny, "--data", other, "--knowledge", tmp_path / "no", "--out", tmp_path / "model")
    assert (nowhere.code, "no knowledge base" in nowhere.err) == (2, True)
