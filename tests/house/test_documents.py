"""What the documents promise is there: commands, options, make targets, files, versions."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

import ravlm
from documents import ROOT, Command, commands, documents, links, name_of
from ravlm.cli.main import app

DOCUMENTS = documents()
SHOWN = [c for d in DOCUMENTS for c in commands(d.read_text(encoding="utf-8"), name_of(d))]
OURS = [command for command in SHOWN if command.words[0] == "ravlm"]
# What typer raises at a wrong command line; it brings its own copy of click.
WRONG: type[Any] = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")
NEEDED = ["README.md", "README.zh-CN.md", "CHANGELOG.md", "CONTRIBUTING.md"]
NEEDED += ["docs/architecture.md", "docs/dataset.md", "docs/extending.md", "docs/runs.md"]
INDEX_HOST = re.compile(
    r"https?://[\w.:-]*(?:pypi|pythonhosted|/simple\b|artifactory|nexus|devpi)[\w./-]*", re.IGNORECASE
)


def parse(words: list[str]) -> None:
    """Parse a command line as `ravlm` would, down to the verb, without running it."""
    command: Any = typer.main.get_command(app)
    assert hasattr(command, "resolve_command"), "the command line has no verbs"
    context = command.make_context("ravlm", words[1:])
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)


def test_the_documents_are_there() -> None:
    assert set(NEEDED) <= {name_of(document) for document in DOCUMENTS}


@pytest.mark.parametrize("command", OURS, ids=lambda c: f"{c.document}: {c.line}")
def test_a_documented_command_is_a_command(command: Command) -> None:
    try:
        parse(command.words)
    except typer.Exit:  # --help and --version end here
        pass
    except WRONG as wrong:
        pytest.fail(f"{command.document}: {command.line}: {wrong.format_message()}")


@pytest.mark.parametrize("line", ["ravlm dataset mend flags", "ravlm dataset check --depth 3 flags", "ravlm juggle"])
def test_the_parser_sees_a_wrong_command(line: str) -> None:
    with pytest.raises(WRONG):
        parse(line.split())


@pytest.mark.parametrize("document", ["README.md", "README.zh-CN.md"])
@pytest.mark.parametrize(
    "verb", ["demo", "train", "evaluate", "verify", "report", "ask", "dataset", "knowledge", "index", "search"]
)
def test_a_readme_shows_every_verb(document: str, verb: str) -> None:
    assert verb in {command.words[1] for command in OURS if command.document == document}


def test_both_readmes_show_the_same_commands() -> None:
    shown = {d: [c.words[:3] for c in SHOWN if c.document == d] for d in ("README.md", "README.zh-CN.md")}
    assert shown["README.md"] == shown["README.zh-CN.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for link in links(document.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if path.startswith(("http://", "https://", "mailto:")):
            continue
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def anchors(document: Path) -> set[str]:
    """The names of a document's headings, as links spell them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_make_targets_that_are_named_are_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        target
        for document in DOCUMENTS
        for target in re.findall(r"(?:`|^\$? ?)make ([a-z]+)\b", document.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {"demo", "test", "check", "bench", "lock"} <= named <= targets


def test_files_that_are_named_as_scripts_are_there() -> None:
    scripts = {word for c in SHOWN for word in c.words if word.endswith(".py") and c.words[0].startswith("python")}
    assert {script for script in scripts if not (ROOT / script).is_file()} == set()


def test_the_changelog_tells_of_this_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == ravlm.__version__
    assert f'version = "{ravlm.__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_no_tracked_file_names_a_package_index() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout, so no file is tracked")
    found = {}
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        if path.is_file() and path != Path(__file__):
            hosts = INDEX_HOST.findall(path.read_bytes().decode(errors="ignore"))
            found |= {name: hosts[0]} if hosts else {}
    assert found == {}


def test_the_index_is_recognised() -> None:
    assert INDEX_HOST.search("--index-url https://example.org/simple/")
    assert INDEX_HOST.search("https://files.pythonhosted.org/packages/ab/cd")
    assert not INDEX_HOST.search("https://www.apache.org/licenses/")
