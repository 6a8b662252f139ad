import pytest

from ravlm.cli import console


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that progress sees, in seconds; put another one in."""
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def test_plain_lines_of_a_short_stage_are_two(capsys: pytest.CaptureFixture[str], clock: list[float]) -> None:
    with console.progress() as report:
        for done in range(101):
            clock[0] += 0.01
            report("drawing", done, 100)
    assert capsys.readouterr().err.splitlines() == ["drawing: 0 of 100", "drawing: 100 of 100"]


def test_plain_lines_come_every_tenth(capsys: pytest.CaptureFixture[str], clock: list[float]) -> None:
    with console.progress("world") as report:
        for done in range(101):
            clock[0] += 1
            report("drawing", done, 100)
        report("packing", 0, 0)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 12
    assert lines[0] == "world: drawing: 0 of 100"
    assert lines[1] == "world: drawing: 10 of 100, about 1 min 30 s left"
    assert lines[10:] == ["world: drawing: 100 of 100", "world: packing: 0 of 0"]


def test_a_table_shows_brackets_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    console.console.cache_clear()
    console.table(["source", "n"], [["[red]x[/red]", "5"], ["\x1b[1my", "17"]])
    shown = capsys.readouterr().out
    assert "| [red]x[/red] |" in shown
    assert "\x1b" not in shown
    console.console.cache_clear()


def test_json_is_utf_8(capsys: pytest.CaptureFixture[str]) -> None:
    console.emit_json({"猫": [1, None]})
    assert "猫" in capsys.readouterr().out
