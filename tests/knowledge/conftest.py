from collections.abc import Callable
from pathlib import Path

import pytest

from pictures import picture
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry


def numbered(name: str) -> bytes:
    """The picture of that number, as a base asks for it."""
    return picture(int(name))


@pytest.fixture
def pictures() -> Callable[[str], bytes]:
    return numbered


@pytest.fixture
def base(tmp_path: Path) -> KnowledgeBase:
    """Five entries of the source `s`, three with a picture, and one of the source `other`."""
    made = KnowledgeBase.create(tmp_path / "kb")
    entries = [
        Entry(f"e{i}", f"Title {i}", text=f"Text {i}.", images=(str(i),) if i < 3 else (), source="s") for i in range(5)
    ]
    made.upsert([*entries, Entry("o", "Other", text="Another.", source="other")], numbered)
    return made
