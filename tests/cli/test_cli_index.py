"""`ravlm index`: indexes are built, follow their base, and tell of themselves."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from command import Ravlm
from pictures import picture
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.encoders.joint import JointEncoder
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry
from ravlm.retrieval.catalogue import found_in, name_of
from ravlm.retrieval.folder import STAMP, _checksum

TEXTS = ["An ant has 6 legs.", "How many legs?", "猫有四条腿。"]


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`model` with an encoder of each side, and `clip`, a joint one."""
    folder = tmp_path_factory.mktemp("encoders")
    torch.manual_seed(0)
    tokenizer = train_tokenizer(TEXTS, 80)
    CompactVisualEncoder(image_size=16, channels=(4, 8), width=8).save_pretrained(folder / "model" / "visual")
    CompactLanguageEncoder(tokenizer=tokenizer, width=16, layers=1, heads=2).save_pretrained(
        folder / "model" / "language"
    )
    tower = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    JointEncoder.from_architecture(
        "clip",
        tokenizer=tokenizer,
        image_size=32,
        vision_config=tower | {"patch_size": 16},
        text_config=tower,
        projection_dim=8,
    ).save_pretrained(folder / "clip")
    return folder


def names(kb: Path) -> list[str]:
    return [found.folder.name for found in found_in(kb / "index")]


def test_words_are_indexed_without_an_encoder(ravlm: Ravlm, kb: Path) -> None:
    built = ravlm("index", "build", kb)
    assert built.code == 0
    assert names(kb) == ["bm25", "tfidf"]
    assert "bm25: 3 rows, " in built.out
    assert "tfidf: 3 rows, " in built.out
    told = ravlm("index", "info", kb, "--json").json
    assert [(about["index"], about["rows"], about["state"], about["damage"]) for about in told["indexes"]] == [
        ("bm25", 3, "up to date", ""),
        ("tfidf", 3, "up to date", ""),
    ]
    assert all(about["engine"] and about["why"] and about["bytes"] > 0 for about in told["indexes"])
    shown = ravlm("index", "info", kb).out
    assert told["indexes"][0]["why"] in shown
    assert "up to date" in shown


def test_an_encoder_decides_what_is_built(ravlm: Ravlm, kb: Path, encoders: Path) -> None:
    base = KnowledgeBase.open(kb)
    base.upsert([Entry("bare", "Bare", text="Nothing to see.")])
    of_model = ravlm("index", "build", kb, "--encoder", encoders / "model", "--json").json["indexes"]
    assert [(about["kind"], about["rows"], about["without"]) for about in of_model] == [
        ("image", 3, {"pictures": 1}),
        ("dense", 4, {"texts": 0}),
    ]
    assert [about["encoder"] for about in of_model] == [
        str(encoders / "model" / side) for side in ("visual", "language")
    ]
    assert of_model[0]["index"] == name_of(
        "image", CompactVisualEncoder.from_pretrained(encoders / "model" / "visual").fingerprint()
    )
    of_clip = ravlm("index", "build", kb, "--encoder", encoders / "clip")
    assert (of_clip.code, "1 entry has no pictures, and can't be found by them." in of_clip.out) == (0, True)
    kinds = [about["kind"] for about in ravlm("index", "info", kb, "--json").json["indexes"]]
    assert sorted(kinds) == ["crossmodal", "dense", "image", "image"]
    side = ravlm("index", "build", kb, "--encoder", encoders / "model" / "language", "--unit", "entry", "--json").json
    assert [(about["kind"], about["unit"], about["rows"]) for about in side["indexes"]] == [("dense", "entry", 4)]
    assert len(names(kb)) == 4, "built anew in the same place"


def test_late_interaction_is_built_when_it_is_asked_for(ravlm: Ravlm, kb: Path, encoders: Path) -> None:
    built = ravlm("index", "build", kb, "--retriever", "late", "--encoder", encoders / "model", "--json").json
    [late] = built["indexes"]
    assert (late["kind"], late["rows"], late["without"]) == ("late", 3, {"texts": 0})
    found = ravlm("search", kb, "How many legs has an ant?", "--retriever", "late", "--json").json
    assert {hit["entry_id"] for hit in found["hits"]} == {"a", "b", "c"}
    seen = ravlm("index", "build", kb, "--retriever", "late", "--encoder", encoders / "model" / "visual", "--json").json
    assert seen["indexes"][0]["without"] == {"pictures": 0}
    assert len(names(kb)) == 2


def test_indexes_follow_their_base(ravlm: Ravlm, kb: Path, encoders: Path) -> None:
    ravlm("index", "build", kb)
    ravlm("index", "build", kb, "--encoder", encoders / "model")
    assert [about["change"] for about in ravlm("index", "refresh", kb, "--json").json["indexes"]] == ["up to date"] * 4
    base = KnowledgeBase.open(kb)
    at = base.version
    base.upsert(
        [Entry("d", "Dog", text="Dogs bark.", images=("7",)), Entry("a", "Ant", text="Ants!")], lambda _: picture(7)
    )
    base.delete(["b"])
    states = [about["state"] for about in ravlm("index", "info", kb, "--json").json["indexes"]]
    assert states == [f"3 entries behind, at version {at}"] * 4
    followed = ravlm("index", "refresh", kb)
    assert followed.code == 0
    assert followed.out.count("1 added, 1 changed, 1 gone; ") == 4
    told = ravlm("index", "info", kb, "--json").json["indexes"]
    assert {about["kind"]: about["rows"] for about in told} == {"bm25": 3, "tfidf": 3, "dense": 3, "image": 2}
    assert {about["state"] for about in told} == {"up to date"}
    found = ravlm("search", kb, "dogs bark", "--json").json["hits"]
    assert [hit["entry_id"] for hit in found] == ["d"]


def test_an_index_of_a_version_that_is_gone_follows_too(ravlm: Ravlm, kb: Path) -> None:
    ravlm("index", "build", kb)
    base = KnowledgeBase.open(kb)
    base.delete(["a"])
    ravlm("knowledge", "compact", kb, "--keep-days", "0")
    assert "does not have any more" in ravlm("index", "info", kb).out
    assert "not kept any more" in ravlm("index", "refresh", kb).out
    assert {about["rows"] for about in ravlm("index", "info", kb, "--json").json["indexes"]} == {2}


def test_indexes_elsewhere(ravlm: Ravlm, kb: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    assert ravlm("index", "build", kb, "--index", there, "--retriever", "bm25").code == 0
    assert (there / "bm25" / STAMP).is_file()
    assert not (kb / "index").exists()
    assert ravlm("index", "info", kb, "--index", there, "--json").json["indexes"][0]["state"] == "up to date"
    assert "There are no indexes in" in ravlm("index", "info", kb).err


def test_an_encoder_that_has_moved(ravlm: Ravlm, kb: Path, encoders: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(encoders / "model", tmp_path / "first")
    ravlm("index", "build", kb, "--encoder", tmp_path / "first")
    (tmp_path / "first").rename(moved)
    KnowledgeBase.open(kb).delete(["a"])
    lost = ravlm("index", "refresh", kb)
    assert (lost.code, "is not where it was" in lost.err, "--encoder" in lost.err) == (2, True, True)
    back = ravlm("index", "refresh", kb, "--encoder", moved, "--json").json["indexes"]
    assert [(about["index"].partition("-")[0], about["change"]) for about in back] == [
        ("dense", "0 added, 0 changed, 1 gone; 2 rows now"),
        ("image", "0 added, 0 changed, 1 gone; 2 rows now"),
    ]


def test_damage_is_named_and_the_others_follow(ravlm: Ravlm, kb: Path) -> None:
    ravlm("index", "build", kb)
    KnowledgeBase.open(kb).delete(["a"])
    (kb / "index" / "bm25" / STAMP).write_text("{}")
    shown = ravlm("index", "info", kb)
    assert (shown.code, "bm25, damaged: The stamp of the index in" in shown.out) == (1, True)
    followed = ravlm("index", "refresh", kb)
    assert (followed.code, "tfidf: 0 added, 0 changed, 1 gone" in followed.out) == (2, True)
    assert "bm25: The stamp" in followed.err
    assert ravlm("index", "build", kb, "--retriever", "bm25").code == 0
    assert {about["state"] for about in ravlm("index", "info", kb, "--json").json["indexes"]} == {"up to date"}


def test_a_damaged_file_is_found_though_the_stamp_is_whole(ravlm: Ravlm, kb: Path) -> None:
    ravlm("index", "build", kb)
    victim = max((p for p in (kb / "index" / "bm25").iterdir() if p.name != STAMP), key=lambda p: p.stat().st_size)
    victim.write_bytes(victim.read_bytes()[:-3])
    told = ravlm("index", "info", kb, "--json")
    assert (told.code, [about["state"] for about in told.json["indexes"]]) == (1, ["damaged", "up to date"])
    followed = ravlm("index", "refresh", kb)
    assert (followed.code, "tfidf: up to date" in followed.out, "bm25" in followed.out) == (2, True, False)
    assert "bm25: The index in" in followed.err


@pytest.mark.parametrize(("key", "value"), [("format", 99), ("kind", "psychic")])
def test_another_format_is_no_damage(ravlm: Ravlm, kb: Path, key: str, value: object) -> None:
    ravlm("index", "build", kb)
    stamp = kb / "index" / "bm25" / STAMP
    about = json.loads(stamp.read_text())
    about.pop("checksum", None)
    about[key] = value
    if key == "kind":
        about["checksum"] = _checksum(about)
    stamp.write_text(json.dumps(about))
    shown = ravlm("index", "info", kb)
    assert (shown.code, f"bm25, other format: The index in {stamp.parent}" in shown.out) == (0, True)
    assert str(value) in shown.out
    assert "damage" not in shown.out
    followed = ravlm("index", "refresh", kb)
    assert (followed.code, "tfidf: up to date" in followed.out, str(value) in followed.err) == (2, True, True)


def test_the_columns_of_info_are_as_wide_as_they_need_to_be(ravlm: Ravlm, kb: Path, encoders: Path) -> None:
    ravlm("index", "build", kb, "--retriever", "late", "--encoder", encoders / "model")
    ravlm("index", "build", kb)
    base = KnowledgeBase.open(kb)
    at = base.version
    base.delete(["a"])
    lines = ravlm("index", "info", kb).out.splitlines()
    assert all(line == line.rstrip() for line in lines)
    headings, bm25, late, _ = lines[2:6]
    assert late.startswith(next(name for name in names(kb) if name.startswith("late")) + "  MaxSim")
    assert bm25[headings.index("engine") :].startswith("bm25s")
    assert bm25[: headings.index("rows") + 4].endswith(" 3")
    assert bm25.endswith(f"1 entry behind, at version {at}")


def test_a_folder_that_can_not_be_written_names_the_way_out(ravlm: Ravlm, kb: Path) -> None:
    (kb / "index").mkdir()
    (kb / "index" / "bm25").write_text("in the way")
    refused = ravlm("index", "build", kb, "--retriever", "bm25")
    assert (refused.code, refused.out, "`--index DIR` puts indexes elsewhere" in refused.err) == (2, "", True)
    searched = ravlm("search", kb, "legs")
    assert (searched.code, "from memory alone" in searched.err, "--index DIR" in searched.err) == (0, True, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("build", "nowhere"), "found nothing"),
        (("build", "kb", "--retriever", "bm52"), "Did you mean 'bm25'"),
        (("build", "kb", "--retriever", "hybrid"), "Choose one of"),
        (("build", "kb", "--retriever", "dense"), "--encoder"),
        (("build", "kb", "--retriever", "bm25", "--encoder", "model"), "Leave --encoder out"),
        (("build", "kb", "--unit", "chapter"), "Choose one of: passage, entry"),
        (("build", "kb", "--structure", "flat"), "--structure"),
        (("build", "kb", "--memory", "0"), "--memory"),
        (("build", "kb", "--encoder", "nowhere/at/all"), "There is no model"),
        (("build", "kb", "--retriever", "image", "--encoder", "model/language"), "compact-language"),
        (("build", "kb", "--retriever", "crossmodal", "--encoder", "model/visual"), "joint"),
        (("build", "kb", "--encoder", "model", "--structure", "tree"), "Choose one of"),
        (("build", "kb", "--index", "file"), "--index DIR"),
        (("info", "kb"), "There are no indexes"),
        (("refresh", "kb"), "There are no indexes"),
        (("info", "s3://bucket/kb"), "can't be reached"),
        (("build",), "KB"),
        (("juggle", "kb"), "juggle"),
    ],
)
def test_bad_input_ends_in_2_and_leaves_nothing(
    ravlm: Ravlm,
    kb: Path,
    encoders: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    Path("model").symlink_to(encoders / "model")
    Path("file").write_text("")
    outcome = ravlm("index", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert not list((kb / "index").rglob("*")) if (kb / "index").exists() else True
