"""The emoji dataset: on a made-up folder, and on the real one where it is."""

import json
from collections import defaultdict
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from ravlm.data.check import check
from ravlm.data.emoji import write_emoji
from ravlm.data.emoji.source import LANGUAGES, read_source, unseen
from ravlm.errors import DatasetError, PathError
from ravlm.lines import SPLITS, DatasetCard, EntryLine, ExampleLine

REAL = Path(__file__).parents[3] / "shared" / "data" / "emoji"
PLAIN = [f"{0x1F300 + n:x}" for n in range(36)]
SEQUENCES = {
    "1f468_200d_2695": "man: health worker",
    "1f469_200d_2695": "woman: health worker",
    "1f44b": "waving hand",
    "1f44b_1f3fb": "waving hand: light skin tone",
    "1f1eb_1f1f7": "flag: France",
    "2764_fe0f": "red heart",
}


def make(root: Path) -> Path:
    """Forty emoji, small drawings; some in tones, genders or sequences, some with a drawing or a name short."""
    names = {code: f"thing {n}" for n, code in enumerate(PLAIN)} | SEQUENCES
    (root / "cldr").mkdir(parents=True)
    for language in LANGUAGES:
        plain, derived = {}, {}
        for code, name in names.items():
            told = {"tts": [name if language == "en" else f"第{name}"], "default": [f"kind {code}", name]}
            text = "".join(chr(int(point, 16)) for point in code.split("_"))
            (derived if "_" in code else plain)[text] = told
        plain |= {"nameless": {"default": ["x"]}}
        for key, name, found in (
            ("annotations", language, plain),
            ("annotationsDerived", f"{language}.derived", derived),
        ):
            (root / "cldr" / f"{name}.json").write_text(json.dumps({key: {"annotations": found}}))
    for folder in ("noto72", "emojitwo64"):
        (root / folder).mkdir()
    for n, code in enumerate([*names, "1f9ff"]):  # the last has no name
        bare = code.removesuffix("_fe0f")
        Image.new("RGB", (2, 2), (n, 0, 0)).save(root / "noto72" / f"emoji_u{bare}.png")
        if code != PLAIN[-1]:
            Image.new("RGB", (2, 2), (n, 9, 0)).save(root / "emojitwo64" / f"{code.replace('_', '-')}.png")
    return root


class Read:
    """A written dataset, read back through the strict line models."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.card = DatasetCard.model_validate_json((folder / "dataset.json").read_text(encoding="utf-8"))

        def lines(name: str) -> list[str]:
            return (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()

        self.entries = {line.id: line for line in map(EntryLine.model_validate_json, lines("knowledge"))}
        self.splits = {split: list(map(ExampleLine.model_validate_json, lines(split))) for split in SPLITS}

    def codes(self, keep: Callable[[str, ExampleLine], bool]) -> set[str]:
        return {
            line.id.partition("/")[0] for split, lines in self.splits.items() for line in lines if keep(split, line)
        }


def check_the_promises(source: Path, folder: Path) -> Read:
    """What holds for any source: whole code points apart, what is known of each, captions in both languages."""
    assert check(folder) == []
    read = Read(folder)
    emojis = {emoji.code: emoji for emoji in read_source(source)}
    base = {code: emoji.base for code, emoji in emojis.items()}
    held = unseen(emojis.values())
    trained, validated = read.codes(lambda s, _: s == "train"), read.codes(lambda s, _: s == "val")
    asked = {
        group: read.codes(lambda split, line, group=group: split == "test" and group in line.groups)
        for group in ("seen", "unseen")
    }
    assert trained == set(read.entries) > asked["seen"]
    assert asked["unseen"] <= held
    assert not held & (trained | validated)
    for one, other in ((trained, validated), (trained, asked["unseen"]), (validated, asked["unseen"])):
        assert not {base[code] for code in one} & {base[code] for code in other}
    assert not any(emojis[code].toned or emojis[code].flag for code in trained | validated | asked["unseen"])
    pictures = defaultdict(set)
    for split, lines in read.splits.items():
        for line in lines:
            code, drawn, language = line.id.split("/")
            pictures[split].add(sha256((folder / line.images[0]).read_bytes()).hexdigest())
            assert drawn in line.images[0]
            assert (line.kind, line.question, line.language) == ("captions", None, language)
            assert line.entries == ([code] if code in read.entries else [])
            assert line.captions is not None
            assert line.captions[0] == emojis[code].names[language]
            assert all(keyword in line.captions[-1] for keyword in emojis[code].keywords[language])
            assert line.groups[1:] == [language, f"{line.groups[0]}:{language}"]
    assert not pictures["train"] & (pictures["val"] | pictures["test"])
    for code, entry in read.entries.items():
        assert entry.images == [f"images/emojitwo64/{emojis[code].two.name}"]
        assert entry.title == emojis[code].names["en"]
        for section in entry.sections or []:
            assert section.text.startswith(emojis[code].names[str(section.language)])
            assert all(keyword in section.text for keyword in emojis[code].keywords[str(section.language)])
    used = {image for lines in read.splits.values() for line in lines for image in line.images}
    used |= {image for entry in read.entries.values() for image in entry.images}
    assert used == {str(path.relative_to(folder)) for path in (folder / "images").rglob("*.png")}
    return read


def test_a_made_up_folder_becomes_a_dataset(tmp_path: Path) -> None:
    source = make(tmp_path / "source")
    write_emoji(source, tmp_path / "out")
    read = check_the_promises(source, tmp_path / "out")
    assert read.card.languages == ["en", "zh"]
    everything = read.codes(lambda _, __: True)
    assert PLAIN[-1] not in everything  # a drawing is missing
    assert "1f9ff" not in everything  # a name is missing
    assert "2764" in everything  # the selector of the coloured drawing is no part of a code
    assert {"1f468_200d_2695", "1f469_200d_2695", "1f44b"} <= everything
    line = next(line for line in read.splits["train"] if line.id == f"{PLAIN[0]}/noto72/zh")
    assert line.captions == ["第thing 0", "kind 1f300、thing 0"]


def test_training_describes_both_drawings_and_of_those_asked_the_bases_own(tmp_path: Path) -> None:
    write_emoji(make(tmp_path / "source"), tmp_path / "out")
    read = Read(tmp_path / "out")
    drawn = defaultdict(set)
    for line in read.splits["train"]:
        code, by, _ = line.id.split("/")
        drawn[code].add(by)
    asked = read.codes(lambda split, line: split == "test" and "seen" in line.groups)
    assert asked
    assert {code: by for code, by in drawn.items() if by == {"emojitwo64"}}.keys() == asked
    assert all(drawn[code] == {"emojitwo64", "noto72"} for code in drawn.keys() - asked)
    others = [line.id for split in ("val", "test") for line in read.splits[split]]
    assert {name.split("/")[1] for name in others} == {"noto72"}


def test_without_keywords_the_name_is_the_only_caption(tmp_path: Path) -> None:
    source = make(tmp_path / "source")
    path = source / "cldr" / "en.json"
    told = json.loads(path.read_text())
    for about in told["annotations"]["annotations"].values():
        about.pop("default")
    path.write_text(json.dumps(told))
    write_emoji(source, tmp_path / "out")
    read = Read(tmp_path / "out")
    assert next(line for line in read.splits["train"] if line.id == f"{PLAIN[0]}/noto72/en").captions == ["thing 0"]
    assert (read.entries[PLAIN[0]].sections or [])[0].text == "thing 0."


@pytest.mark.parametrize("missing", ["noto72", "emojitwo64", "cldr/zh.derived.json"])
def test_what_is_missing_is_told(tmp_path: Path, missing: str) -> None:
    source = make(tmp_path / "source")
    (source / missing).rename(source / "elsewhere")
    with pytest.raises(PathError, match=f"has no {missing}"):
        write_emoji(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_damaged_file_of_names_is_told(tmp_path: Path) -> None:
    source = make(tmp_path / "source")
    (source / "cldr" / "en.json").write_text("{")
    (source / "cldr" / "zh.json").write_text('{"annotations": []}')
    with pytest.raises(DatasetError) as told:
        write_emoji(source, tmp_path / "out")
    assert {"en.json", "zh.json"} == {name for name in ("en.json", "zh.json", "derived") if name in str(told.value)}


def test_a_folder_whose_drawings_have_no_names_is_refused(tmp_path: Path) -> None:
    source = make(tmp_path / "source")
    for path in (source / "noto72").glob("*.png"):
        path.rename(path.with_name(f"emoji_u{path.stem}-x.png"))
    with pytest.raises(DatasetError, match="No emoji in"):
        write_emoji(source, tmp_path / "out")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept").touch()
    with pytest.raises(PathError, match="already holds something"):
        write_emoji(make(tmp_path / "source"), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["kept"]


@pytest.mark.skipif(not REAL.is_dir(), reason="the emoji are not at ../shared/data/emoji")
def test_the_real_emoji_become_a_dataset(tmp_path: Path) -> None:
    write_emoji(REAL, tmp_path / "out")
    read = check_the_promises(REAL, tmp_path / "out")
    assert len(read.entries) == 659
    assert {split: len(lines) for split, lines in read.splits.items()} == {"train": 2374, "val": 144, "test": 992}
    assert sum("seen" in line.groups for line in read.splits["test"]) == 262
