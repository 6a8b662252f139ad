"""The dataset format as it is documented is the one that is read."""

import re
from typing import get_args

import pytest
from pydantic import BaseModel

from documents import ROOT, blocks
from ravlm.lines import DatasetCard, EntryLine, ExampleLine, SectionLine
from ravlm.records import AnswerKind

FORMAT = (ROOT / "docs" / "dataset.md").read_text(encoding="utf-8")
LINES: dict[str, type[BaseModel]] = {
    "dataset.json": DatasetCard,
    "knowledge.jsonl": EntryLine,
    "train.jsonl": ExampleLine,
}


@pytest.mark.parametrize("line", [DatasetCard, EntryLine, SectionLine, ExampleLine])
def test_every_field_is_described(line: type[BaseModel]) -> None:
    described = set(re.findall(r"[`\"]([a-z_]+)[`\"]", FORMAT))
    assert set(line.model_fields) - described == set()


def test_every_kind_of_answer_is_described() -> None:
    assert {f"| `{kind}` |" for kind in get_args(AnswerKind)} <= set(re.findall(r"^\| `[a-z_]+` \|", FORMAT, re.M))


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
@pytest.mark.parametrize("file", LINES)
def test_the_example_of_a_readme_is_valid(readme: str, file: str) -> None:
    [shown] = [b for b in blocks((ROOT / readme).read_text(encoding="utf-8"), "text") if b.startswith("my-data/")]
    found = re.search(rf"{re.escape(file)}\s+(\{{.*?\}})\n  \w", shown, re.DOTALL)
    assert found is not None
    LINES[file].model_validate_json(found[1])
