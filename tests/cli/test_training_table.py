"""What a terminal shows of a training while it runs."""

import pytest
from rich.console import Console

from ravlm.cli.training_table import TrainingTable, training_table


def drawn(table: TrainingTable, width: int = 120) -> list[list[str]]:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(table)
    return [line.split("  ") for line in captured.get().splitlines() if line.strip(" ─")]


def cells(row: list[str]) -> list[str]:
    return [cell.strip() for cell in row if cell.strip()]


def test_a_row_for_everything_with_what_was_measured_last() -> None:
    table = TrainingTable()
    table.progress("reading [bold]pictures\x1b", 3, 3)
    measures = {"loss": 1.23456, "rate": 0.002, "gradient norm": 3.0, "steps a second": 12.5}
    table.measured("match", 10, {"validation": 0.5})
    table.measured("match", 10, measures)
    table.progress("learning to match pictures", 10, 20)
    table.progress("learning to match pictures", 11, 20)
    head, first, second = (cells(row) for row in drawn(table))
    assert head == ["step", "loss", "validation", "rate", "steps/s", "time left"]
    assert first == ["reading [bold]pictures", "3 of 3"]
    assert second[:6] == ["learning to match pictures", "11 of 20", "1.2346", "0.5000", "0.002", "12.50"]
    assert second[6].endswith(" s")
    narrow = "\n".join("".join(row) for row in drawn(table, 80))
    assert [cell for cell in (*head, *second[1:6]) if cell not in narrow] == []


def test_measures_are_of_the_stage_that_is_told_next() -> None:
    table = TrainingTable()
    table.progress("one", 1, 2)
    table.measured("two", 10, {"loss": 2.0})
    table.progress("two", 10, 20)
    _, one, two = (cells(row) for row in drawn(table))
    assert (one, two) == (["one", "1 of 2"], ["two", "10 of 20", "2.0000"])


def test_it_is_drawn_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with training_table() as table:
        table.progress("learning to read answers", 3, 7)
    written = capsys.readouterr()
    assert written.out == ""
    assert "learning to read answers" in written.err
    assert "3 of 7" in written.err
