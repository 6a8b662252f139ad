import subprocess
import sys
from pathlib import Path

import pytest

from command import Ravlm
from pictures import picture
from ravlm import __version__
from ravlm.cli import main as entry_point
from ravlm.errors import PathError


def test_check_a_dataset_that_is_right(ravlm: Ravlm, data: Path) -> None:
    outcome = ravlm("dataset", "check", data)
    assert (outcome.code, outcome.out) == (0, f"{data}: no fault found.\n")
    assert ravlm("dataset", "check", data, "--json").json == {"dataset": str(data), "faults": []}


def test_check_tells_every_fault_and_exits_with_1(ravlm: Ravlm, data: Path) -> None:
    (data / "images" / "3.png").unlink()
    (data / "images" / "4.png").write_bytes(picture(4)[:50])
    outcome = ravlm("dataset", "check", data)
    assert outcome.code == 1
    assert "train.jsonl, line 1, field images.0: found no file 'images/3.png'" in outcome.out
    assert outcome.out.endswith(f"{data}: 2 faults.\n")
    faults = ravlm("dataset", "check", data, "--json").json["faults"]
    assert [(fault["file"], fault["line"], fault["field"]) for fault in faults] == [
        ("train.jsonl", 1, "images.0"),
        ("train.jsonl", 2, "images.0"),
    ]
    assert len(ravlm("dataset", "check", data, "--no-decode", "--json").json["faults"]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "nowhere"), "found nothing"),
        (("check", "file"), "found a file"),
        (("make", "flag", "--out", "new"), "Did you mean 'flags'?"),
        (("make", "flags", "data", "--out", "new"), "take no SOURCE"),
        (("make", "grocery", "--out", "new"), "needs its SOURCE"),
        (("make", "grocery", "nowhere", "--out", "new"), "nowhere"),
        (("make", "grocery", "data", "--out", "new", "--base", "all"), "Choose one of: iconic, photos"),
        (("make", "grocery", "data", "--out", "new", "--ask", "class"), "Did you mean 'classes'?"),
        (("make", "flags", "--out", "new", "--ask", "classes"), "Choose one of: facts, texts"),
        (("make", "flags", "--out", "new", "--base", "photos"), "flags has none of them"),
        (("make", "emoji", "--out", "new"), "needs its SOURCE"),
        (("make", "emoji", "data", "--out", "new"), "has no noto72"),
        (("make", "emoji", "data", "--out", "new", "--base", "photos"), "emoji has none of them"),
        (("make", "emoji", "data", "--out", "new", "--ask", "facts"), "Choose one of: captions"),
        (("make", "flags", "--out", "data"), "already holds"),
        (("make", "flags", "--out", "file"), "in the way"),
        (("make", "flags", "--out", "new", "--seed", "-1"), "--seed"),
    ],
)
def test_bad_input_ends_in_2_and_writes_nothing(
    ravlm: Ravlm, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    before = sorted(Path().rglob("*"))
    outcome = ravlm("dataset", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert sorted(Path().rglob("*")) == before


def test_version_and_help(ravlm: Ravlm) -> None:
    assert ravlm("--version").out == f"ravlm {__version__}\n"
    assert ravlm("--help").code == 0
    shown = ravlm("dataset", "make", "--help").out
    assert "  ravlm dataset make flags --out flags\n" in shown


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (PathError("No such thing."), 2, "ravlm: No such thing.\n"),
        (PermissionError(13, "Permission denied"), 2, "the system refused"),
        (KeyboardInterrupt(), 130, "ravlm: stopped by Ctrl-C.\n"),
    ],
)
def test_how_the_command_ends(
    ravlm: Ravlm, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("ravlm.data.check.check", fail)
    outcome = ravlm("dataset", "check", "anything")
    assert (outcome.code, outcome.out) == (code, "")
    assert said in outcome.err
    assert outcome.err.count("\n") == 1


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from ravlm.cli.main import app; "
        "app(['knowledge', '--help'], standalone_mode=False); "
        "sys.exit(', '.join({'torch', 'lancedb', 'pyarrow', 'numpy', 'PIL', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Usage")
    assert done.stderr.strip() == ""


def test_a_reader_that_leaves_early_is_no_error(data: Path) -> None:
    program = [sys.executable, "-c", f"import {entry_point.__name__} as m; m.main()", "dataset", "check", str(data)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        if process.stdout is not None:
            process.stdout.close()
        errors = process.stderr.read() if process.stderr is not None else ""
    assert "Traceback" not in errors
    assert "Broken" not in errors
