"""Dumps of a Wikipedia as the tests need them: one of every awkward case, in every form that dumps come in."""

import bz2
import gzip
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from ravlm.knowledge.sources.part import Part
from ravlm.records import Entry, Section

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="http://www.mediawiki.org/xml/export-0.11/ http://www.mediawiki.org/xml/export-0.11.xsd" \
version="0.11" xml:lang="{language}">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>{language}wiki</dbname>
    <base>https://{language}.wikipedia.org/wiki/Main_Page</base>
    <generator>MediaWiki 1.44.0-wmf.8</generator>
    <case>first-letter</case>
    <namespaces>
      <namespace key="-2" case="first-letter">Media</namespace>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">Bestand X</namespace>
      <namespace key="10" case="first-letter">Template</namespace>
      <namespace key="14" case="first-letter">Category</namespace>
    </namespaces>
  </siteinfo>
"""
FOOT = "</mediawiki>\n"


def page(
    title: str, number: int, text: str | None, *, ns: int = 0, redirect: str | None = None, model: str = "wikitext"
) -> str:
    """A page as MediaWiki exports it; a text of None is one that was deleted."""
    size = len((text or "").encode())
    body = (
        '<text bytes="20" sha1="x" deleted="deleted" />'
        if text is None
        else f'<text bytes="{size}" sha1="phoiac9h4m842xq45sp7s6u21eteeq1" xml:space="preserve">{escape(text)}</text>'
        if text
        else '<text bytes="0" sha1="phoiac9h4m842xq45sp7s6u21eteeq1" xml:space="preserve" />'
    )
    to = f'    <redirect title="{escape(redirect, {chr(34): "&quot;"})}" />\n' if redirect else ""
    return f"""  <page>
    <title>{escape(title)}</title>
    <ns>{ns}</ns>
    <id>{number}</id>
{to}    <revision>
      <id>{number + 1000}</id>
      <parentid>{number + 900}</parentid>
      <timestamp>2024-01-01T00:00:00Z</timestamp>
      <contributor>
        <username>A &amp; B</username>
        <id>7</id>
      </contributor>
      <comment>/* top */ &lt;page&gt;</comment>
      <origin>{number + 1000}</origin>
      <model>{model}</model>
      <format>text/x-wiki</format>
      {body}
      <sha1>phoiac9h4m842xq45sp7s6u21eteeq1</sha1>
    </revision>
  </page>
"""


ANT = """{{Infobox insect|image=Ant worker.jpg}}
An '''ant''' ({{lang-la|formica}}; {{IPA|x}}) is an [[insect|animal]] of {{convert|2|mm|in}}.<ref>{{cite|a}}</ref>

== Body & <mind> ==
{| class="wikitable"
! Part !! Legs
|-
| [[Thorax]] || 6
|}
=== Eyes ===
* two
* [[File:Eye.jpg|thumb|An [[eye]]]] compound

== References ==
{{reflist}}
[[Category:Ants]]
[[de:Ameise]]"""

PAGES = [
    page("Formica", 1, "#REDIRECT [[Ant]]", redirect="Ant"),
    page("Ant", 2, ANT),
    page("AT&T", 3, 'A "company" & <nowiki>[[more]]</nowiki>.'),
    page("Ants", 4, "#REDIRECT [[Formica#Body]]", redirect="Formica#Body"),
    page("Mercury", 5, "'''Mercury''' may be:\n* [[Mercury (planet)]]\n{{disambiguation}}"),
    page("Template:Ant", 6, "text", ns=10),
    page("Talk:Ant", 7, "text", ns=1),
    page("Empty", 8, ""),
    page("Deleted", 9, None),
    page("Only markup", 10, "{{a}}<!-- b -->[[Category:c]]"),
    page("Data", 11, "{}", model="json"),
    page("Broken", 12, "text").replace("</text>", "</txt>"),
    page("蚂蚁", 13, "'''蚂蚁'''是昆虫。\n\n== 分布 ==\n全世界。"),
    page("Loop A", 14, "#REDIRECT [[Loop B]]", redirect="Loop B"),
    page("Loop B", 15, "#REDIRECT [[Loop A]]", redirect="Loop A"),
    page("蟻", 16, "#REDIRECT [[蚂蚁]]", redirect="蚂蚁"),
    page("ATT", 17, "#REDIRECT [[AT&T]]", redirect="AT&T"),
    page('Quote "Ant"', 18, "#REDIRECT [[Ant]]", redirect="Ant"),
    page("Half", 19, "text").replace("  </page>\n", ""),
    page("Last", 20, "The last one."),
]
SKIPPED = {"redirect": 7, "not an article": 2, "no text": 3, "not wikitext": 1, "broken page": 2}
ENTRIES = [
    Entry(
        id="enwiki:2",
        title="Ant",
        sections=(
            Section("", "An ant (formica) is an animal of 2 mm."),
            Section("Body & <mind>", "- Part | Legs\n- Thorax | 6"),
            Section("Eyes", "- two\n- compound"),
        ),
        aliases=("Ants", "Formica", 'Quote "Ant"'),
        source="enwiki",
        licence="CC BY-SA 4.0",
        url="https://en.wikipedia.org/wiki/Ant",
        meta={"lead_image": "Ant worker.jpg"},
    ),
    Entry(
        id="enwiki:3",
        title="AT&T",
        sections=(Section("", 'A "company" & [[more]].'),),
        aliases=("ATT",),
        source="enwiki",
        licence="CC BY-SA 4.0",
        url="https://en.wikipedia.org/wiki/AT%26T",
    ),
    Entry(
        id="enwiki:5",
        title="Mercury",
        sections=(Section("", "Mercury may be:\n\n- Mercury (planet)"),),
        source="enwiki",
        licence="CC BY-SA 4.0",
        url="https://en.wikipedia.org/wiki/Mercury",
        meta={"disambiguation": True},
    ),
    Entry(
        id="enwiki:13",
        title="蚂蚁",
        sections=(Section("", "蚂蚁是昆虫。"), Section("分布", "全世界。")),
        aliases=("蟻",),
        source="enwiki",
        licence="CC BY-SA 4.0",
        url="https://en.wikipedia.org/wiki/%E8%9A%82%E8%9A%81",
    ),
    Entry(
        id="enwiki:20",
        title="Last",
        sections=(Section("", "The last one."),),
        source="enwiki",
        licence="CC BY-SA 4.0",
        url="https://en.wikipedia.org/wiki/Last",
    ),
]


def export(pages: Sequence[str], language: str = "en") -> bytes:
    return (HEAD.format(language=language) + "".join(pages) + FOOT).encode()


def streams(*contents: bytes) -> bytes:
    return b"".join(map(bz2.compress, contents))


def in_streams(pages: Sequence[str], each: int) -> bytes:
    """Multistream as Wikimedia writes it: the header, some pages each, the end."""
    groups = ["".join(pages[at : at + each]).encode() for at in range(0, len(pages), each)]
    return streams(HEAD.format(language="en").encode(), *groups, FOOT.encode())


def cut_anywhere(pages: Sequence[str], size: int) -> bytes:
    """Streams of some bytes each, wherever pages end, as pbzip2 writes them."""
    data = export(pages)
    return streams(*(data[at : at + size] for at in range(0, len(data), size)))


FORMS: dict[str, Callable[[Sequence[str]], bytes]] = {
    "x.xml": export,
    "x.xml.bz2": lambda pages: bz2.compress(export(pages), 1),
    "x.xml.gz": lambda pages: gzip.compress(export(pages)),
    "multi.xml.bz2": lambda pages: in_streams(pages, 2),
    "pbzip2.xml.bz2": lambda pages: cut_anywhere(pages, 301),
}


def read(parts: Iterator[Part]) -> tuple[list[Entry], int, Counter[str]]:
    entries: list[Entry] = []
    seen, skipped = 0, Counter[str]()
    for part in parts:
        entries += part.entries
        seen += part.read
        skipped.update(part.skipped)
    return entries, seen, skipped


def collect(parts: Iterator[Part], into: list[Part]) -> None:
    """Keep what comes before an error."""
    for part in parts:
        into.append(part)


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path
