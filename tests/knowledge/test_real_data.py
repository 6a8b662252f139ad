"""Bases of real material: WordNet, groceries, emoji. Skipped, saying so, where it is not there."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from ravlm.data.grocery.write import write_grocery
from ravlm.knowledge.build import build
from ravlm.knowledge.passages import passages
from ravlm.knowledge.sources.kinds import open_source
from ravlm.knowledge.store import KnowledgeBase

WORDNET = Path("/usr/share/wordnet")
SHARED = Path(__file__).parents[3] / "shared" / "data"
EMOJI = SHARED / "emoji"
SYNSETS = {"n": 82_115, "v": 13_767, "a": 7_463, "s": 10_693, "r": 3_621}  # of WordNet 3.0; a and s are adjectives


@pytest.mark.skipif(not WORDNET.is_dir(), reason=f"WordNet is not in {WORDNET} (Debian's wordnet-base)")
def test_the_whole_of_wordnet(tmp_path: Path) -> None:
    report = build(open_source("wordnet", WORDNET), tmp_path / "kb")
    assert (report.kept, report.skipped) == (117_659, {})
    base = KnowledgeBase.open(tmp_path / "kb")
    assert Counter(entry_id[-1] for entry_id in base.hashes()) == SYNSETS
    dog = base.get("wordnet:02084071-n")
    assert dog.title == "dog"
    assert "domestic dog" in dog.aliases
    assert ("hypernym", "canine, canid") in dog.facts
    assert "dog%1:05:00::" in dog.meta["sense_keys"]
    assert any("Dog is a kind of canine" in passage.text for passage in passages(dog))


@pytest.mark.skipif(not (SHARED / "grocery").is_dir(), reason="the Grocery Store Dataset is not beside the project")
def test_the_articles_of_groceries(tmp_path: Path) -> None:
    write_grocery(SHARED / "grocery", tmp_path / "data")
    report = build(open_source("dataset", tmp_path / "data"), tmp_path / "kb")
    base = KnowledgeBase.open(tmp_path / "kb")
    assert (report.kept, base.count(), base.count_pictures()) == (81, 81, 81)
    assert all(passages(entry) and entry.facts for entry in base.iterate())
    assert list(base.verify()) == []


@pytest.mark.skipif(not EMOJI.is_dir(), reason="the emoji are not beside the project")
@pytest.mark.parametrize(("language", "dog", "keyword"), [("en", "dog face", "puppy"), ("zh", "狗脸", "宠物")])
def test_emoji_with_their_names(tmp_path: Path, language: str, dog: str, keyword: str) -> None:
    names = json.loads((EMOJI / "cldr" / f"{language}.json").read_text(encoding="utf-8"))["annotations"]["annotations"]
    shutil.copytree(EMOJI / "noto72", tmp_path / "pictures")
    drawn = {path.stem.removeprefix("emoji_u"): path.name for path in (tmp_path / "pictures").glob("*.png")}
    with (tmp_path / "emoji.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "title", "text", "image"])
        for symbol, said in names.items():
            code = "_".join(f"{ord(character):04x}" for character in symbol if character != "\ufe0f")
            if code in drawn and "tts" in said:
                keywords = ("、" if language == "zh" else ", ").join(said["default"])
                table.writerow([code, said["tts"][0], keywords, f"pictures/{drawn[code]}"])
    report = build(open_source("table", tmp_path / "emoji.csv"), tmp_path / "kb")
    base = KnowledgeBase.open(tmp_path / "kb")
    assert report.kept == base.count() > 1000
    assert base.count_pictures() > 1000
    found = base.get("1f436")
    assert (found.title, found.language, len(found.images)) == (dog, language, 1)
    assert keyword in found.text
