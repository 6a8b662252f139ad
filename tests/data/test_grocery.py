"""The grocery dataset: on a made-up folder with all the quirks of the real one, and on the real one where it is."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from ravlm.data.check import check
from ravlm.data.grocery import write_grocery
from ravlm.data.grocery.fields import wordings
from ravlm.data.grocery.write import Ask
from ravlm.errors import DatasetError, FormatError, PathError
from ravlm.grading import normalise, reference_answer
from ravlm.lines import DatasetCard, EntryLine, ExampleLine

ASKS: tuple[Ask, ...] = ("facts", "classes", "texts")
GROUPS = {"fine": 81, "fine:unseen": 27, "coarse:seen": 32, "coarse:known": 11, "coarse:new": 11}
"""Groups of questions about classes by the number of different answers in the real test split."""
REAL = Path(__file__).parents[3] / "shared" / "data" / "grocery"

PRODUCTS = {
    "Red-Apple": "\ufeffTitle: Apple Red Class 1 \nCountry and volume: Italy, ca 180g \nURL: https://shop.example/a\n",
    "Cabbage": "Title: Cabbage Import\nCountry and volume: The Netherlands, ca 2.8kg \nDescription: Again.\n"
    "Nutrition values per 100 gram: \n   energi ca 100 kilojoule \n",
    "Kiwi": "Title: Kiwi \nCountry: Chile \n",
    "Good-Juice": (
        "Title: Äpple Juice\nManufacturer and volume: GOOD , 2l \nManufacturing country: Sverige \n"
        "Ingredients: INGREDIENSER: Äpple 3,5%.\nNutrition values per 100 gram: \n"
        + 2 * "   energi ca 180 kilojoule \n   energi ca 45 kilokalori \n   varav mättat fett ca 1.50 gram \n"
        + "   salt ca 0 gram \n"
    ),
    "Best-Milk": (
        "Title: Milk\nManufacturer and volume: BEST KO, 1l\nManufacturing country: Sweden\n"
        "Nutrition values per 100 gram: \n   energy ca 200 kilojoules \n   of which saturated fatca 0.3 gram \n"
        "   salt ca 0.1 gram \n   protein ca 3 gram \n   protein ca 4 gram \n"
    ),
    "New-Milk": (
        "Title: New\nManufacturer and volume: NEW, 750g\nManufacturing country: Finland\n"
        "Nutrition values per 100 gram: \n   energy ca 210 kilojoule \n"
    ),
}

KINDS = {"Kiwi": "Kiwi", "Good-Juice": "Soft-Drink", "Best-Milk": "Soy-Milk", "New-Milk": "Soy-Milk"}


def _make(root: Path) -> Path:
    """Six products (the third and the sixth are held out) with two photos a split each."""
    head = "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int)"
    rows = [f"{head},Iconic Image Path (str),Product Description Path (str)"]
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for number, (name, information) in enumerate(PRODUCTS.items()):
        folder = f"iconic-images-and-descriptions/Kind/{name}"
        (root / folder).mkdir(parents=True)
        icon, text = f"{folder}/{name}_Iconic.jpg", f"{folder}/{name}_Description.txt"
        rows.append(f"{name},{number},{KINDS.get(name, 'Kind')},0,/{icon},/{text}")
        (root / icon).write_bytes(b"icon " + name.encode())
        (root / text).write_text(f"{name} is good.", encoding="utf-8")
        mark = "-" if name == "Cabbage" else "_"
        (root / folder / f"{name}{mark}Information.txt").write_text(information, encoding="utf-8")
        for split, lines in lists.items():
            for photo in (1, 2):
                path = f"{split}/Kind/{name}/{name}_00{photo}.jpg"
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(path.encode())
                lines.append(f"{path}, {number}, 0")
    (root / "classes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for split, lines in lists.items():
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


class Read:
    """A written dataset, read back through the strict line models."""

    def __init__(self, folder: Path) -> None:
        DatasetCard.model_validate_json((folder / "dataset.json").read_text())
        self.folder = folder
        lines = (folder / "knowledge.jsonl").read_text().splitlines()
        self.entries = {line.id: line for line in map(EntryLine.model_validate_json, lines)}
        self.splits = {
            split: [ExampleLine.model_validate_json(x) for x in (folder / f"{split}.jsonl").read_text().splitlines()]
            for split in ("train", "val", "test")
        }

    def prose(self, entry: str) -> str:
        return "\n".join(section.text for section in self.entries[entry].sections or [])


def _check_the_promises(read: Read) -> None:
    """What holds for any source of facts: verbatim answers, in the section that is named, and what holds for all."""
    _check_the_splits(read)
    for split, lines in read.splits.items():
        for line in lines:
            [gold] = line.entries
            assert reference_answer(line.record()) in read.prose(gold)
            assert line.evidence[0][1] in {s.title for s in read.entries[gold].sections or []}
            field = next(g.removeprefix("field:") for g in line.groups if g.startswith("field:"))
            assert line.question in wordings(field, split)
            assert ("nutrients" in line.groups) == (line.evidence[0][1].endswith("per 100 gram"))


def _check_the_splits(read: Read) -> None:
    """What holds for any source, whatever is asked: no leak, pictures in place, ids once, wordings for the test."""
    unseen = {e for e, line in read.entries.items() if line.meta.get("fine", 0) % 3 == 2}
    pictures: dict[str, set[str]] = {}
    for split, lines in read.splits.items():
        assert len({line.id for line in lines}) == len(lines)
        pictures[split] = {image for line in lines for image in line.images}
        for line in lines:
            [gold] = line.entries
            assert (gold in unseen) == ("unseen" in line.groups) != ("seen" in line.groups)
            assert split == "test" or gold not in unseen
    assert not pictures["train"] & pictures["test"]
    assert not pictures["val"] & (pictures["train"] | pictures["test"])
    used = set.union(*pictures.values()) | {image for line in read.entries.values() for image in line.images}
    assert used == {str(p.relative_to(read.folder)) for p in (read.folder / "images").rglob("*.jpg")}
    trained = {line.question for split in ("train", "val") for line in read.splits[split]}
    assert {line.question for line in read.splits["test"]} - trained


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Read:
    root = tmp_path_factory.mktemp("grocery")
    write_grocery(_make(root / "source"), root / "out")
    return Read(root / "out")


def test_the_promises_hold(made: Read) -> None:
    _check_the_promises(made)


def test_articles_are_clean_english_fields_once(made: Read) -> None:
    assert list(made.entries) == ["red-apple", "cabbage", "kiwi", "good-juice", "best-milk", "new-milk"]
    juice = {s.title: s.text for s in made.entries["good-juice"].sections or []}
    assert juice == {
        "Description": "Good-Juice is good.",
        "Product": "Manufacturer: GOOD.\nVolume: 2 l.\nManufacturing country: Sverige.",
        "Ingredients": "Äpple 3,5%.",
        "Nutrition values per 100 gram": "Energy in kilojoule: ca 180 kilojoule.\n"
        "Energy in kilocalorie: ca 45 kilocalorie.\nSaturated fat: ca 1.5 gram.\nSalt: ca 0 gram.",
    }
    assert "Saturated fat: ca 0.3 gram." in made.prose("best-milk")
    assert made.entries["red-apple"].aliases == ["Apple Red Class 1"]
    assert made.entries["red-apple"].url == "https://shop.example/a"
    assert "Volume: ca 2.8 kg." in made.prose("cabbage")


def test_rare_numbers_and_double_statements_are_not_asked(made: Read) -> None:
    asked = Counter(g for line in made.splits["test"] for g in line.groups)
    fields = {name: n for name, n in asked.items() if name.startswith("field:")}
    # In training: volumes 180 g, 2.8 kg, 2 l, 1 l; energy 100, 180, 200. Salt only 0 and 0.1; protein is stated twice.
    assert fields == {
        "field:country": 6,
        "field:volume": 10,
        "field:manufacturer": 6,
        "field:manufacturing country": 6,
        "field:energy in kilojoule": 8,
    }
    groups = {"numbers": 18, "nutrients": 8, "country": 12, "other": 6}
    assert {name: asked[name] for name in groups} == groups


def test_a_swedish_value_also_has_its_english_name(made: Read) -> None:
    answers = {tuple(line.answers) for line in made.splits["test"] if line.answers and line.entries == ["good-juice"]}
    assert answers == {("GOOD",), ("Sverige", "Sweden")}


def test_photos_base_adds_training_photos_of_unseen_products_too(tmp_path: Path) -> None:
    write_grocery(_make(tmp_path / "source"), tmp_path / "out", base="photos")
    read = Read(tmp_path / "out")
    _check_the_promises(read)
    assert [Path(i).name for i in read.entries["kiwi"].images] == ["Kiwi_Iconic.jpg", "Kiwi_001.jpg", "Kiwi_002.jpg"]
    assert "images/train/Kind/Kiwi/Kiwi_001.jpg" in read.entries["kiwi"].images


def test_same_seed_same_bytes_other_seed_other_wordings(tmp_path: Path) -> None:
    source = _make(tmp_path / "source")
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_grocery(source, tmp_path / name, seed=seed)
    texts = [(tmp_path / name / "test.jsonl").read_text() for name in "abc"]
    assert texts[0] == texts[1] != texts[2]


def _check_the_classes(read: Read) -> None:
    """What holds for any source whose classes are asked for."""
    _check_the_splits(read)
    titles = {name: normalise(line.title) for name, line in read.entries.items()}
    assert len(set(titles.values())) == len(titles), "a product's name names two"
    trained = {normalise((line.answers or [""])[0]) for line in read.splits["train"]}
    for split, lines in read.splits.items():
        assert Counter(line.images[0] for line in lines) == Counter(2 * sorted({line.images[0] for line in lines}))
        for line in lines:
            [gold], [answer] = line.entries, line.answers or []
            fine = "fine" in line.groups
            assert line.question in wordings("fine class" if fine else "coarse class", split)
            assert fine != ("coarse" in line.groups)
            assert normalise(answer) == (titles[gold] if fine else normalise(str(read.entries[gold].meta["coarse"])))
            seen = "unseen" if "unseen" in line.groups else "seen"
            assert f"{'fine' if fine else 'coarse'}:{seen}" in line.groups
            if seen == "unseen" and not fine:
                assert (
                    ("coarse:known" in line.groups) == (normalise(answer) in trained) != ("coarse:new" in line.groups)
                )
            assert line.kind == "answers"
            assert not line.evidence


def test_classes_are_asked_of_every_photo(tmp_path: Path) -> None:
    write_grocery(_make(tmp_path / "source"), tmp_path / "out", ask="classes")
    read = Read(tmp_path / "out")
    _check_the_classes(read)
    assert {fault.field for fault in check(tmp_path / "out", decode=False)} == {"images.0"}  # no real pictures here
    asked = {line.id: (line.answers, line.groups) for line in read.splits["test"]}
    assert asked["test/Kind/Kiwi/Kiwi_001/coarse-class"] == (
        ["Kiwi"],
        ["unseen", "coarse", "coarse:unseen", "coarse:new"],
    )
    assert asked["test/Kind/New-Milk/New-Milk_002/coarse-class"] == (
        ["Soy Milk"],
        ["unseen", "coarse", "coarse:unseen", "coarse:known"],
    )
    assert asked["test/Kind/Red-Apple/Red-Apple_001/fine-class"] == (["Red Apple"], ["seen", "fine", "fine:seen"])
    assert asked["test/Kind/Red-Apple/Red-Apple_001/coarse-class"] == (["Kind"], ["seen", "coarse", "coarse:seen"])
    assert {split: len(lines) for split, lines in read.splits.items()} == {"train": 16, "val": 16, "test": 24}
    assert json.loads((tmp_path / "out" / "dataset.json").read_text())["name"] == "grocery-iconic-classes"


def _check_the_texts(read: Read) -> None:
    """What holds for any source of texts: one a photo, sentences of the section that is named, sections in turn."""
    _check_the_splits(read)
    for split, lines in read.splits.items():
        assert len({line.images[0] for line in lines}) == len(lines)
        for line in lines:
            [(gold, title)] = line.evidence
            text = next(s.text for s in read.entries[gold].sections or [] if s.title == title)
            assert line.entries == [gold]
            assert line.answers
            assert "".join("".join(line.answers).split()) == "".join(text.split()), "the section, cut in sentences"
            about = next(g.removeprefix("about:") for g in line.groups if g.startswith("about:"))
            assert line.question in wordings(f"text: {about}", split)


def test_texts_are_asked_of_every_photo_in_turn_of_the_sections(tmp_path: Path) -> None:
    write_grocery(_make(tmp_path / "source"), tmp_path / "out", ask="texts")
    read = Read(tmp_path / "out")
    _check_the_texts(read)
    assert {fault.field for fault in check(tmp_path / "out", decode=False)} == {"images.0"}  # no real pictures here
    asked = {line.id: (line.answers, line.groups) for line in read.splits["test"]}
    assert asked["test/Kind/Kiwi/Kiwi_001/text"] == (["Kiwi is good."], ["unseen", "about:description"])
    assert asked["test/Kind/Kiwi/Kiwi_002/text"] == (["Country: Chile."], ["unseen", "about:label"])
    assert json.loads((tmp_path / "out" / "dataset.json").read_text())["name"] == "grocery-iconic-texts"


def test_a_product_without_a_sentence_is_not_asked_about(tmp_path: Path) -> None:
    source = _make(tmp_path / "source")
    folder = source / "iconic-images-and-descriptions" / "Kind" / "Kiwi"
    (folder / "Kiwi_Description.txt").write_text(" \n")
    (folder / "Kiwi_Information.txt").write_text("Title: Kiwi\nIngredients: Kiwi.\n")
    write_grocery(source, tmp_path / "out", ask="texts")
    asked = [line.entries for line in Read(tmp_path / "out").splits["test"]]
    assert len(asked) == 10
    assert ["kiwi"] not in asked


def test_some_wordings_are_the_tests_alone(tmp_path: Path) -> None:
    """Said twice: not taken from the function that the writer asks."""
    held = {"A sentence to describe this, please.", "What would a shop say of this?", "What is written on this?"}
    assert held <= set(wordings("text: description", "test")) | set(wordings("text: label", "test"))
    for split in ("train", "val"):
        for kind in ("description", "label", "nutrition"):
            assert len(wordings(f"text: {kind}", split)) == 3
            assert not held & set(wordings(f"text: {kind}", split))


def test_all_asks_are_of_the_same_photos_over_the_same_entries(tmp_path: Path) -> None:
    source = _make(tmp_path / "source")
    for ask in ASKS:
        write_grocery(source, tmp_path / ask, base="photos", ask=ask)
    facts, *others = (Read(tmp_path / ask) for ask in ASKS)
    for other in others:
        assert facts.entries == other.entries
        for split, lines in other.splits.items():
            assert {line.images[0] for line in lines} == {line.images[0] for line in facts.splits[split]}


@pytest.mark.parametrize("ask", ["classes", "texts"])
def test_the_seed_chooses_the_wordings(tmp_path: Path, ask: Ask) -> None:
    source = _make(tmp_path / "source")
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_grocery(source, tmp_path / name, seed=seed, ask=ask)
    texts = [(tmp_path / name / "test.jsonl").read_text() for name in "abc"]
    assert texts[0] == texts[1] != texts[2]


def test_glosses_become_entries(tmp_path: Path) -> None:
    gloss = tmp_path / "data.noun"
    gloss.write_text('  1 licence\n00001740 03 n 02 hot_dog 0 frank 1 000 | a sausage; "he ate it"  \n')
    write_grocery(_make(tmp_path / "source"), tmp_path / "out", distractors=gloss)
    entry = Read(tmp_path / "out").entries["wordnet-00001740"]
    assert (entry.title, entry.aliases, entry.text) == ("hot dog", ["frank"], 'a sausage; "he ate it"')


@pytest.mark.parametrize(("text", "error"), [(None, PathError), ("nonsense\n", FormatError)])
def test_bad_distractors_leave_nothing(tmp_path: Path, text: str | None, error: type[Exception]) -> None:
    if text is not None:
        (tmp_path / "data.noun").write_text(text)
    with pytest.raises(error, match=r"data\.noun"):
        write_grocery(_make(tmp_path / "source"), tmp_path / "out", distractors=tmp_path / "data.noun")
    assert not list(tmp_path.glob("out*"))


def test_every_fault_of_the_source_is_named_at_once(tmp_path: Path) -> None:
    source = _make(tmp_path / "source")
    (source / "val.txt").write_text("../outside.jpg, 0, 0\ntrain/none.jpg, 0, 0\nhello\ntrain/x.jpg, 99, 0\n")
    (source / "iconic-images-and-descriptions/Kind/Kiwi/Kiwi_Iconic.jpg").unlink()
    (source / "iconic-images-and-descriptions/Kind/Cabbage/Cabbage-Information.txt").write_text("Colour: green\nwhat\n")
    (tmp_path / "outside.jpg").write_bytes(b"secret")
    with pytest.raises(DatasetError) as raised:
        write_grocery(source, tmp_path / "out")
    told = "\n".join(raised.value.faults)
    for part in ("outside.jpg", "none.jpg", "'hello'", "fine id 99", "Kiwi_Iconic.jpg", "'Colour'", "'what'"):
        assert part in told
    assert not (tmp_path / "out").exists()


def test_a_full_folder_and_a_wrong_source_are_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    with pytest.raises(PathError, match="already holds something"):
        write_grocery(_make(tmp_path / "source"), tmp_path / "out")
    assert (tmp_path / "out" / "mine.txt").read_text() == "keep"
    with pytest.raises(PathError, match=r"classes\.csv"):
        write_grocery(tmp_path / "nowhere", tmp_path / "new")


def test_pictures_are_copied_where_links_fail_and_progress_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    told: list[tuple[str, int, int]] = []
    write_grocery(_make(tmp_path / "source"), tmp_path / "out", progress=lambda *step: told.append(step))
    photo = "test/Kind/Kiwi/Kiwi_001.jpg"
    assert (tmp_path / "out" / "images" / photo).read_bytes() == (tmp_path / "source" / photo).read_bytes()
    assert told[-1] == ("pictures", len(told), len(told))


@pytest.mark.skipif(not REAL.is_dir(), reason="the Grocery Store Dataset is not at ../shared/data/grocery")
def test_the_real_folder(tmp_path: Path) -> None:
    write_grocery(REAL, tmp_path / "out")
    read = Read(tmp_path / "out")
    _check_the_promises(read)
    assert len(read.entries) == 81
    assert sum(line.meta["fine"] % 3 == 2 for line in read.entries.values()) == 27
    photos = {split: {line.images[0] for line in lines} for split, lines in read.splits.items()}
    assert {split: len(found) for split, found in photos.items()} == {"train": 1777, "val": 182, "test": 2485}
    asked = {g for line in read.splits["test"] for g in line.groups if g.startswith("field:")}
    assert {"field:country", "field:volume", "field:manufacturer", "field:saturated fat", "field:vitamin D"} <= asked
    assert not asked & {"field:calcium", "field:iodine", "field:molybdenum", "field:sodium"}
    milk = json.dumps(read.entries["arla-standard-milk"].model_dump())
    assert milk.count("Saturated fat: ca 1.9 gram.") == 1
    assert read.entries["cabbage"].facts == [("country", "Germany"), ("volume", "ca 2.8 kg")]


@pytest.mark.skipif(not REAL.is_dir(), reason="the Grocery Store Dataset is not at ../shared/data/grocery")
def test_the_classes_of_the_real_folder(tmp_path: Path) -> None:
    write_grocery(REAL, tmp_path / "out", ask="classes")
    read = Read(tmp_path / "out")
    _check_the_classes(read)
    assert {split: len(lines) for split, lines in read.splits.items()} == {"train": 3554, "val": 364, "test": 4970}
    answers = {g: {(line.answers or [""])[0] for line in read.splits["test"] if g in line.groups} for g in GROUPS}
    assert {group: len(found) for group, found in answers.items()} == GROUPS


@pytest.mark.skipif(not REAL.is_dir(), reason="the Grocery Store Dataset is not at ../shared/data/grocery")
def test_the_texts_of_the_real_folder(tmp_path: Path) -> None:
    write_grocery(REAL, tmp_path / "out", ask="texts")
    read = Read(tmp_path / "out")
    _check_the_texts(read)
    assert {split: len(lines) for split, lines in read.splits.items()} == {"train": 1777, "val": 182, "test": 2485}
    about = Counter(g for line in read.splits["test"] for g in line.groups if g.startswith("about:"))
    assert about == {"about:description": 1139, "about:label": 1097, "about:nutrition": 249}
