"""`ravlm dataset make|check` of published benchmarks as a user calls them; on real files where these are."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import authors_files as authors
from coloured_dataset import TINY
from command import Ravlm
from ravlm.cli.published import NAMES
from small_dataset import lines_of

REAL = Path(__file__).parents[3] / "shared" / "data"
LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "vqa2": lambda folder: authors.vqa(folder, prefix="v2_", said="VQA"),
    "okvqa": authors.vqa,
    "aokvqa": authors.aokvqa,
    "infoseek": authors.infoseek,
    "evqa": authors.evqa,
    "fvqa": authors.fvqa,
    "viquae": authors.viquae,
    "coco-captions": authors.coco_captions,
    "flickr30k": lambda folder: authors.karpathy(folder, "flickr30k"),
    "image-folder": authors.image_folder,
}


def real(name: str) -> Path:
    if not (REAL / name).is_dir():
        pytest.skip(f"no real files: {REAL / name} is absent")
    return REAL / name


@pytest.mark.parametrize("name", NAMES)
def test_make_and_check(ravlm: Ravlm, tmp_path: Path, name: str) -> None:
    source, out = LAYOUTS[name](tmp_path / "in"), tmp_path / "out"
    outcome = ravlm("dataset", "make", name, source, "--out", out)
    assert outcome.code == 0
    assert "declared subset" not in outcome.err
    if name == "image-folder":
        assert outcome.out.endswith(f"Next: ravlm knowledge build dataset {out} --out {out}-kb\n")
        return
    assert outcome.out.endswith(f"Next: ravlm dataset check {out} --published {name}\n")
    compared = ravlm("dataset", "check", out, "--published", name)
    assert compared.code == 1  # a handful of questions are not the whole benchmark
    assert "as published" in compared.out
    as_json = ravlm("dataset", "check", out, "--published", name, "--json")
    assert as_json.code == 1
    assert as_json.json["published"]["name"] == name
    assert all(count["found"] < count["published"] for count in as_json.json["published"]["counts"])
    assert ravlm("dataset", "check", out).code == 0


def test_a_part_says_so(ravlm: Ravlm, tmp_path: Path) -> None:
    source, out = authors.vqa(tmp_path / "in"), tmp_path / "out"
    shutil.rmtree(source / "val2014")
    refused = ravlm("dataset", "make", "okvqa", source, "--out", out)
    assert (refused.code, refused.out) == (2, "")
    assert "takes away 3 of 6 questions" in refused.err
    made = ravlm("dataset", "make", "okvqa", source, "--pictures", "there", "--out", out, "--json")
    assert made.json["name"] == "okvqa (subset: 3 of 6 questions)"
    assert made.json["subset"] == ["pictures that are there: 2 are missing"]
    assert (made.json["train"], made.json["test"], made.json["benchmark"]["of"]) == (3, 0, {"train": 3, "test": 3})
    compared = ravlm("dataset", "check", out, "--published", "okvqa")
    assert "A declared subset: pictures that are there: 2 are missing." in compared.out
    assert "| train questions |" in compared.out
    [one, other] = ravlm("dataset", "check", out, "--published", "okvqa", "--json").json["faults"]
    assert {one["field"], other["field"]} == {"benchmark.of.train", "benchmark.of.test"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("make", "okvqa"), "needs its SOURCE: the folder with the questions and annotations"),
        (("make", "okvq", "in"), "Did you mean 'okvqa'?"),
        (("make", "okvqa", "in", "--variant", "2017"), "it has one form only"),
        (("make", "coco-captions", "in", "--variant", "2016"), "Choose one of: 2017, 2014, karpathy"),
        (("make", "okvqa", "in", "--split", "val"), "no split of okvqa with published answers 'val'"),
        (("make", "vqa2", "in", "--split", "test"), "Choose one of: train, val"),
        (("make", "okvqa", "in", "--ask", "choices"), "one only: leave it out"),
        (("make", "aokvqa", "in", "--ask", "choice"), "Did you mean 'choices'?"),
        (("make", "okvqa", "in", "--pictures", "some"), "Choose one of: all, there, none"),
        (("make", "infoseek", "in", "--articles", "few"), "Choose one of: all, asked, none"),
        (("make", "okvqa", "in", "--base", "photos"), "okvqa has none of them"),
        (("make", "okvqa", "in", "--subset", "nowhere.txt"), "There is no file nowhere.txt"),
        (("make", "flags", "--pictures", "there"), "--pictures: of benchmarks alone"),
        (("make", "grocery", "in", "--split", "train", "--images", "in"), "--images, --split: of benchmarks alone"),
        (("make", "vqa2", "in"), "has no v2_OpenEnded_mscoco_train2014_questions.json (the questions of VQA v2's"),
        (("check", "out", "--published", "imagenet"), "There is no benchmark with published counts 'imagenet'"),
        (("check", "out", "--published", "image-folder"), "no benchmark with published counts 'image-folder'"),
    ],
)
def test_wrong_input_ends_in_2_and_writes_nothing(
    ravlm: Ravlm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    authors.vqa(Path("in"))
    if arguments[0] == "check":
        assert ravlm("dataset", "make", "okvqa", "in", "--out", "out").code == 0
    before = sorted(Path().rglob("*"))
    outcome = ravlm("dataset", *arguments, *(["--out", "new"] if arguments[0] == "make" else []))
    assert (outcome.code, outcome.out) == (2, "")
    assert said in " ".join(outcome.err.replace("│", "").split())
    assert sorted(Path().rglob("*")) == before


def test_every_fault_of_the_dataset_is_told_too(ravlm: Ravlm, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert ravlm("dataset", "make", "okvqa", authors.vqa(tmp_path / "in"), "--out", out).code == 0
    (out / "images" / "val2014" / "COCO_val2014_000000002000.jpg").unlink()
    shown = ravlm("dataset", "check", out, "--published", "okvqa")
    assert "test.jsonl, line 1, field images.0: found no file" in shown.out
    assert "1 picture is not there; 2 questions show them." in shown.out


def test_another_benchmark_is_a_fault(ravlm: Ravlm, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ravlm("dataset", "make", "okvqa", authors.vqa(tmp_path / "in"), "--out", out)
    outcome = ravlm("dataset", "check", out, "--published", "vqa2")
    assert outcome.code == 1
    assert "field benchmark: found 'okvqa', expected 'vqa2'" in outcome.out


def test_the_text_alone_is_never_trained_on(ravlm: Ravlm, tmp_path: Path, tiny: Path) -> None:
    out = tmp_path / "out"
    ravlm("dataset", "make", "okvqa", authors.vqa(tmp_path / "in"), "--pictures", "none", "--out", out)
    outcome = ravlm("train", tiny, "--data", out, "--out", tmp_path / "model")
    assert outcome.code == 2
    assert outcome.err.count("pictures are not there") == 1
    assert not (tmp_path / "model").exists()


def as_okvqa(coloured: Path, folder: Path) -> Path:
    """The coloured things' questions and photos, as the authors of OK-VQA would publish them."""
    for number, (split, part) in enumerate((("train", "train2014"), ("test", "val2014")), start=1):
        images: dict[str, int] = {}
        questions, annotations = [], []
        for place, line in enumerate(lines_of(coloured / f"{split}.jsonl")):
            image = images.setdefault(line["images"][0], 10_000 * number + len(images))
            key = {"image_id": image, "question_id": 1000 * image + place}
            questions.append(key | {"question": line["question"]})
            answers = authors.ten({line["answers"][0]: 7, "nobody": 3})
            annotations.append(key | {"question_type": "one", "answer_type": "other", "answers": answers})
        head = {"info": {"description": "This is v1.0 of the OK-VQA dataset."}, "data_subtype": part}
        authors.write_json(folder / f"OpenEnded_mscoco_{part}_questions.json", {**head, "questions": questions})
        authors.write_json(folder / f"mscoco_{part}_annotations.json", {**head, "annotations": annotations})
        for path, image in images.items():
            (folder / part).mkdir(exist_ok=True)
            shutil.copyfile(coloured / path, folder / part / f"COCO_{part}_{image:012d}.jpg")
    return folder


def test_a_model_learns_from_questions_that_name_no_entry(
    ravlm: Ravlm, tmp_path: Path, coloured: Path, tiny: Path
) -> None:
    """OK-VQA with a knowledge base of one's own: matching is left out, for nobody says which entry a photo shows."""
    data, base, model = tmp_path / "okvqa", tmp_path / "kb", tmp_path / "model"
    assert ravlm("dataset", "make", "okvqa", as_okvqa(coloured, tmp_path / "in"), "--out", data).code == 0
    assert ravlm("knowledge", "build", "dataset", coloured, "--out", base).code == 0
    few = TINY.replace("steps = 150", "steps = 2")
    (tmp_path / "match.toml").write_text(few)
    refused = ravlm("train", tmp_path / "match.toml", "--data", data, "--knowledge", base, "--out", model)
    assert refused.code == 2
    assert "where no question names its entries, leave matching out (training.match.steps = 0)" in refused.err
    (tmp_path / "read.toml").write_text(few.replace("steps = 40", "steps = 0"))
    trained = ravlm("train", tmp_path / "read.toml", "--data", data, "--knowledge", base, "--out", model)
    assert trained.code == 0
    run = tmp_path / "run"
    given = ravlm("evaluate", model, "--data", data, "--evidence", "retrieved", "--evidence", "none", "--out", run)
    assert given.code == 0
    assert json.loads((run / "run.json").read_text())["dataset"]["name"] == "okvqa"


def test_a_run_bears_the_name_of_a_part(ravlm: Ravlm, tmp_path: Path, trained: Path, coloured: Path) -> None:
    data, run = tmp_path / "okvqa", tmp_path / "run"
    source = as_okvqa(coloured, tmp_path / "in")
    assert ravlm("dataset", "make", "okvqa", source, "--split", "test", "--out", data).code == 0
    assert ravlm("evaluate", trained, "--data", data, "--evidence", "retrieved", "--out", run).code == 0
    assert json.loads((run / "run.json").read_text())["dataset"]["name"] == "okvqa (subset: test alone)"


def test_the_real_questions_of_okvqa(ravlm: Ravlm, tmp_path: Path) -> None:
    source, out = real("okvqa"), tmp_path / "okvqa"
    refused = ravlm("dataset", "make", "okvqa", source, "--out", out)
    assert refused.code == 2
    assert "lacks 14,031 of the pictures that are named (0 are there), which takes away 14,055 of 14,055" in refused.err
    made = ravlm("dataset", "make", "okvqa", source, "--pictures", "none", "--out", out, "--json").json
    assert (made["train"], made["test"], made["name"]) == (9_009, 5_046, "okvqa (subset: text alone)")
    compared = ravlm("dataset", "check", out, "--published", "okvqa", "--json")
    assert compared.code == 0
    assert compared.json["published"]["missing"] == {"pictures": 14_031, "questions": 14_055}
    for count in compared.json["published"]["counts"]:
        assert count["found"] == count["published"]


def test_the_real_captions_of_coco(ravlm: Ravlm, tmp_path: Path) -> None:
    source, out = real("coco"), tmp_path / "coco"
    options = ("--split", "val", "--out", out, "--json")
    refused = ravlm("dataset", "make", "coco-captions", source, *options)
    assert refused.code == 2
    assert "lacks 4,950 of the pictures that are named (50 are there), which takes away 4,950 of 5,000" in refused.err
    part = ravlm("dataset", "make", "coco-captions", source, "--pictures", "there", *options).json
    assert part["val"] == 50
    assert ravlm("dataset", "check", out, "--published", "coco-captions").code == 0
    texts = tmp_path / "texts"
    arguments = ("--split", "val", "--pictures", "none", "--out", texts)
    assert ravlm("dataset", "make", "coco-captions", source, *arguments).code == 0
    counts = ravlm("dataset", "check", texts, "--published", "coco-captions", "--json").json["published"]["counts"]
    found = {f"{count['split']} {count['what']}": count["found"] for count in counts}
    assert (found["val pictures"], found["val captions"]) == (5_000, 25_014)
