"""The world that asks for short texts: the same knowledge and pictures, sentences of the articles as answers."""

from pathlib import Path

import pytest

from ravlm.data.check import check
from ravlm.data.flags.facts import countries
from ravlm.data.flags.names import LANGUAGES
from ravlm.data.flags.prose import article
from ravlm.data.flags.seeds import generator
from ravlm.data.flags.world import WorldSize, write_world
from ravlm.lines import SPLITS, EntryLine, ExampleLine

SIZE = WorldSize(
    countries=6, patterns=2, texts=5, train_photos=3, val_photos=1, seen_test_photos=2, unseen_test_photos=2
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A world that asks for facts, and the same one that asks for texts."""
    out = tmp_path_factory.mktemp("flags")
    write_world(out / "facts", seed=3, size=SIZE)
    write_world(out / "texts", seed=3, size=SIZE, ask="texts")
    return out / "facts", out / "texts"


def examples(folder: Path, split: str) -> list[ExampleLine]:
    lines = (folder / f"{split}.jsonl").read_text("utf-8").splitlines()
    return [ExampleLine.model_validate_json(line) for line in lines]


def test_only_what_is_asked_differs(folders: tuple[Path, Path]) -> None:
    facts, texts = folders
    assert check(texts) == []
    names = {path.relative_to(facts) for path in facts.rglob("*") if path.is_file()}
    assert names == {path.relative_to(texts) for path in texts.rglob("*") if path.is_file()}
    different = {str(name) for name in names if (facts / name).read_bytes() != (texts / name).read_bytes()}
    assert different == {"dataset.json", "train.jsonl", "val.jsonl", "test.jsonl"}


def test_every_text_is_a_sentence_of_the_right_section_that_states_something(folders: tuple[Path, Path]) -> None:
    lines = (folders[1] / "knowledge.jsonl").read_text("utf-8").splitlines()
    entries = {entry.id: entry for entry in map(EntryLine.model_validate_json, lines)}
    asked = 0
    for split in SPLITS:
        for line in examples(folders[1], split):
            if line.kind == "captions":
                continue
            asked += 1
            [(entry, title)] = line.evidence
            section = next(s for s in entries[entry].sections or [] if s.title == title)
            assert (line.entries, section.language) == ([entry], line.language)
            assert title.lower() in (line.question or "").lower()
            assert line.answers
            assert all(answer in section.text for answer in line.answers)
            assert ("_zh" in line.groups[0]) is (line.language == "zh")
    assert asked > 100


def test_sentences_that_fit_any_country_are_no_texts() -> None:
    said: dict[str, set[str]] = {}
    for country in list(countries().values())[:40]:
        for language in LANGUAGES:
            for prose in article(country, language, generator(0, "article", country.id)):
                assert bool(prose.stating) is bool(prose.relations)
                for sentence in prose.stating:
                    said.setdefault(sentence, set()).add(country.id)
    assert "Meals are a time for the family." not in said
    assert max(map(len, said.values())) < 20  # "Traffic keeps to the right." is a fact, though of many


def test_unseen_countries_are_asked_about_in_test_alone_and_half_in_wordings_held_out(
    folders: tuple[Path, Path],
) -> None:
    by_split = {split: [e for e in examples(folders[1], split) if e.kind == "answers"] for split in SPLITS}
    unseen = {e.entries[0] for e in by_split["test"] if e.groups[0].startswith("unseen")}
    assert len(unseen) == 2
    assert not unseen & {e.entries[0] for split in ("train", "val") for e in by_split[split]}
    assert {g for split in ("train", "val") for e in by_split[split] for g in e.groups if "wording" in g} == {
        "wording:train"
    }
    held = sum("wording:heldout" in e.groups for e in by_split["test"])
    assert held == pytest.approx(len(by_split["test"]) / 2, abs=6)
    ids = [e.id for split in SPLITS for e in by_split[split]]
    assert len(set(ids)) == len(ids)
