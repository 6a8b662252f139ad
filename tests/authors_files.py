"""Small folders in the layouts in which authors publish benchmarks. Names and fields are theirs, contents ours."""

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pictures import picture

Json = Any


def write_json(path: Path, value: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def read_json(path: Path) -> Json:
    return json.loads(path.read_text(encoding="utf-8"))


def write_jsonl(path: Path, values: Sequence[Json]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(f"{json.dumps(value)}\n" for value in values).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_photo(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(seed, "PNG" if path.suffix == ".png" else "JPEG"))


def ten(answers: Mapping[str, int]) -> list[Json]:
    """Ten annotators' answers, as VQA's files hold them."""
    given = [answer for answer, number in answers.items() for _ in range(number)]
    return [{"answer_id": i, "answer": a, "answer_confidence": "yes"} for i, a in enumerate(given, start=1)]


ANSWERS = ({"bus": 6, "a bus": 3, "truck": 1}, {"red": 10}, {"2": 5, "two": 4, "": 1})


def vqa(
    folder: Path, parts: Sequence[str] = ("train2014", "val2014"), *, prefix: str = "", said: str = "OK-VQA"
) -> Path:
    """VQA v2 (prefix `v2_`) or OK-VQA: three questions a part about two photos, ten annotators each."""
    for number, part in enumerate(parts):
        first = 1000 * (number + 1)
        asked = [(first * 10 + 5, first), (first * 10 + 6, first), ((first + 1) * 10 + 5, first + 1)]
        info = {"description": f"This is v{'2' if prefix else '1'}.0 of the {said} dataset.", "version": "1.0"}
        questions = [
            {"image_id": image, "question": f"What is number {place}?", "question_id": key}
            for place, (key, image) in enumerate(asked)
        ]
        annotations = [
            {
                "image_id": image,
                "question_id": key,
                "question_type": "one",
                "answer_type": "other",
                "answers": ten(ANSWERS[place]),
                "confidence": 3,
            }
            for place, (key, image) in enumerate(asked)
        ]
        head = {"info": info, "license": {"name": "CC BY 4.0"}, "data_type": "mscoco", "data_subtype": part}
        write_json(
            folder / f"{prefix}OpenEnded_mscoco_{part}_questions.json",
            {**head, "task_type": "Open-Ended", "questions": questions},
        )
        types = {} if prefix else {"question_types": {"one": "Vehicles and Transportation"}}
        write_json(folder / f"{prefix}mscoco_{part}_annotations.json", {**head, **types, "annotations": annotations})
        for image in (first, first + 1):
            write_photo(folder / part / f"COCO_{part}_{image:012d}.jpg", image)
    return folder


def aokvqa(folder: Path) -> Path:
    for number, split in enumerate(("train", "val", "test")):
        records = []
        for place in range(2):
            image = 100 * number + place + 1
            record: dict[str, Json] = {
                "split": split,
                "image_id": image,
                "question_id": f"{split}{place}",
                "question": "What is it awaiting?",
                "choices": ["skateboarder", "train", "delivery", "cab"],
            }
            if split != "test":
                record |= {
                    "correct_choice_idx": 3,
                    "direct_answers": ["cab"] * 6 + ["taxi"] * 3 + ["ride"],
                    "difficult_direct_answer": bool(place),
                    "rationales": ["A train would not be on the street.", "It waits.", "A cab is left."],
                }
            records.append(record)
            write_photo(folder / f"{split}2017" / f"{image:012d}.jpg", image)
        write_json(folder / f"aokvqa_v1p0_{split}.json", records)
    return folder


def infoseek(folder: Path, *, compressed: bool = True) -> Path:
    """Two questions of train about Q1, and of val one about the unseen entity Q2, one unseen question about Q1."""
    data = folder / "infoseek_data"
    rows = {
        "train": [("0", "Q1", "train", "Spain"), ("1", "Q1", "train", "1990")],
        "val": [("0", "Q2", "val_unseen_entity", "France"), ("1", "Q1", "val_unseen_question", "Iberia")],
    }
    for number, (split, some) in enumerate(rows.items()):
        records, entities, types = [], [], []
        for place, entity, part, answer in some:
            name, image = f"infoseek_{split}_{int(place):08d}", f"oven_{number}{int(place):07d}"
            evaluated: Json = [answer, f"the {answer}"] if not answer.isdecimal() else [{"range": [1989, 1991]}]
            records.append(
                {
                    "data_id": name,
                    "image_id": image,
                    "question": "What is this named after?",
                    "answer": [answer],
                    "answer_eval": evaluated,
                    "data_split": part,
                }
            )
            entities.append({"data_id": name, "entity_id": entity, "entity_text": f"Thing {entity}"})
            types.append({"data_id": name, "question_type": "String"})
            suffix = ".JPEG" if place == "1" else ".jpg"
            write_photo(folder / "oven_images" / f"{number:02d}" / f"{image}{suffix}", 10 * number + int(place))
        write_jsonl(data / f"infoseek_{split}.jsonl", records)
        write_jsonl(data / f"infoseek_{split}_withkb.jsonl", entities)
        if split == "val":
            write_jsonl(data / "infoseek_val_qtype.jsonl", types)
    articles = [
        {"wikidata_id": "Q1", "wikipedia_title": "One", "wikipedia_content": "It lies in Spain. Since 1990 in Iberia."},
        {"wikidata_id": "Q2", "wikipedia_title": "Two", "wikipedia_content": "", "wikipedia_summary": "Two is a town."},
        {"wikidata_id": "Q3", "wikipedia_title": "Three", "wikipedia_content": "Nobody asks."},
    ]
    write_jsonl(folder / f"Wiki6M_ver_1_0.jsonl{'.gz' if compressed else ''}", articles)
    write_photo(folder / "wikipedia_images_full" / "Q1" / "Q1.jpg", 77)
    return folder


EVQA_FIELDS = [
    "question",
    "question_original",
    "answer",
    "dataset_image_ids",
    "dataset_name",
    "dataset_category_id",
    "question_type",
    "wikipedia_url",
    "wikipedia_title",
    "evidence",
    "evidence_section_id",
    "evidence_section_title",
    "encyclopedic_vqa_split",
    "wikipedia_url_used_in_train",
]


def evqa(folder: Path) -> Path:
    """A row of each type; photos of iNaturalist (by number, under names of its lists) and of Landmarks (by id)."""
    one, two = "https://en.wikipedia.org/wiki/One", "https://en.wikipedia.org/wiki/Two"
    rows = {
        "train": [("automatic", "old stone|stone", "1|2", "inaturalist", one, "Parts")],
        "val": [("multi_answer", "red&&blue|red&&blue&&green", "3", "inaturalist", one, "Parts")],
        "test": [
            ("templated", "Paris", "0a1b2c3d4e5f6789", "landmarks", two, "Two"),
            ("2_hop", "Rome", "0a1b2c3d4e5f6790", "landmarks", f"{one}|{two}", "Parts|Two"),
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for split, some in rows.items():
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, EVQA_FIELDS)
            table.writeheader()
            for kind, answer, images, source, url, section in some:
                table.writerow(
                    {
                        "question": 'What is this, "really"?',
                        "answer": answer,
                        "dataset_image_ids": images,
                        "dataset_name": source,
                        "question_type": kind,
                        "wikipedia_url": url,
                        "evidence_section_title": section,
                        "encyclopedic_vqa_split": split,
                        "wikipedia_url_used_in_train": str(url == one) if split != "train" else "True",
                    }
                )
    titles = {one: ["One", "Parts"], two: ["Two", "Places"]}
    texts = {one: ["One is a thing.", "It is of old stone, red and blue."], two: ["Two lies in Paris.", ""]}
    articles = {
        url: {
            "title": titles[url][0],
            "section_titles": titles[url],
            "section_texts": texts[url],
            "image_urls": [f"https://upload.wikimedia.org/{titles[url][0]}.jpg"],
            "image_reference_descriptions": ["é"],
            "image_section_indices": [0],
            "url": url,
        }
        for url in titles
    }
    write_json(folder / "encyclopedic_kb_wiki.json", articles)
    lists: dict[str, list[Json]] = {"train": [], "val": []}
    for number in (1, 2, 3):
        split = "val" if number == 3 else "train"
        name = f"{split}/00000_Animalia/{number:08x}-aaaa.jpg"
        lists[split].append({"id": number, "file_name": name, "width": 24, "height": 16})
        write_photo(folder / "inat" / name, number)
    for split, images in lists.items():
        write_json(folder / "inat" / f"{split}.json", {"images": images, "annotations": [], "info": {}})
    for number, name in enumerate(("0a1b2c3d4e5f6789", "0a1b2c3d4e5f6790")):
        write_photo(folder / "landmarks" / "train" / "0" / "a" / "1" / f"{name}.jpg", 50 + number)
    return folder


def fvqa(folder: Path) -> Path:
    release = folder / "new_dataset_release"
    facts = {
        "conceptnet/e/1": {
            "KB": "conceptnet",
            "e1": "/c/en/trumpet",
            "e1_label": "a trumpet",
            "e2": "/c/en/jazz_club",
            "e2_label": "a jazz club",
            "r": "/r/AtLocation",
            "surface": "You are likely to find [[a trumpet]] in [[a jazz club]]",
        },
        "webchild/e/2": {
            "KB": "webchild",
            "e1_label": "truck",
            "e2_label": "car",
            "r": "long#f",
            "surface": "[[truck]] are much longer than [[car]]",
        },
    }
    questions = {
        "270": {
            "question": "Which object can be found in a jazz club",
            "answer": "trumpet",
            "img_file": "ILSVRC2012_test_00050748.JPEG",
            "fact": ["conceptnet/e/1"],
            "fact_surface": facts["conceptnet/e/1"]["surface"],
            "ans_source": "image",
            "kb_source": "conceptnet",
            "visual_concept": "obj:trumpet",
            "question_id": "270",
        },
        "999": {
            "question": "Which vehicle is longer than a car",
            "answer": "truck",
            "img_file": "COCO_val2014_000000000136.jpg",
            "fact": ["webchild/e/2"],
            "fact_surface": facts["webchild/e/2"]["surface"],
            "ans_source": "kb",
            "kb_source": "webchild",
            "visual_concept": "obj:truck",
            "question_id": "999",
        },
    }
    write_json(release / "all_qs_dict_release.json", questions)
    write_json(release / "all_fact_triples_release.json", facts)
    photos = [str(question["img_file"]) for question in questions.values()]
    (folder / "Name_Lists").mkdir()
    for number in range(5):
        order = photos if number % 2 == 0 else photos[::-1]
        for split, name in zip(("train", "test"), order, strict=True):
            (folder / "Name_Lists" / f"{split}_list_{number}.txt").write_text(f"{name}\n")
    for seed, name in enumerate(photos):
        write_photo(release / "images" / name, seed)
    return folder


def viquae(folder: Path) -> Path:
    for number, (split, entity) in enumerate((("train", "Q1"), ("validation", "Q2"), ("test", "Q3"))):
        image = f"512px-Photo_{number}.png"
        record = {
            "id": f"qw_{number}",
            "input": "this singer's re-issued song helped to advertise what brand?",
            "original_question": "Jackie's re-issued song helped to advertise what brand?",
            "output": {"original_answer": "Levi's", "answer": ["Levi's", "Levi Strauss"], "provenance": []},
            "image": image,
            "url": f"http://upload.wikimedia.org/{image}",
            "kilt_id": str(number),
            "wikidata_id": entity,
            "meta": {},
        }
        write_jsonl(folder / "viquae_dataset" / f"{split}.jsonl", [record])
        write_photo(folder / "viquae_images" / "images" / image, number)
    for number, name in enumerate(("humans_with_faces", "humans_without_faces", "non_humans"), start=1):
        paragraphs = ["Title\n", "He sang for Levi's.\n", "Section::::Life.\n", "BULLET::::- Born.\n"]
        article = {
            "wikidata_info": {"wikidata_id": f"Q{number}", "wikipedia_title": f"Title {number}"},
            "wikipedia_title": f"Title {number}",
            "text": {"paragraph": paragraphs},
            "image": f"512px-KB_{number}.jpg",
            "url": f"https://en.wikipedia.org/wiki/{number}",
            "kilt_id": str(number),
        }
        write_jsonl(folder / "viquae_wikipedia" / f"{name}.jsonl.gz", [article])
    return folder


def coco_captions(folder: Path, year: str = "2017") -> Path:
    for number, split in enumerate(("train", "val")):
        images, annotations = [], []
        for place in range(2):
            key = 10 * number + place + 1
            name = f"{key:012d}.jpg" if year == "2017" else f"COCO_{split}2014_{key:012d}.jpg"
            images.append({"id": key, "file_name": name, "height": 16, "width": 24, "license": 4})
            annotations += [
                {"image_id": key, "id": 100 * key + i, "caption": f"Caption {i} of {key}. "} for i in range(5)
            ]
            write_photo(folder / f"{split}{year}" / name, key)
        write_json(
            folder / "annotations" / f"captions_{split}{year}.json",
            {"info": {"year": int(year)}, "licenses": [], "images": images, "annotations": annotations},
        )
    return folder


def karpathy(folder: Path, dataset: str = "coco") -> Path:
    """Karpathy's file: a photo of each of its four splits (Flickr30k has no restval)."""
    images = []
    for place, split in enumerate(("train", "restval", "val", "test")):
        if dataset == "flickr30k" and split == "restval":
            continue
        part = "train2014" if split == "train" else "val2014"
        name = f"COCO_{part}_{place + 1:012d}.jpg" if dataset == "coco" else f"{1000 + place}.jpg"
        image: dict[str, Json] = {
            "filename": name,
            "split": split,
            "imgid": place,
            "sentids": [place],
            "sentences": [{"raw": f"Raw words {i} of {place}.", "tokens": ["raw"]} for i in range(5)],
        }
        if dataset == "coco":
            image |= {"filepath": part, "cocoid": place + 1}
        images.append(image)
        write_photo(folder / (part if dataset == "coco" else "flickr30k-images") / name, place)
    write_json(folder / f"dataset_{dataset}.json", {"dataset": dataset, "images": images})
    return folder


def flickr_entities(folder: Path) -> Path:
    tokens = []
    for place, split in enumerate(("train", "val", "test")):
        tokens += [f"{1000 + place}.jpg#{i}\tWords {i}\u2028of {place} ." for i in range(5)]  # ends no line
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{split}.txt").write_text(f"{1000 + place}\n")
        write_photo(folder / "flickr30k-images" / f"{1000 + place}.jpg", place)
    (folder / "results_20130124.token").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return folder


def image_folder(folder: Path, splits: Sequence[str] = ("train", "val", "test"), each: int = 2) -> Path:
    seed = 0
    for split in splits or ("",):
        for name in ("red_panda", "fox"):
            for place in range(each):
                write_photo(folder / split / name / f"{place}.jpg", seed)
                seed += 1
    return folder
