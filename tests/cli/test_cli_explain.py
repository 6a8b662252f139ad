"""`ravlm ask --explain`: what is printed, the JSON, the heat map's file, and what is refused."""

import re
from pathlib import Path

import pytest

from coloured_dataset import ASKED, THINGS, UNSEEN, colours, name, photo
from command import Ravlm
from ravlm.safe.images import read_image

THING = UNSEEN[0]
KEEPER = name(2 * THINGS.index(THING))


def test_the_table_stands_under_the_answer(ravlm: Ravlm, trained: Path, coloured: Path) -> None:
    asked = ("ask", trained, coloured / f"images/test-{THING}-0.png", ASKED["keeper"])
    told, plain = ravlm(*asked, "--explain"), ravlm(*asked)
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith(plain.out)
    rest = told.out.removeprefix(plain.out)
    assert f"What the answer stands on: '{KEEPER}' has 0." in rest
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in rest.splitlines() if line.startswith("|")]
    assert rows[0] == ["without", "weight", "left", "drop", "answers then"]
    named = [row[0] for row in rows[2:]]
    assert named[:4] == ["image, the same read", "question", "knowledge, nothing read", "image, so nothing found"]
    assert f"entry {THING.title()}" in named
    assert f"passage {THING}#0, cited" in named
    assert {row for row in named if row.startswith("key term")} <= {"key term 'keeps'"}  # never 'Who' or 'it'
    weights = [float(row[1]) for row in rows[2:5]]
    assert sum(weights) == pytest.approx(1, abs=0.02)
    assert rows[5][1] == ""  # there is no weight for both together
    for row in rows[2:]:
        assert re.fullmatch(r"(≤ )?\d\.\d\d", row[2])
        assert re.fullmatch(r"(≥ )?([+-]\d\.\d\d|0\.00)", row[3])
    assert "Weights say how the fusion mixes" in rest
    assert "not an explanation." in rest
    assert re.search(r"^  Words:   \w+ [+-]?\d\.\d\d, ", rest, re.MULTILINE)
    assert re.search(r"^  Regions: row \d column \d [+-]?\d\.\d\d, ", rest, re.MULTILINE)
    assert "of 49 regions: covered, " in rest


def test_json_has_every_number_and_the_heat_map_is_a_picture(
    ravlm: Ravlm, trained: Path, coloured: Path, tmp_path: Path
) -> None:
    shown, drawn = coloured / f"images/test-{THING}-0.png", tmp_path / "why.png"
    asked = ("ask", trained, shown, ASKED["keeper"], "--json")
    told, plain = ravlm(*asked, "--explain", "--heat-map", drawn).json, ravlm(*asked).json
    explanation = told.pop("explanation")
    del told["timings"], plain["timings"]
    assert told == plain
    assert "answer" not in explanation
    assert explanation["probability"] == pytest.approx(told["confidence"], abs=1e-6)
    assert len(explanation["passage_weights"]) == len(told["hits"])
    assert [region["row"] for region in explanation["regions"]] == [i // 7 for i in range(49)]
    assert {word["word"] for word in explanation["words"]} == set(ASKED["keeper"].strip("?").split())
    assert explanation["skipped"] == {"entries": 0, "passages": 0, "words": 0}
    assert read_image(drawn).size == (640, 704)


def test_a_question_with_nothing_to_read_is_explained_too(ravlm: Ravlm, model: Path, tmp_path: Path) -> None:
    ravlm("knowledge", "remove", model, *THINGS)
    (tmp_path / "shown.png").write_bytes(photo(colours(THINGS[0]), 1))
    told = ravlm("ask", model, tmp_path / "shown.png", "?!", "--explain")
    assert (told.code, told.err) == (0, "")
    assert "passage" not in told.out.split("What the answer stands on")[1]
    assert "  Words:   none" in told.out
    assert "of 49 regions: covered, 0 find another entry first" in told.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--heat-map", "why.png"), "together with --explain"),
        (("--explain", "--heat-map", "why.jpg"), "ends in .png"),
        (("--explain", "--heat-map", "there.png"), "is there already"),
        (("--explain", "--heat-map", "folder.png"), "it is a folder"),
        (("--explain", "--heat-map", "there.png/why.png"), "is not a folder"),
    ],
)
def test_a_heat_map_that_can_not_be_had_is_told_at_once(
    ravlm: Ravlm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.png").mkdir()
    Path("there.png").write_bytes(photo(colours(THINGS[0]), 1))
    before = sorted(Path().rglob("*"))
    told = ravlm("ask", "nowhere", "there.png", ASKED["keeper"], *options)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert sorted(Path().rglob("*")) == before


def test_the_accuracy_without_each_modality_stands_beside_its_weight(
    ravlm: Ravlm, trained: Path, coloured: Path, tmp_path: Path
) -> None:
    asked = ("evaluate", trained, "--data", coloured, "--evidence", "retrieved", "--group", "unseen", "--without-each")
    told = ravlm(*asked, "--out", tmp_path / "run")
    assert told.code == 0
    table = told.out[told.out.index("What each input is worth") :]
    rows = {cells[1].strip(): cells[2:5] for line in table.splitlines() if len(cells := line.split("|")) == 6}
    assert set(rows) >= {"image", "question", "knowledge"}
    assert "a plain grey one, and what it finds is read" in " ".join(table.split())
    found = ravlm(*asked, "--json", "--out", tmp_path / "other").json["modalities"]
    assert found["n"] == 2 * len(UNSEEN)
    for modality, told_of in found["by_name"].items():
        assert told_of["drop"] == pytest.approx(found["accuracy"] - told_of["accuracy_without"])
        assert float(rows[modality][2]) == pytest.approx(told_of["drop"], abs=6e-4)
    assert found["by_name"]["image"]["drop"] > 0.5
    assert found["by_name"]["knowledge"]["accuracy_without"] == 0


def test_without_what_was_retrieved_there_is_nothing_to_lose(ravlm: Ravlm, tmp_path: Path) -> None:
    told = ravlm("evaluate", "m", "--data", "d", "--out", tmp_path / "run", "--evidence", "oracle", "--without-each")
    assert (told.code, told.out) == (2, "")
    assert "--evidence retrieved" in told.err
    assert not (tmp_path / "run").exists()
