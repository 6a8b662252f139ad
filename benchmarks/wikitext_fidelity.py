"""What the fast reader of wikitext loses against a full parser, and what it gains in time.

    python benchmarks/wikitext_fidelity.py DUMP... [--pages 200] [--worst 10]

DUMPs are MediaWiki exports. The parser is mwparserfromhell: `parse(...).strip_code()`. Both read the same wikitext, of
which the parser has taken what they treat differently by intention: tables (rows here, loose cells there), references,
galleries, formulas (LaTeX here, nothing there), files with their captions, categories, links to other languages,
headings, and the sections that only help to look further. Then, over words in order (longest common subsequence):
recall is the share of the parser's words that the reader keeps, precision the share of its words that the parser has
too. Templates that the reader renders ("12 km", quotations) and the parser leaves out count against its precision.
Speed is that of the whole page with all of its markup, in one process.

Writes benchmarks/results/wikitext.json.
"""

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mwparserfromhell

from ravlm.knowledge.sources.wikipedia.dump import PageCutter, head, read_page, read_site
from ravlm.knowledge.sources.wikipedia.titles import Names
from ravlm.knowledge.sources.wikipedia.vocabulary import LOOK_FURTHER
from ravlm.knowledge.sources.wikipedia.wikitext import Wikitext
from ravlm.safe.streams import chunks, open_stream
from results_file import measured_with, write

_WORD = re.compile(r"[^\W_]+")
_LEFT_OUT = {"ref", "math", "references", "gallery", "table", "timeline", "score", "imagemap", "includeonly"}


def in_utf8(path: Path, folder: Path) -> Path:
    """The dump itself, or a copy in UTF-8 of one in UTF-16, as gensim's Bulgarian sample is."""
    with open_stream(path) as (_, content):
        if content.read(2) not in (b"\xff\xfe", b"\xfe\xff"):
            return path
    copy = folder / path.name.removesuffix(".bz2")
    with open_stream(path) as (_, content):
        copy.write_text(content.read().decode("utf-16"), encoding="utf-8")
    return copy


def articles(path: Path) -> Iterator[tuple[str, str]]:
    """(title, wikitext) of a dump's articles."""
    cutter = PageCutter()
    with open_stream(path) as (_, content):
        for chunk in chunks(content):
            for raw in cutter.feed(chunk):
                about = None if isinstance(raw, str) else head(raw)
                if about is not None and about[1:] == (0, None) and (page := read_page(bytes(raw))).text:
                    yield page.title, page.text


def common(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence (bit-parallel: Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    full = (1 << len(first)) - 1
    row = full
    for word in second:
        matched = row & places.get(word, 0)
        row = ((row + matched) | (row - matched)) & full
    return len(first) - row.bit_count()


def reduced(wikitext: str, names: Names) -> str:
    """The wikitext without what the two treat differently by intention."""
    parts = re.split(r"^==([^=\n]+)==[ \t]*$", wikitext, flags=re.MULTILINE)
    kept = [
        text for title, text in zip(parts[1::2], parts[2::2], strict=True) if title.strip().lower() not in LOOK_FURTHER
    ]
    code = mwparserfromhell.parse("\n".join([parts[0], *kept]))
    for heading in code.filter_headings():
        _remove(code, heading)
    for tag in code.filter_tags(matches=lambda node: str(node.tag).strip().lower() in _LEFT_OUT):
        _remove(code, tag)
    for link in code.filter_wikilinks():
        if names.kind(str(link.title).partition(":")[0]) and ":" in str(link.title):
            _remove(code, link)
    return str(code)


def _remove(code: Any, node: Any) -> None:
    try:
        code.remove(node)
    except ValueError:  # it went with what it stood in
        return


def words(text: str) -> list[str]:
    """The words of a text."""
    return _WORD.findall(text)


def ours(reader: Wikitext, wikitext: str, title: str) -> str:
    """The reader's text of a page."""
    return "\n".join(section.text for section in reader.read(wikitext, title).sections)


def measure(paths: Sequence[Path], most: int) -> list[dict[str, Any]]:
    """One record a page."""
    found = []
    for path in paths:
        site = read_site(path)
        reader, names = Wikitext(site.language, site.namespaces), Names(site.namespaces)
        for title, wikitext in articles(path):
            if len(found) == most:
                return found
            begun = time.perf_counter()
            reader.read(wikitext, title)
            between = time.perf_counter()
            mwparserfromhell.parse(wikitext).strip_code()
            ended = time.perf_counter()
            text = reduced(wikitext, names)
            theirs = words(str(mwparserfromhell.parse(text).strip_code()))
            mine = words(ours(reader, text, title))
            shared = common(theirs, mine)
            found.append(
                {
                    "page": f"{site.language}:{title}",
                    "recall": shared / len(theirs) if theirs else 1.0,
                    "precision": shared / len(mine) if mine else 1.0,
                    "words": len(theirs),
                    "characters": len(wikitext),
                    "seconds": between - begun,
                    "parser seconds": ended - between,
                }
            )
    return found


def summed(pages: Sequence[dict[str, Any]], worst: int) -> dict[str, Any]:
    """Over all pages: shares by page and by word, the worst pages, and how much faster the reader is."""
    found: dict[str, Any] = {"pages": len(pages), "words": sum(page["words"] for page in pages)}
    for measure in ("recall", "precision"):
        values = sorted(page[measure] for page in pages)
        lowest = sorted(pages, key=lambda page: page[measure])[:worst]
        found[measure] = {
            "mean": statistics.fmean(values),
            "median": statistics.median(values),
            "tenth": values[len(values) // 10],
            "least": values[0],
            "worst pages": {page["page"]: page[measure] for page in lowest},
        }
    mine, theirs = (sum(page[name] for page in pages) for name in ("seconds", "parser seconds"))
    found["speed"] = {
        "times faster": theirs / mine,
        "million characters a second": sum(page["characters"] for page in pages) / mine / 1e6,
        "million characters a second, parser": sum(page["characters"] for page in pages) / theirs / 1e6,
    }
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dumps", type=Path, nargs="*", metavar="DUMP")
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--worst", type=int, default=10)
    arguments = parser.parse_args()
    missing = [str(path) for path in arguments.dumps if not path.is_file()]
    if missing or not arguments.dumps:
        print(f"Skipped: no dump of a Wikipedia {'in ' + ', '.join(missing) if missing else 'was given'}.")
        return
    with tempfile.TemporaryDirectory() as folder:
        pages = measure([in_utf8(path, Path(folder)) for path in arguments.dumps], arguments.pages)
    results = {"measured_with": measured_with(), "parser": f"mwparserfromhell {mwparserfromhell.__version__}"}
    results |= summed(pages, arguments.worst)
    path = write("wikitext.json", results)
    print(f"recall {results['recall']['mean']:.4f}, precision {results['precision']['mean']:.4f}, wrote {path}.")


if __name__ == "__main__":
    main()
