import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from coloured_dataset import ASKED, NEW, THINGS, UNSEEN, article, colours, name, photo
from command import Ravlm
from pictures import declared_jpeg, declared_png, encoded, noise, picture
from ravlm.knowledge.store import KnowledgeBase
from small_dataset import lines_of, write_lines

TOLD = name(7001)  # names that no text of the dataset holds
KEEPER = name(7002)


def keeper(thing: str) -> str:
    return name(2 * THINGS.index(thing))


def test_the_answer_with_the_sentence_it_stands_on(ravlm: Ravlm, trained: Path, coloured: Path) -> None:
    thing = UNSEEN[0]
    photo_path = coloured / f"images/test-{thing}-0.png"
    told = ravlm("ask", trained, photo_path, ASKED["keeper"])
    assert (told.code, told.err) == (0, "")
    lines = told.out.splitlines()
    assert lines[0].startswith(f"{keeper(thing)}   (confidence 0.")
    assert f"  1. {thing.title()}   ({thing}#0, 0." in told.out
    assert f"     This thing is kept by [{keeper(thing)}]." in lines
    assert "not an explanation" in lines[-1]
    answer = ravlm("ask", trained, photo_path, ASKED["keeper"], "--json").json
    cited = answer["citations"][0]
    assert answer["text"] == keeper(thing)
    assert (cited["entry_id"], cited["text"][slice(*cited["span"])]) == (thing, keeper(thing))
    assert set(answer["weights"]) == {"image", "question", "knowledge"}
    assert sum(answer["weights"].values()) == pytest.approx(1, abs=1e-4)
    assert answer["hits"][0]["entry_id"] == thing


def test_changed_knowledge_changes_the_answer(ravlm: Ravlm, model: Path, coloured: Path, tmp_path: Path) -> None:
    thing = UNSEEN[1]
    ask = ("ask", model, coloured / f"images/test-{thing}-0.png", ASKED["keeper"], "--json")
    assert ravlm(*ask).json["text"] == keeper(thing)
    (tmp_path / "new.md").write_text(article(TOLD, "Basel"))
    assert ravlm("knowledge", "set", model, thing, tmp_path / "new.md").code == 0
    after = ravlm(*ask).json
    assert after["text"] == TOLD
    assert after["citations"][0]["sentence"] == f"This thing is kept by {TOLD}."


def test_a_synced_file_changes_the_answer(ravlm: Ravlm, model: Path, coloured: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(coloured, tmp_path / "data"))
    entries = lines_of(data / "knowledge.jsonl")
    entries[4]["text"] = article(TOLD, "Basel")
    write_lines(data / "knowledge.jsonl", entries)
    assert "1 replaced" in ravlm("knowledge", "sync", model, "dataset", data).out
    shown = coloured / f"images/test-{entries[4]['id']}-0.png"
    assert ravlm("ask", model, shown, ASKED["keeper"], "--json").json["text"] == TOLD


def test_a_thing_added_with_its_picture_is_answered_about(ravlm: Ravlm, model: Path, tmp_path: Path) -> None:
    (tmp_path / "shown.png").write_bytes(photo(NEW, 1))
    ask = ("ask", model, tmp_path / "shown.png", ASKED["keeper"], "--json")
    weights = (model / "model.safetensors").read_bytes()
    assert ravlm(*ask).json["text"] != KEEPER
    (tmp_path / "new.md").write_text(article(KEEPER, "Basel"))
    (tmp_path / "base.png").write_bytes(photo(NEW, 2))
    added = ravlm(
        "knowledge", "set", model, "new", tmp_path / "new.md", "--title", "New", "--image", tmp_path / "base.png"
    )
    assert added.code == 0
    answer = ravlm(*ask).json
    assert (answer["text"], answer["citations"][0]["entry_id"]) == (KEEPER, "new")
    assert (model / "model.safetensors").read_bytes() == weights
    kept = json.loads((model / "index" / "image-keys.json").read_text())
    assert "new" in {entry_id for entry_id, _ in kept["owners"]}  # the next question finds the key made


def test_a_question_that_nothing_answers(ravlm: Ravlm, model: Path, tmp_path: Path) -> None:
    ravlm("knowledge", "remove", model, *THINGS)
    (tmp_path / "shown.png").write_bytes(photo(colours(THINGS[0]), 1))
    told = ravlm("ask", model, tmp_path / "shown.png", ASKED["keeper"])
    assert told.code == 0
    assert "It cites nothing" in told.out


BAD_PICTURES: dict[str, tuple[Callable[[], bytes], str]] = {
    "text": (lambda: b"hello there", "is not a JPEG"),
    "empty": (lambda: b"", "is empty"),
    "cut": (lambda: picture(1)[:200], "damaged or cut off"),
    "tiny": (lambda: encoded(noise(1, 1, 1)), "at least 2 x 2"),
    "bomb": (lambda: declared_png(6000, 5000), "30.0 megapixels"),
    "huge": (lambda: declared_jpeg(60_000, 60_000), "3,600.0 megapixels"),
}


@pytest.mark.parametrize("kind", BAD_PICTURES)
def test_a_bad_picture_ends_in_2(ravlm: Ravlm, trained: Path, tmp_path: Path, kind: str) -> None:
    make, said = BAD_PICTURES[kind]
    (tmp_path / "p.png").write_bytes(make())
    outcome = ravlm("ask", trained, tmp_path / "p.png", ASKED["keeper"])
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("model", "p.png", "   "), "The question is empty"),
        (("model", "p.png", "why " * 25_000), "at most 2,000"),
        (("model", "nowhere.png", "Who?"), "no picture nowhere.png"),
        (("model", ".", "Who?"), "found a folder"),
        (("nowhere", "p.png", "Who?"), "no model in nowhere: found no such folder"),
        (("empty", "p.png", "Who?"), "no model in empty: found no config.json"),
        (("newer", "p.png", "Who?"), "upgrade"),
        (("damaged", "p.png", "Who?"), "can't be read"),
        (("model", "p.png"), "was not taught to describe"),
        (("model",), "IMAGE"),
    ],
)
def test_bad_input_ends_in_2_and_changes_nothing(
    ravlm: Ravlm,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.png").write_bytes(picture(1))
    Path("empty").mkdir()
    for folder in ("newer", "damaged"):
        shutil.copytree(model, folder)
    Path("newer/config.json").write_text(json.dumps(json.loads(Path("newer/config.json").read_text()) | {"format": 99}))
    Path("damaged/model.safetensors").write_bytes(Path("damaged/model.safetensors").read_bytes()[:1000])
    before = sorted(Path().rglob("*"))
    outcome = ravlm("ask", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert sorted(Path().rglob("*")) == before


def test_an_answer_says_how_far_it_is_behind(model: Path, coloured: Path) -> None:
    from ravlm.answering.answerer import Answerer
    from ravlm.safe.images import read_image

    thing = UNSEEN[1]
    shown = read_image(coloured / f"images/test-{thing}-0.png")
    answerer = Answerer.open(model)
    before = answerer.ask(shown, ASKED["keeper"])
    assert (before.version, before.behind) == (answerer.knowledge.version, 0)
    KnowledgeBase.open(model).upsert([replace(KnowledgeBase.open(model).get(thing), text=article(TOLD, "Basel"))])
    late = answerer.ask(shown, ASKED["keeper"], follow=False)
    assert (late.text, late.version, late.behind) == (before.text, before.version, answerer.behind)
    assert late.behind > 0
    now = answerer.ask(shown, ASKED["keeper"])
    assert (now.text, now.behind, now.version > before.version) == (TOLD, 0, True)
