"""Files that are missing, damaged, of another benchmark or of another split: told at once, and nothing is written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import authors_files as authors
from ravlm.data.published.write import Kept, write_published
from ravlm.errors import DatasetError, FormatError, PathError, RavlmError

Spoil = Callable[[Path], Any]
QUESTIONS, ANNOTATIONS = "OpenEnded_mscoco_train2014_questions.json", "mscoco_train2014_annotations.json"
VAL_QUESTIONS, VAL_ANNOTATIONS = QUESTIONS.replace("train", "val"), ANNOTATIONS.replace("train", "val")


def edit(name: str, change: Callable[[Any], Any]) -> Spoil:
    """Change the one JSON file of this name below the folder."""

    def spoil(folder: Path) -> None:
        [path] = folder.rglob(name)
        value = authors.read_json(path)
        authors.write_json(path, change(value) or value)

    return spoil


def edit_lines(name: str, change: Callable[[list[Any]], Any]) -> Spoil:
    def spoil(folder: Path) -> None:
        [path] = folder.rglob(name)
        values = [json.loads(line) for line in path.read_text().splitlines()]
        authors.write_jsonl(path, change(values) or values)

    return spoil


def remove(name: str) -> Spoil:
    return lambda folder: [path.unlink() for path in folder.rglob(name)]


def replace(name: str, by: str) -> Spoil:
    return lambda folder: (folder / name).write_bytes((folder / by).read_bytes())


def text(name: str, old: str, new: str) -> Spoil:
    def spoil(folder: Path) -> None:
        [path] = folder.rglob(name)
        content = path.read_text(encoding="utf-8")
        assert old in content
        path.write_text(content.replace(old, new), encoding="utf-8")

    return spoil


def write(name: str, data: bytes) -> Spoil:
    def spoil(folder: Path) -> None:
        [path] = folder.rglob(name)
        path.write_bytes(data)

    return spoil


def copy_into(name: str, folder_name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / folder_name).mkdir()
        (folder / folder_name / name).write_text("{}")

    return spoil


OKVQA: list[tuple[Spoil, str]] = [
    (remove(ANNOTATIONS), f"has no {ANNOTATIONS} (their answers: OK-VQA's train2014), in no folder below it either"),
    (remove(VAL_QUESTIONS), f"Files there: {QUESTIONS}"),
    (edit(QUESTIONS, lambda v: v["questions"].append(v["questions"][0])), "'10005' more than once, expected an id"),
    (edit(ANNOTATIONS, lambda v: v["annotations"].append(v["annotations"][0])), f"{ANNOTATIONS}, field id: found"),
    (
        edit(ANNOTATIONS, lambda v: v["annotations"].pop() and None),
        f"1 times a question that {ANNOTATIONS} doesn't answer (10015)",
    ),
    (
        edit(QUESTIONS, lambda v: v["questions"].pop() and None),
        f"1 times an annotation of no question in {QUESTIONS} (10015)",
    ),
    (replace(ANNOTATIONS, VAL_ANNOTATIONS), "field data_subtype: found 'val2014', expected 'train2014'"),
    (replace(QUESTIONS, ANNOTATIONS), "found another file's content (an object with annotations, data_subtype"),
    (edit(ANNOTATIONS, lambda v: [{"answer": 1}]), "found another file's content (a list of 1 with answer)"),
    (
        edit(ANNOTATIONS, lambda v: v["annotations"][1].update(image_id=7)),
        "field 10006 image_id: found 7, expected 1000",
    ),
    (edit(QUESTIONS, lambda v: v["info"].update(description="This is v1.0 of the VQA dataset.")), "a file of OK-VQA"),
    (edit(QUESTIONS, lambda v: v["questions"][0].update(question_id="x")), "field questions.0.question_id: found 'x'"),
    (edit(QUESTIONS, lambda v: v["questions"][0].update(question=" ")), "field 10005 question: found ''"),
    (
        edit(ANNOTATIONS, lambda v: v["annotations"][0].update(answers=[])),
        "field 10005 answers: found []",
    ),
    (edit(ANNOTATIONS, lambda v: v["annotations"][0].update(answers=[{"raw": "x"}])), "annotations.0.answers.0"),
    (edit(QUESTIONS, lambda v: v.update(questions=[])), f"{QUESTIONS}: found nothing in it"),
    (write(QUESTIONS, b'{"questions": ['), "another file's content (no JSON"),
    (edit(VAL_ANNOTATIONS, lambda v: v.clear()), f"{VAL_ANNOTATIONS}: found another file's content (an object with )"),
    (copy_into(QUESTIONS, "old"), f"several different files {QUESTIONS}: {QUESTIONS}, old/{QUESTIONS}"),
    (
        remove("COCO_*1000.jpg"),
        "lacks 1 of the pictures that are named (3 are there), which takes away 2 of 6 questions",
    ),
]
OTHERS: list[tuple[str, Callable[[Path], Path], Spoil, str]] = [
    ("aokvqa", authors.aokvqa, remove("aokvqa_v1p0_val.json"), "has no aokvqa_v1p0_val.json"),
    (
        "aokvqa",
        authors.aokvqa,
        replace("aokvqa_v1p0_train.json", "aokvqa_v1p0_val.json"),
        "field split: found 'val', expected 'train'",
    ),
    (
        "aokvqa",
        authors.aokvqa,
        replace("aokvqa_v1p0_val.json", "aokvqa_v1p0_test.json"),
        "field [0].correct_choice_idx: found no such field",
    ),
    (
        "aokvqa",
        authors.aokvqa,
        edit("aokvqa_v1p0_val.json", lambda v: {"questions": v}),
        "another file's content (an object with questions), expected A-OKVQA's list of questions of val",
    ),
    (
        "aokvqa",
        authors.aokvqa,
        edit("aokvqa_v1p0_val.json", lambda v: v[0].update(question_id="train0", split="val")),
        "'train0' more than once",
    ),
    ("infoseek", authors.infoseek, remove("Wiki6M*"), "has no Wiki6M_ver_1_0.jsonl (the articles of InfoSeek"),
    ("infoseek", authors.infoseek, remove("infoseek_val_withkb.jsonl"), "has no infoseek_val_withkb.jsonl"),
    (
        "infoseek",
        authors.infoseek,
        edit_lines("infoseek_val_withkb.jsonl", lambda v: v[:1]),
        "infoseek_val_00000001: found a question without its entity",
    ),
    (
        "infoseek",
        authors.infoseek,
        edit_lines("infoseek_val_withkb.jsonl", lambda v: [*v, v[0]]),
        "'infoseek_val_00000000' more than once, expected one entity a question",
    ),
    (
        "infoseek",
        authors.infoseek,
        edit_lines("infoseek_train.jsonl", lambda v: v[:1]),
        "1 entities of no question (infoseek_train_00000001)",
    ),
    (
        "infoseek",
        authors.infoseek,
        edit_lines("infoseek_val.jsonl", lambda v: v[0].update(data_split="train")),
        "data_split: found 'train', expected val...",
    ),
    (
        "infoseek",
        authors.infoseek,
        edit_lines("infoseek_val.jsonl", lambda v: v[0].pop("answer") and None),
        "infoseek_val.jsonl, line 1, field answer: found no such field",
    ),
    ("evqa", authors.evqa, remove("encyclopedic_kb_wiki.json"), "has no encyclopedic_kb_wiki.json"),
    ("evqa", authors.evqa, replace("val.csv", "test.csv"), "encyclopedic_vqa_split: found 'test', expected 'val'"),
    ("evqa", authors.evqa, text("test.csv", "question_type", "kind"), "expected also question_type"),
    ("evqa", authors.evqa, text("test.csv", "templated", "other"), "found 'other', expected one of templated"),
    ("evqa", authors.evqa, text("test.csv", "0a1b2c3d4e5f6789", "|"), "found no photo, expected at least one id"),
    ("evqa", authors.evqa, write("encyclopedic_kb_wiki.json", b'{"a": {"title": "A", '), "is damaged or cut off"),
    ("evqa", authors.evqa, write("encyclopedic_kb_wiki.json", b"[]"), "expected one JSON object, found '[]'"),
    ("evqa", authors.evqa, write("encyclopedic_kb_wiki.json", b'{"a": {"title": "A"}}'), "field a: found KeyError"),
    ("evqa", authors.evqa, write("test.csv", b"question\n\xff\xfe"), "Get the authors' file again"),
    ("fvqa", authors.fvqa, remove("all_fact_triples_release.json"), "has no all_fact_triples_release.json"),
    ("fvqa", authors.fvqa, remove("test_list_0.txt"), "has no test_list_0.txt (the photos of test in FVQA's split 0)"),
    (
        "fvqa",
        authors.fvqa,
        lambda folder: (folder / "Name_Lists" / "test_list_0.txt").write_text("ILSVRC2012_test_00050748.JPEG\n"),
        "found 1 photos in both, for instance ILSVRC2012_test_00050748.JPEG",
    ),
    ("fvqa", authors.fvqa, edit("all_qs_dict_release.json", lambda v: v["270"].pop("answer") and None), "270.answer"),
    ("viquae", authors.viquae, remove("validation.jsonl"), "has no validation.jsonl (ViQuAE's questions of val)"),
    ("viquae", authors.viquae, remove("non_humans*"), "has no non_humans.jsonl"),
    ("viquae", authors.viquae, edit_lines("test.jsonl", lambda v: v * 2), "'qw_2' more than once"),
    ("coco-captions", authors.coco_captions, remove("captions_train2017.json"), "the files of others are not needed"),
    (
        "coco-captions",
        authors.coco_captions,
        edit("captions_val2017.json", lambda v: v["images"].pop(0) and None),
        "found 5 captions of no photo in `images` (11)",
    ),
    (
        "coco-captions",
        authors.coco_captions,
        edit("captions_val2017.json", lambda v: v.pop("images") and None),
        "expected COCO's captions of val2017",
    ),
    ("flickr30k", authors.karpathy, lambda folder: None, "has no dataset_flickr30k.json"),
    (
        "flickr30k",
        lambda folder: authors.karpathy(folder, "flickr30k"),
        edit("dataset_flickr30k.json", lambda v: v.update(dataset="coco")),
        "field dataset: found 'coco', expected 'flickr30k'",
    ),
    (
        "flickr30k",
        lambda folder: authors.karpathy(folder, "flickr30k"),
        edit("dataset_flickr30k.json", lambda v: v["images"][0].update(split="dev")),
        "field split: found dev, expected train, restval, val, test",
    ),
    ("image-folder", authors.image_folder, remove("*.jpg"), "has no pictures in folders of classes"),
]


def refuse(name: str, source: Path, said: str, **options: Any) -> None:
    """The source is refused, and there is nothing beside it afterwards."""
    before = sorted(source.parent.rglob("*"))
    with pytest.raises(RavlmError) as error:
        write_published(name, source, source.parent / "out", **options)
    assert isinstance(error.value, DatasetError | PathError | FormatError)
    assert said in str(error.value)
    assert sorted(source.parent.rglob("*")) == before


@pytest.mark.parametrize(("spoil", "said"), OKVQA, ids=[said[:50] for _, said in OKVQA])
def test_of_okvqa(tmp_path: Path, spoil: Spoil, said: str) -> None:
    source = authors.vqa(tmp_path / "in")
    spoil(source)
    refuse("okvqa", source, said)


@pytest.mark.parametrize(("name", "layout", "spoil", "said"), OTHERS, ids=[f"{o[0]} {o[3][:40]}" for o in OTHERS])
def test_of_others(tmp_path: Path, name: str, layout: Callable[[Path], Path], spoil: Spoil, said: str) -> None:
    source = layout(tmp_path / "in")
    spoil(source)
    refuse(name, source, said)


def test_okvqa_is_no_vqa2(tmp_path: Path) -> None:
    source = authors.vqa(tmp_path / "in", prefix="v2_", said="OK-VQA")
    refuse("vqa2", source, "expected a file of VQA v2")


def test_soft_scores_of_another_split(tmp_path: Path) -> None:
    source = authors.vqa(tmp_path / "in")
    remove(ANNOTATIONS)(source)
    soft = [{"sent": "?", "question_id": 10005, "label": {"a": 1.0}, "img_id": "COCO_val2014_000000001000"}]
    authors.write_json(source / "train.json", soft)
    refuse("okvqa", source, "field 10005 img_id: found 'COCO_val2014_000000001000', expected a photo of train2014")


def test_flickr_lines_and_lists(tmp_path: Path) -> None:
    source = authors.flickr_entities(tmp_path / "in")
    (source / "test.txt").write_text("77\n")
    refuse("flickr30k", source, "found 1 photos without captions in results_20130124.token (77)", variant="entities")
    (source / "results_20130124.token").write_text("1000.jpg 0 Words\n")
    refuse("flickr30k", source, "results_20130124.token, line 1: found '1000.jpg 0 Words'", variant="entities")


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name, found in (("nowhere", "nothing"), ("file", "a file")):
        with pytest.raises(PathError, match=f"is no folder: found {found}"):
            write_published("okvqa", tmp_path / name, tmp_path / "out")
    source = authors.vqa(tmp_path / "in")
    refuse("okvqa", source, "is no folder: found nothing", images=[tmp_path / "gone"])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("keep")
    refuse("okvqa", source, "already holds something")


def test_a_picture_that_leads_out_is_not_linked(tmp_path: Path) -> None:
    source = authors.karpathy(tmp_path / "in", "flickr30k")
    authors.write_photo(tmp_path / "secret.jpg", 1)
    edit("dataset_flickr30k.json", lambda v: v["images"][0].update(filename="../../secret.jpg"))(source)
    refuse("flickr30k", source, "lacks 1 of the pictures")
    authors.write_photo(source / "flickr30k-images" / "secret.jpg", 1)
    refuse("flickr30k", source, "goes up with '..'")


@pytest.mark.parametrize("ids", ["", "10005\nnowhere\n"])
def test_ids_of_no_question(tmp_path: Path, ids: str) -> None:
    source = authors.vqa(tmp_path / "in")
    (tmp_path / "ids.txt").write_text(ids)
    said = "names 1 questions that are not in what was read" if ids else "None of the 6 questions"
    refuse("okvqa", source, said, kept=Kept(ids=tmp_path / "ids.txt"))
