"""The worked extension in the documents works, and the Python of the READMEs is true to the code."""

import ast
import tomllib
from importlib import import_module
from importlib.util import find_spec

import pytest

from documents import ROOT, blocks, documents, name_of

EXTENDING = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
PYTHON = [
    pytest.param(block, id=f"{name_of(document)} {place}")
    for document in documents()
    for place, block in enumerate(blocks(document.read_text(encoding="utf-8"), "python"))
]


def test_the_worked_extension_runs() -> None:
    import torch

    torch.manual_seed(0)
    names: dict[str, object] = {"__name__": "extending"}
    code = list(blocks(EXTENDING, "python"))
    assert len(code) == 2
    for block in code:
        exec(compile(block, "docs/extending.md", "exec"), names)  # noqa: S102 - the document is ours
    from ravlm.protocols import FusionModule

    assert isinstance(names["fusion"], FusionModule)


def test_the_extension_by_configuration_is_the_committed_file() -> None:
    [shown] = blocks(EXTENDING, "toml")
    assert shown == (ROOT / "configs" / "feature-fusion.toml").read_text(encoding="utf-8")
    assert tomllib.loads(shown) == {"model": {"fusion": {"kind": "feature"}}}


@pytest.mark.parametrize("block", PYTHON)
def test_the_names_that_documents_import_are_there(block: str) -> None:
    imports = [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.ImportFrom)]
    for node in imports:
        for alias in node.names:
            there = hasattr(import_module(node.module or ""), alias.name)
            assert there or find_spec(f"{node.module}.{alias.name}"), f"{node.module} has no {alias.name}"
