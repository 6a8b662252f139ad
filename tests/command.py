"""Commands of the command line, run in this process, and what one left."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Outcome:
    """A command's exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Ravlm = Callable[..., Outcome]


def ran(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of a command line, its program's name first."""
    from ravlm.cli.main import main

    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)
