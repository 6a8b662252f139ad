"""An extra that is missing says how to install it; one that is there is handed over."""

import json

import pytest

from ravlm.errors import MissingExtra
from ravlm.optional import require


def test_an_installed_module_is_handed_over() -> None:
    assert require("json", "models") is json


def test_a_missing_one_says_how_to_install_it() -> None:
    with pytest.raises(MissingExtra, match=r"pip install 'ravlm\[world\]'") as raised:
        require("no_such_package.part", "world")
    assert "'no_such_package'" in str(raised.value)
