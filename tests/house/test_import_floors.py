"""Rooms import downwards only, and files stay short."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ravlm"
LONGEST = 400  # lines of a file with code
LONGER_FOR_A_REASON: dict[str, str] = {}
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


def lint_imports(config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    return subprocess.run(
        [*command, "--config", str(config), "--no-cache"], cwd=config.parent, capture_output=True, text=True
    )


def test_the_floors_stand() -> None:
    linted = lint_imports(ROOT / "pyproject.toml")
    assert linted.returncode == 0, linted.stdout
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in linted.stdout


def test_the_contracts_are_the_three_that_the_architecture_names() -> None:
    assert [contract["type"] for contract in CONTRACTS] == ["layers", "forbidden", "forbidden"]
    named = " ".join(layer for layer in CONTRACTS[0]["layers"])
    for room in sorted(path.name for path in SOURCE.iterdir() if (path / "__init__.py").is_file()):
        assert room in named.replace("(", "").replace(")", "").split(), f"{room} stands on no floor"


@pytest.mark.parametrize(
    ("upward", "contract"),
    [
        ("knowledge/rows.py:from ravlm.model import vlm", "imports go down only"),
        ("knowledge/rows.py:import torch", "knowledge is kept and searched, and a run verified, without torch"),
        ("cli/console.py:import torch", "the command line imports torch only with the rooms that a verb asks for"),
    ],
)
def test_the_linter_sees_a_wall_broken(upward: str, contract: str, tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path / "src" / "ravlm", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    name, line = upward.split(":")
    broken = tmp_path / "src" / "ravlm" / name
    broken.write_text(f"{line}\n{broken.read_text(encoding='utf-8')}", encoding="utf-8")
    command = "import sys; sys.path.insert(0, 'src'); from importlinter.cli import lint_imports_command as lint; lint()"
    linted = subprocess.run([sys.executable, "-c", command, "--no-cache"], cwd=tmp_path, capture_output=True, text=True)
    assert linted.returncode == 1
    assert f"{contract} BROKEN" in linted.stdout


def test_no_file_is_too_long() -> None:
    lengths = {
        path.relative_to(SOURCE).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in SOURCE.rglob("*")
        if path.suffix in {".py", ".css", ".j2", ".html", ".js"}
    }
    assert {name for name, lines in lengths.items() if lines > LONGEST} == set(LONGER_FOR_A_REASON)


def test_every_module_says_what_it_is_for() -> None:
    bare = [
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if not path.read_text(encoding="utf-8").startswith('"""')
    ]
    assert bare == []
