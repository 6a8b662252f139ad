from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.errors import FormatError
from ravlm.safe.xml import DEEPEST, xml_events

BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"""
BARE = b"""<!DOCTYPE a SYSTEM "http://example.org/a.dtd"><a x="1">t&amp;<b>&#20013;</b>u</a>"""


def test_elements_come_as_they_begin_and_end() -> None:
    told = [("start", "a", {"x": "1"}), ("start", "b", {}), ("end", "b", "中"), ("end", "a", "t&u")]
    assert list(xml_events([BARE], "a.xml", doctype=True)) == told
    assert list(xml_events([bytes([byte]) for byte in BARE], "a.xml", doctype=True)) == told


@pytest.mark.parametrize("doctype", [False, True])
@pytest.mark.parametrize("document", [BOMB, OUTSIDE])
def test_entities_are_refused(document: bytes, doctype: bool) -> None:
    with pytest.raises(FormatError, match=r"a\.xml, line 1: found a.* which is refused"):
        list(xml_events([document], "a.xml", doctype=doctype))


def test_a_document_type_is_refused_unless_asked_for() -> None:
    with pytest.raises(FormatError, match="found a document type"):
        list(xml_events([BARE], "a.xml"))


def test_depth_and_text_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FormatError, match="nested deeper"):
        list(xml_events([b"<a>" * (DEEPEST + 1)], "a.xml"))
    monkeypatch.setattr("ravlm.safe.xml.LONGEST_TEXT", 1000)
    with pytest.raises(FormatError, match="more than 1,000 characters"):
        list(xml_events([b"<a>", *[b"x" * 100] * 20], "a.xml"))


@given(st.text(st.sampled_from("<>a/&;!x\"=' "), max_size=60))
def test_what_is_not_well_formed_is_told(text: str) -> None:
    with suppress(FormatError):  # and nothing else
        list(xml_events([text.encode()], "a.xml", doctype=True))


@pytest.mark.parametrize("encoding", [b"UT", b"no-such", b"\x01"])
def test_an_encoding_that_nobody_knows_is_told(encoding: bytes) -> None:
    with pytest.raises(FormatError, match=r"a\.xml is not well-formed XML"):
        list(xml_events([b'<?xml version="1.0" encoding="' + encoding + b'"?><a/>'], "a.xml"))
