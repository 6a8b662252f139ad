"""What a file says: text, Markdown with front matter, HTML, sidecars; and the process apart that reads HTML."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravlm.errors import MissingExtra, RavlmError
from ravlm.knowledge.markdown import read_markdown
from ravlm.knowledge.sources.folder import apart as apart_module
from ravlm.knowledge.sources.folder.apart import Apart
from ravlm.knowledge.sources.folder.captions import read_captions, read_sidecar
from ravlm.knowledge.sources.folder.document import Document, LeftOut
from ravlm.knowledge.sources.folder.fields import front_matter
from ravlm.knowledge.sources.folder.html import read_html_file
from ravlm.knowledge.sources.folder.source import FolderSource
from ravlm.knowledge.sources.folder.text import paragraphs, read_markdown_file, read_text_file
from ravlm.records import Section

PIECES = [
    f"<{tag}>" for tag in ("p", "div", "table", "tr", "td", "li", "ul", "h1", "b", "pre", "svg", "template", "body")
]
PIECES += [f"</{tag}>" for tag in ("p", "div", "table", "td", "ul", "h1", "pre", "html")]
PIECES += ["a", "\n", "&", "<", "</", "<br>", "<img alt=i>", "<!--", "<frameset>", "玫"]


def text_of(document: Document) -> str:
    return "\n\n".join(section.text for section in document.sections)


def markdown(text: str) -> str:
    return read_markdown(text).prose


def html(text: str) -> Document:
    return read_html_file(text.encode())


@pytest.mark.parametrize(
    ("written", "prose"),
    [
        ("| a | b |\n|---|---|\n| 1 | **2** |", "a | b\n1 | 2"),
        ("```py\n# no heading\n\nx = 1\n```", "# no heading\n\nx = 1"),
        ("    code", "code"),
        ("a <!-- b\nc --> d", "a  d"),
        ("<!-- a\n\nb -->\n\nc", "c"),
        ("<div>a <b>b</b> &amp; c</div>", "a b & c"),
        ("<script>a</script>\n\nb", "b"),
        ("a<br>b  \nc\\\nd", "a\nb\nc\nd"),
        ("1. a\n2. b\n   - c\n\n   d", "1. a\n2. b\n- c\n\nd"),
        ("~~a~~ __b__ <https://x.org> [c][d]\n\n[d]: e", "a b https://x.org c"),
        ("a &copy; &#0;b", "a © \ufffdb"),
        ("它有\n“两只”\n眼睛\nand two\n手", "它有“两只”眼睛 and two 手"),
        ("a\n• b\n• c", "a\n• b\n• c"),
        ("> - a\n>\n> b", "- a\n\nb"),
        ("a\x00\x1b[31mb", "a[31mb"),
    ],
)
def test_markdown_without_its_marks(written: str, prose: str) -> None:
    assert markdown(written) == prose


def test_pictures_in_markdown() -> None:
    written = (
        '![a](a%20b.png "t") ![b][r] <img alt="x" src="c.png"/>\n\n[r]: <d e.png>\n\n'
        "<p align=\"center\">\n<img src='f.png'>\n</p>\n"
    )
    assert read_markdown(written).pictures == ("a b.png", "d e.png", "c.png", "f.png")
    assert read_markdown("![图](图片.png) ![](100%.png)").pictures == ("图片.png", "100%.png")


def test_a_first_heading_in_markdown_is_the_title() -> None:
    article = read_markdown("Before.\n\n# *T* `c`\n\n## S\n\nText.\n\n# Second\n\nMore.")
    assert article.title == "T c"
    assert article.sections == (Section("", "Before."), Section("S", "Text."), Section("Second", "More."))


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from(list("ab #-*_`[]()!<>&|\\\n\t:玫\0\x0c\u2028\ud800~1.")), max_size=60))
def test_any_markdown_is_read(text: str) -> None:
    article = read_markdown(text)
    for section in article.sections:
        assert section.text.strip() == section.text != ""
        section.text.encode()
        assert not set(section.text + section.title) & set("\0\x0c\r")


def test_front_matter_becomes_fields() -> None:
    document = read_markdown_file(
        b"---\ntitle: \"The: Rose\"\nid: r1\nlang: zh_Hans\naliases:\n  - Rosa\n  - 'R.'\nlicense: CC0\nurl: https://x.org/a"
        b"\nfamily: Rosaceae # a comment\ntags: [a, b]\n# comment\nnested:\n  deep: x\n---\nText."
    )
    assert (document.title, document.id, document.language) == ("The: Rose", "r1", "zh-Hans")
    assert (document.aliases, document.licence, document.url) == (("Rosa", "R."), "CC0", "https://x.org/a")
    assert document.facts == (("family", "Rosaceae"), ("tags", "a"), ("tags", "b"))
    assert text_of(document) == "Text."
    assert read_markdown_file(b"---\ntitle: A\naliases: b, c\n---\n# B\nT.").title == "B"
    assert read_markdown_file(b"---\naliases: b, c\n---\nT.").aliases == ("b", "c")


@pytest.mark.parametrize(
    "text", ["---\na: b\n", "text\n---\na: b\n---\n", "---\n\nplain\n\n---\nmore", "", "----\na: b\n---"]
)
def test_what_is_no_front_matter_stays(text: str) -> None:
    assert front_matter(text) == ({}, text)


@pytest.mark.parametrize(
    ("data", "title", "text"),
    [
        (b"Rose\n\nA rose.", "Rose", "A rose."),
        ("玫瑰\n玫瑰是一种花，它很美。".encode(), "玫瑰", "玫瑰是一种花，它很美。"),
        (b"A red rose.", "", "A red rose."),
        (b"A rose is red.\n\nMore.", "", "A rose is red.\n\nMore."),
        (b"a\nb\nc", "", "a\nb\nc"),
        (b"A rose is\na flower of the family Rosaceae", "", "A rose is\na flower of the family Rosaceae"),
        (b"A rose,\n\na flower", "", "A rose,\n\na flower"),
        ("\ufeffA\r\n\r\nB".encode(), "A", "B"),
        ("中文".encode("utf-16"), "", "中文"),
        ("﻿中文。".encode("utf-16-be"), "", "中文。"),
        (b"  \n\n ", "", ""),
    ],
)
def test_text_files(data: bytes, title: str, text: str) -> None:
    document = read_text_file(data)
    assert (document.title, text_of(document)) == (title, text)


@pytest.mark.parametrize(
    ("data", "reason"), [(b"\xff\xfa", "not UTF-8"), (b"a\0", "null bytes in a text"), (b"\xff\xfe\x00", "not UTF-8")]
)
def test_what_is_no_text(data: bytes, reason: str) -> None:
    with pytest.raises(LeftOut, match=reason):
        read_text_file(data)


def test_lines_that_were_broken_to_fit_are_joined() -> None:
    lines = [
        "The rose is a woody perennial flowering plant of the genus Rosa, in the fam-",
        "ily Rosaceae. There are over three hundred species and tens of thousands of",
        "cultivars.",
        "They form a group of plants that can be erect shrubs, climbing, or trailing,",
        "with stems that are often armed with sharp prickles.",
        "Uses",
        "Roses are best known as ornamental plants grown for their flowers in the gar-",
        "den. They have been used for:",
        "- perfume",
        "- food",
    ]
    assert paragraphs(lines, narrowest=50) == (
        "The rose is a woody perennial flowering plant of the genus Rosa, in the family Rosaceae. There are over three "
        "hundred species and tens of thousands of cultivars.\n\n"
        "They form a group of plants that can be erect shrubs, climbing, or trailing, with stems that are often armed "
        "with sharp prickles.\n\nUses\n\n"
        "Roses are best known as ornamental plants grown for their flowers in the garden. They have been used for:\n"
        "- perfume\n- food"
    )


def test_chinese_lines_are_joined_without_a_space() -> None:
    lines = [
        "玫瑰是蔷薇科蔷薇属多种植物的通称，原产中国、日本与朝鲜半岛，",
        "现在世界各地都有栽培。",
        "它的花可以提取精油。",
    ]
    assert paragraphs(lines, narrowest=50) == f"{lines[0]}{lines[1]}\n\n{lines[2]}"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.sampled_from(list("ab -.玫。\u00ad1)•")), max_size=70), max_size=12))
def test_no_word_is_lost_when_lines_are_joined(lines: list[str]) -> None:
    def letters(text: str) -> str:
        return "".join(c for c in text if c.isalnum())

    assert letters(paragraphs(lines, narrowest=3)) == letters("".join(lines))


def test_a_page_as_its_reader_sees_it() -> None:
    document = html(
        """<!DOCTYPE html><html lang="zh_CN"><head><title>Rose - a site</title><style>no</style></head><body>
        <nav>no</nav><script>no</script><h1>The <b>Rose</b></h1><!-- no --><p>A rose<br>is a
        plant. <img src="a%20b.png" alt="A red rose"> More &lt;text&gt;.</p><div hidden>no</div>
        <p style="display: none">no</p><span aria-hidden="true">no</span><noscript>no</noscript>
        <h2>Kinds</h2><ul><li>one<ul><li>nested</li></ul></li><li><p>two</p></li></ul><ol><li>x<li>y</ol>
        <table><tr><th>Name<th>Height</tr><tr><td>Tea</td><td><p>1 m</p></td></tr></table>
        <pre>a\n  b</pre><p>中文\n  中文</p>
        <figure><img data-src="b.png"><figcaption>A caption</figcaption></figure><svg><title>no</title></svg>
        <img src="https://x.org/c.png"><button>no</button>tail</body></html>"""
    )
    assert document.title == "The Rose"
    assert document.sections == (
        Section("", "A rose\nis a plant. More <text>.\n\nA red rose"),
        Section(
            "Kinds",
            "- one\n- nested\n- two\n1. x\n2. y\nName | Height\nTea | 1 m\n\na\nb\n\n中文中文\n\nA caption\n\ntail",
        ),
    )
    assert (document.pictures, document.remote) == (("a b.png", "b.png"), ("https://x.org/c.png",))
    assert document.language == "zh-CN"


def test_a_table_that_is_layout() -> None:
    document = html(f"<table><tr><td><p>{'a ' * 600}</p><p>b</p><td>c</table><table><tr><td>x<h2>H</h2>y</table>")
    assert document.sections == (Section("", f"{'a ' * 600}".strip() + "\n\nb\n\nc\n\nx"), Section("H", "y"))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("<meta charset=gb2312><p>玫瑰".encode("gb18030"), "玫瑰"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=Big5"><p>玫瑰'.encode("big5"), "玫瑰"),
        ("<meta charset=gbk><p>玫瑰é€".encode(), "玫瑰é€"),
        ("<p>玫瑰".encode("utf-16"), "玫瑰"),
        (b"<meta charset=zip_codec><p>a", "a"),
        (b"", ""),
        (b"no markup", "no markup"),
        (b"<p>a<table><b>b</table></p></div>&#0;&#27;c", "ab\n\n\ufffdc"),
    ],
)
def test_pages_in_other_encodings_and_broken_ones(data: bytes, text: str) -> None:
    assert text_of(read_html_file(data)) == text


def test_a_page_that_is_no_text() -> None:
    with pytest.raises(LeftOut, match="not UTF-8"):
        read_html_file(b"<meta charset=utf-8><p>\xff\xfa")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_any_page_is_read(pieces: list[str]) -> None:
    for section in html("".join(pieces)).sections:
        assert section.text == section.text.strip() != ""


def test_a_page_nested_deeper_than_recursion_goes() -> None:
    assert text_of(html("<div>" * 10_000 + "deep")) == "deep"


def test_what_a_library_prints_is_no_answer(tmp_path: Path) -> None:
    code = (
        "import os, sys, runpy; from ravlm.knowledge.sources.folder import html;"
        "read = html.read_html_file; html.read_html_file = lambda data: (os.write(1, b'noise'), read(data))[1];"
        "runpy.run_module('ravlm.knowledge.sources.folder.apart', run_name='__main__')"
    )
    (tmp_path / "a.html").write_text("a")
    request = json.dumps({"do": "html", "path": str(tmp_path / "a.html")}).encode()
    ran = subprocess.run([sys.executable, "-c", code], input=request + b"\n", capture_output=True, check=True)
    ready, answer = ran.stdout.splitlines()
    assert (ready, ran.stderr.count(b"noise")) == (b"ready", 1)
    assert json.loads(answer)["document"]["sections"][0]["text"] == "a"


def test_the_process_apart_says_the_same(tmp_path: Path) -> None:
    page = '<html lang="en"><h1>T</h1><p>玫瑰<img src="a.png"><img src="http://x.org/b.png">'
    (tmp_path / "页.html").write_text(page)
    apart = Apart()
    assert apart.html(tmp_path / "页.html") == html(page)
    (tmp_path / "bad.html").write_bytes(b"\xff\xfa")
    with pytest.raises(LeftOut, match="not UTF-8"):
        apart.html(tmp_path / "bad.html")
    assert apart.html(tmp_path / "页.html") == html(page)
    apart.close()


def test_a_page_that_would_take_minutes_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "bomb.html").write_text("<div>" * 300_000)
    (tmp_path / "a.html").write_text("a")
    apart = Apart(longest=0.5)
    with pytest.raises(LeftOut, match=r"takes over 0.5 seconds"):
        apart.html(tmp_path / "bomb.html")
    assert text_of(Apart().html(tmp_path / "a.html")) == "a"


def test_a_reader_that_breaks_down_costs_one_file(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("a")
    apart = Apart()
    apart.html(tmp_path / "a.html")
    assert apart._process is not None
    os.kill(apart._process.pid, 9)
    assert apart._process.wait() == -9
    assert text_of(apart.html(tmp_path / "a.html")) == "a"
    with pytest.raises(LeftOut, match="its reader broke down"):
        apart._ask({"do": "html"})
    assert text_of(apart.html(tmp_path / "a.html")) == "a"
    apart.close()


def test_the_memory_of_the_process_apart_is_bounded() -> None:
    code = "from ravlm.knowledge.sources.folder import apart as a; a._bound_memory(); bytearray(2 * a.LARGEST)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MemoryError" in ended.stderr
    assert apart_module.LARGEST > 0
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != apart_module.LARGEST


def test_a_process_that_does_not_start_is_no_fault_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.html").write_text("a")
    monkeypatch.setattr(apart_module, "__name__", "ravlm.no_such_module")
    with pytest.raises(RavlmError, match=r"did not start: .* -m ravlm.no_such_module"):
        Apart().html(tmp_path / "a.html")


@pytest.mark.parametrize(
    "text",
    [
        "---\na" + " " * 200_000 + "b\n---\n",
        "---\na: b" + " " * 200_000 + "c\n---\n",
        "---\naliases:\n" + "- a\n" * 50_000 + "---\nText.",
        "- a\n" * 8_000,
        "|a|b|\n|-|-|\n" + "|b\n" * 5_000,
        "<img src='" * 50_000,
        "<!--" * 50_000,
        "![" * 2_000,
        "*a **b _c " * 5_000,
    ],
    ids=range(9),
)
def test_markdown_made_to_take_long_does_not(text: str) -> None:
    begun = time.perf_counter()
    read_markdown_file(text.encode())
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize("line", ["fam-", "a" * 55 + "-", '."' * 30, "- a", "a" * 60])
def test_lines_made_to_take_long_do_not(line: str) -> None:
    begun = time.perf_counter()
    read_text_file(f"{line}\n".encode() * 50_000)
    assert time.perf_counter() - begun < 5


def test_what_is_missing_is_said_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.html").write_text("a")
    monkeypatch.setitem(sys.modules, "selectolax.lexbor", None)
    with pytest.raises(MissingExtra, match=r"ravlm\[documents\]"):
        FolderSource(tmp_path)
    (tmp_path / "a.html").rename(tmp_path / "a.md")
    assert FolderSource(tmp_path).size == 1


def test_a_sidecar_says_what_it_may() -> None:
    document = read_sidecar(
        b'{"Title": "Rose", "caption": "A rose.", "text": "Red.", "aliases": ["Rosa"], '
        b'"facts": {"height": [1, "2 m"]}, "year": 1990, "nothing": null, "flag": true, "deep": {"a": 1}}'
    )
    assert document == Document(
        title="Rose",
        sections=(Section("", "Red.\n\nA rose."),),
        aliases=("Rosa",),
        facts=(("height", "1"), ("height", "2 m"), ("year", "1990")),
    )
    assert read_sidecar(b'{"facts": [["a", "b"]]}').facts == (("a", "b"),)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"{", b'{"title": []}', b'{"text": 1}', b'{"facts": 1}', b'{"facts": ["ab"]}'),
        *(b"1" * 5000, b"[" * 100_000),
    ],
)
def test_a_sidecar_that_can_not_be_read(data: bytes) -> None:
    with pytest.raises(LeftOut, match=r"sidecar can't be read|a field is no text"):
        read_sidecar(data)


def test_a_caption_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_bytes(b"a.png,\xff\xfa")
    with pytest.raises(LeftOut, match="not UTF-8"):
        list(read_captions(tmp_path / "captions.csv"))


def test_a_caption_over_the_longest_field_costs_its_line(tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_text(f"a.png,{'x' * 200_000}\nb.png,B.\n")
    lines = list(read_captions(tmp_path / "captions.csv"))
    assert lines[0] == "line of captions can't be read"
    assert lines[-1] == ("b.png", Document(sections=(Section("", "B."),)))
