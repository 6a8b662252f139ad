"""The folder that `write_world` makes."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ravlm.data.flags import photos
from ravlm.data.flags.photos import base_picture, draw
from ravlm.data.flags.photos import photos as photos_of
from ravlm.data.flags.specs import specs
from ravlm.data.flags.styles import STYLES, TEST_STYLES, TRAIN_STYLES
from ravlm.data.flags.world import WorldSize, write_world
from ravlm.errors import PathError
from ravlm.grading import parse_number
from ravlm.lines import SPLITS, DatasetCard, EntryLine, ExampleLine

SMALL = WorldSize(
    countries=6,
    patterns=4,
    texts=40,
    train_photos=4,
    val_photos=1,
    seen_test_photos=len(STYLES),
    unseen_test_photos=len(STYLES),
    pattern_photos=2,
    val_patterns=2,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("flags") / "world"
    write_world(out, seed=3, size=SMALL)
    return out


def lines(world: Path, name: str) -> list[Any]:
    model = EntryLine if name == "knowledge" else ExampleLine
    return [model.model_validate_json(line) for line in (world / f"{name}.jsonl").read_text("utf-8").splitlines()]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_folder_is_in_the_format(world: Path) -> None:
    card = DatasetCard.model_validate_json((world / "dataset.json").read_text("utf-8"))
    assert card.languages == ["en", "zh"]
    entries = {entry.id: entry for entry in lines(world, "knowledge")}
    assert len(entries) == 6 + 4 + 40 == len(lines(world, "knowledge"))
    ids = Counter(example.id for split in SPLITS for example in lines(world, split))
    assert max(ids.values()) == 1
    used = {image for split in SPLITS for example in lines(world, split) for image in example.images}
    used |= {image for entry in entries.values() for image in entry.images}
    for path in used:
        with Image.open(world / path) as image:
            image.load()
            assert image.mode == "RGB"
            assert image.format == ("PNG" if path.startswith("images/base/") else "JPEG")
    drawn = {str(path.relative_to(world)) for path in (world / "images").rglob("*.*")}
    assert used <= drawn
    assert all(gold in entries for split in SPLITS for example in lines(world, split) for gold in example.entries)


def test_no_photo_stands_in_two_splits(world: Path) -> None:
    images = {split: {image for example in lines(world, split) for image in example.images} for split in SPLITS}
    contents = {split: {(world / image).read_bytes() for image in found} for split, found in images.items()}
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        assert not images[one] & images[other]
        assert not contents[one] & contents[other]


def test_unseen_countries_are_in_the_test_split_alone(world: Path) -> None:
    groups = defaultdict(set)
    for example in lines(world, "test"):
        groups[example.groups[0].removesuffix("_zh")].update(example.entries)
    assert len(groups["unseen"]) == 2
    assert len(groups["seen"]) == 4
    assert not groups["seen"] & groups["unseen"]
    trained = {entry for split in ("train", "val") for example in lines(world, split) for entry in example.entries}
    assert not trained & groups["unseen"]
    assert groups["seen"] <= trained


def test_styles_and_wordings_kept_for_the_test_are_kept(world: Path) -> None:
    styles, kinds, questions = defaultdict(set), defaultdict(Counter), defaultdict(set)
    for split in SPLITS:
        for example in lines(world, split):
            named = dict(group.split(":") for group in example.groups if ":" in group)
            styles[split].add(named["style"])
            if example.question:
                kinds[split][named["wording"]] += 1
                questions[named["wording"]].add(example.question)
    assert styles["train"] <= set(TRAIN_STYLES)
    assert styles["val"] <= set(TRAIN_STYLES)
    assert styles["test"] == set(STYLES) >= set(TEST_STYLES)
    assert not set(TEST_STYLES) & set(TRAIN_STYLES)
    assert set(kinds["train"]) == set(kinds["val"]) == {"train"}
    assert 0.4 < kinds["test"]["heldout"] / sum(kinds["test"].values()) < 0.6
    assert not questions["heldout"] & questions["train"]


def test_every_answer_stands_in_the_section_that_the_evidence_names(world: Path) -> None:
    entries = {entry.id: entry for entry in lines(world, "knowledge")}
    asked = [example for split in SPLITS for example in lines(world, split) if example.question]
    assert {example.kind for example in asked} == {"answers", "number", "all_of"}
    for example in asked:
        ((entry_id, title),) = example.evidence
        (section,) = [s for s in entries[entry_id].sections if s.title == title]
        assert section.language == example.language
        if example.kind == "number":
            tokens = section.text.replace("年", " ").replace("平方", " ").replace("人", " ").replace("米", " ")
            digits = "".join(c if c.isdigit() or c == "," else " " for c in tokens).split()
            assert example.value in {parse_number(token.strip(",")) for token in digits}
        else:
            wanted = example.answers[:1] if example.kind == "answers" else example.all_of
            assert all(text in section.text for text in wanted)


def test_no_question_names_its_country(world: Path) -> None:
    entries = {entry.id: entry for entry in lines(world, "knowledge")}
    for split in SPLITS:
        for example in lines(world, split):
            names = [entries[gold].title for gold in example.entries] + [
                alias for gold in example.entries for alias in entries[gold].aliases
            ]
            assert not [name for name in names if example.question and name in example.question]


def test_every_fact_is_asked_in_the_test_and_trained_on(world: Path) -> None:
    asked = Counter((e.entries[0], e.groups[0], e.groups[1]) for e in lines(world, "test"))
    times = {"seen": 1, "seen_zh": 1, "unseen": 2, "unseen_zh": 1}
    assert all(count == times[group] for (_, group, _), count in asked.items())
    trained = {(e.entries[0], e.groups[0], e.groups[1]) for e in lines(world, "train") if e.question}
    assert trained == {key for key in asked if key[1].startswith("seen")}


def test_patterns_teach_pictures_only(world: Path) -> None:
    captions = [e for split in ("train", "val") for e in lines(world, split) if e.kind == "captions"]
    assert len(captions) == 4 * 2 + 2
    assert all(e.question is None and e.entries[0].startswith("pattern-") for e in captions)
    articles = [e for e in lines(world, "knowledge") if e.id.startswith("pattern-")]
    assert all({s.language for s in e.sections} == {"en", "zh"} and len(e.images) == 1 for e in articles)


def test_texts_have_no_picture_and_a_quarter_is_chinese_too(world: Path) -> None:
    texts = [entry for entry in lines(world, "knowledge") if entry.id.startswith("text-")]
    assert not any(entry.images for entry in texts)
    assert sum(len(entry.sections) == 2 for entry in texts) == 10
    assert not [entry for entry in texts if "{" in json.dumps([s.text for s in entry.sections])]


def test_the_same_seed_writes_the_same_bytes_and_another_one_others(world: Path, tmp_path: Path) -> None:
    write_world(tmp_path / "again", seed=3, size=SMALL)
    assert bytes_of(tmp_path / "again") == bytes_of(world)
    write_world(tmp_path / "other", seed=4, size=WorldSize(countries=6, patterns=1, texts=1, train_photos=1))
    assert (tmp_path / "other/test.jsonl").read_bytes() != (world / "test.jsonl").read_bytes()


def test_processes_and_order_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, spec = next(iter(specs().items()))
    pictures = [base_picture(code, spec), *photos_of(code, spec, "train", 4, list(STYLES))]
    draw(tmp_path / "one", pictures, 0, lambda done: None)
    monkeypatch.setattr(photos, "_WORTH_PROCESSES", 1)
    monkeypatch.setattr(photos, "_AT_ONCE", 3)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    told: list[int] = []
    draw(tmp_path / "two", pictures[::-1], 0, told.append)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    assert told == [3, 5]


def test_a_full_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("mine")
    with pytest.raises(PathError, match="already holds something"):
        write_world(tmp_path, size=SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_a_failed_run_leaves_nothing(tmp_path: Path) -> None:
    def stop(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_world(tmp_path / "world", progress=stop, size=WorldSize(countries=3, patterns=0, texts=1, train_photos=1))
    assert not list(tmp_path.iterdir())
