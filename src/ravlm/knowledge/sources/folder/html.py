"""HTML files, read by selectolax (lexbor, which parses as browsers do): what a reader of the page would see as text."""

import re
from typing import Any

from mdurl import decode

from ravlm.knowledge.markdown import SectionWriter, clean, join_lines
from ravlm.knowledge.sources.folder.document import Document, decode_text
from ravlm.knowledge.sources.folder.fields import language_of
from ravlm.knowledge.sources.folder.text import is_remote
from ravlm.optional import require

EXTRA = "documents"
_BREAK = "\0"  # a line's end that is meant, while a paragraph is put together
_LONGEST_ROW = 1000  # characters; a longer row of a table is layout, and its cells are paragraphs
_UNSEEN = frozenset(
    {"script", "style", "nav", "noscript", "template", "svg", "math", "iframe", "object", "embed", "canvas", "audio"}
    | {"video", "button", "select", "textarea", "datalist", "dialog", "input"}
)
_LISTS = frozenset({"ul", "ol", "menu", "dir"})
_BLOCKS = _LISTS | frozenset(
    {"address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt"}
    | {"fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "li", "main", "p", "pre"}
    | {"section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:-]{1,40})", re.IGNORECASE)
_CODECS = {"gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932"}
_CODECS |= {"euc-jp": "euc_jp", "euc-kr": "cp949", "iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252"}
_CODECS |= {f"windows-{page}": f"cp{page}" for page in range(1250, 1259)}
_CODECS |= {f"iso-8859-{part}": f"iso8859_{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)}
_CODECS |= {"koi8-r": "koi8_r", "koi8-u": "koi8_u"}


def read_html_file(data: bytes) -> Document:
    """A page: its first `h1` (else its `title`) is the title, other headings begin sections.

    Navigation, scripts, forms' controls and what is hidden are left out. A picture's alternative text follows the
    paragraph that it stands in. Items of lists and rows of tables keep a line each.

    Raises:
        LeftOut: it is no text.
        MissingExtra: selectolax is not installed.
    """
    parser = require("selectolax.lexbor", EXTRA).LexborHTMLParser(_decode(data))
    page = _Page()
    page.read(parser.root)
    title = parser.css_first("head > title")
    attributes = parser.root.attributes
    return Document(
        title=page.writer.title or (" ".join(clean(title.text()).split()) if title is not None else ""),
        sections=page.writer.sections(),
        pictures=tuple(dict.fromkeys(link for link in page.pictures if not is_remote(link))),
        remote=tuple(dict.fromkeys(link for link in page.pictures if is_remote(link))),
        language=language_of(attributes.get("lang") or attributes.get("xml:lang") or ""),
    )


def _decode(data: bytes) -> str:
    """The page as text: by its byte order mark, as UTF-8, or in the encoding that its head names."""
    named = _CHARSET.search(data[:2048])
    codec = _CODECS.get(named[1].decode("ascii").lower()) if named else None
    if codec is None or data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return decode_text(data)
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return decode_text(data)


class _Page:
    """Walks a page without recursion, so that no depth of nesting is too much."""

    def __init__(self) -> None:
        self.writer = SectionWriter()
        self.pictures: list[str] = []
        self._text: list[str] = []  # of the paragraph that is being read
        self._alternatives: list[str] = []  # texts of the pictures in it
        self._heading = 0
        self._lists: list[int] = []  # the number of the last item of an ordered list, -1 in others
        self._marker = ""
        self._rows: list[list[list[str]]] = []  # tables in tables: cells of blocks
        self._pre = 0

    def read(self, root: Any) -> None:
        open_nodes = [root]
        self._enter(root)
        node = root.first_child
        while open_nodes:
            if node is None:
                done = open_nodes.pop()
                self._leave(done.tag)
                node = done.next if open_nodes else None
            elif self._enter(node):
                open_nodes.append(node)
                node = node.first_child
            else:
                node = node.next
        self._flush()

    def _enter(self, node: Any) -> bool:
        """Take a node in; True where what it holds is to be read, and left by `_leave`."""
        tag = node.tag
        if tag == "-text":
            text = node.text_content or ""
            self._text.append(text.replace(_BREAK, "").replace("\n", _BREAK) if self._pre else text)
            return False
        if tag is None or tag.startswith("-") or tag in _UNSEEN or tag == "head" or _hidden(node):
            return False
        if tag == "br":
            self._text.append(_BREAK)
        elif tag == "img":
            self._picture(node.attributes)
        if tag in _HEADINGS:
            self._flush()
            self._heading = _HEADINGS[tag]
        elif tag in _BLOCKS:
            self._flush()
            self._begin(tag)
        return True

    def _begin(self, tag: str) -> None:
        if tag in _LISTS:
            self._lists.append(0 if tag == "ol" else -1)
        elif tag == "li":
            self._marker = "- "
            if self._lists and self._lists[-1] >= 0:
                self._lists[-1] += 1
                self._marker = f"{self._lists[-1]}. "
        elif tag == "tr":
            self._rows.append([])
        elif tag in {"td", "th"} and self._rows:
            self._rows[-1].append([])
        elif tag == "pre":
            self._pre += 1

    def _leave(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._flush()
            self._heading = 0
        elif tag in _BLOCKS:
            self._flush()
            if tag in _LISTS:
                self._lists.pop()
            elif tag == "li":
                self._marker = ""
            elif tag == "pre":
                self._pre -= 1
            elif tag == "tr":
                self._end_row()

    def _flush(self) -> None:
        """End the paragraph that is being read."""
        if not self._text and not self._alternatives:
            return
        text = "\n".join(map(_line, "".join(self._text).split(_BREAK))).strip()
        self._text.clear()
        if self._heading:
            if text:
                self._rows_as_blocks()
                self.writer.heading(text.replace("\n", " "), self._heading)
        elif text:
            self._block(self._marker + text, item=bool(self._marker))
            self._marker = ""
        for alternative in self._alternatives:
            self._block(alternative)
        self._alternatives.clear()

    def _block(self, text: str, *, item: bool = False) -> None:
        if self._rows and self._rows[-1]:
            self._rows[-1][-1].append(text)
        else:
            self.writer.block(text, item=item)

    def _end_row(self) -> None:
        cells = self._rows.pop()
        row = " | ".join(" ".join(blocks) for blocks in cells)
        if len(row) <= _LONGEST_ROW:
            self._block(row.replace("\n", " ") if any(cells) else "", item=True)
            return
        for block in (block for blocks in cells for block in blocks):
            self._block(block)

    def _rows_as_blocks(self) -> None:
        """A heading within a table: the table is layout."""
        for cells in self._rows:
            for block in (block for blocks in cells for block in blocks):
                self.writer.block(block)
            cells.clear()

    def _picture(self, attributes: dict[str, str | None]) -> None:
        link = (attributes.get("src") or attributes.get("data-src") or "").strip()
        if link:
            self.pictures.append(link if is_remote(link) else decode(link, exclude=""))
        alternative = " ".join((attributes.get("alt") or "").split())
        if alternative:
            self._alternatives.append(alternative)


def _line(text: str) -> str:
    return join_lines(" ".join(line.split()) for line in text.split("\n"))


def _hidden(node: Any) -> bool:
    attributes: dict[str, str | None] = node.attributes
    if not attributes:
        return False
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or attributes.get("role") == "navigation"
        or bool(_HIDING.search(attributes.get("style") or ""))
    )
