import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from command import Ravlm
from ravlm.cli.demo_text import GROUPS
from ravlm.data.flags.world import WorldSize, write_world
from ravlm.evaluation.runs.folder import checksum
from ravlm.evaluation.runs.records import EVIDENCE
from ravlm.training.config import RunConfig, read_run_config

SIZE = WorldSize(
    countries=3,
    patterns=4,
    texts=10,
    train_photos=2,
    val_photos=1,
    seen_test_photos=1,
    unseen_test_photos=3,
    pattern_photos=1,
    val_patterns=1,
    repeats=1,
    val_questions=1,
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tiny: Path, tmp_path: Path) -> None:
    """Let the demo write a small world and train for a few steps."""
    text = tiny.read_text().replace("steps = 40", "steps = 3").replace("steps = 150", "steps = 3")
    (tmp_path / "demo.toml").write_text(text)

    def read(_: Path | None, *, seed: int | None = None) -> RunConfig:
        return read_run_config(tmp_path / "demo.toml", seed=seed)

    monkeypatch.setattr("ravlm.data.flags.world.write_world", partial(write_world, size=SIZE))
    monkeypatch.setattr("ravlm.training.config.read_run_config", read)


@pytest.mark.usefixtures("small")
def test_the_whole_demo_twice(ravlm: Ravlm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = ravlm("demo", "--json", "figures.json")
    assert first.code == 0
    figures = json.loads(Path("figures.json").read_text())
    scores = figures["scores"]
    for group in GROUPS:
        accuracy = {kind: told["accuracy"]["value"] for kind, told in scores["groups"][group]["evidence"].items()}
        assert set(accuracy) == set(EVIDENCE)
        assert all(0 <= share <= 1 for share in accuracy.values())
        assert scores["groups"][group]["n"] > 0
    assert figures["seconds"]["total"] >= figures["seconds"]["training"] > 0
    assert set(figures["floors"]) == {"pixels", "colours_and_shapes", "n"}
    assert figures["floors"]["n"] == 3  # photos of the one unseen country
    assert set(figures["modalities"]["by_name"]) == {"image", "question", "knowledge"}
    for step in ("1. World: demo/flags", "2. Training: demo/model", "3. Evaluation: demo/run"):
        assert step in first.err
    assert "4. Report: demo/report.html" in first.err
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in first.out.splitlines()]
    head = next(line for line in lines if line[:1] == ["evidence"])
    told = dict(zip(head, next(line for line in lines if "(retrieved)" in str(line)), strict=True))
    macro = scores["macro"]["groups"]
    assert {g: told[g] for g in GROUPS} == {g: f"{macro[g]['retrieved']['value']:.3f}" for g in GROUPS}
    assert first.out.count("demo/flags/images/test/") == 4  # three answers, and the first of them to ask again
    page = Path("demo/report.html").read_text()
    assert "What each input is worth" in page
    assert "loss, read" in page
    command = next(line for line in first.out.splitlines() if line.startswith("  ravlm ask demo/model"))
    assert command.endswith(("?'", "。'", "？'", ".'"))

    verified = ravlm("verify", "demo/run", "--replay")
    assert (verified.code, verified.out.splitlines()[-1]) == (0, f"run {checksum(Path('demo/run/run.json'))}")

    photo = next(Path("demo/flags/images/test").iterdir())
    drawn = photo.stat().st_mtime_ns
    second = ravlm("demo", "--json", "again.json")
    assert second.code == 0
    assert "already there" in second.err
    assert photo.stat().st_mtime_ns == drawn
    again = json.loads(Path("again.json").read_text())
    del figures["seconds"], again["seconds"]
    assert again == figures


def test_what_no_demo_wrote_stays(ravlm: Ravlm, data: Path) -> None:
    before = sorted(data.rglob("*"))
    outcome = ravlm("demo", "--out", data)
    assert (outcome.code, outcome.out) == (2, "")
    assert "already holds something" in outcome.err
    assert ravlm("demo", "--out", data / "dataset.json").code == 2
    assert ravlm("demo", "--out", data.parent / "new", "--json", data).code == 2
    assert sorted(data.rglob("*")) == before
    assert not (data.parent / "new").exists()


@pytest.mark.usefixtures("small")
def test_ctrl_c_keeps_the_world(ravlm: Ravlm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> Callable[..., None]:
        raise KeyboardInterrupt

    monkeypatch.setattr("ravlm.training.run.train", stop)
    stopped = ravlm("demo", "--out", tmp_path / "demo")
    assert stopped.code == 130
    assert "stays in" in stopped.err
    assert (tmp_path / "demo" / "flags" / "dataset.json").is_file()
