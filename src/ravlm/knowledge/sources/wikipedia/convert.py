"""Pages become entries: the work that is done side by side, in processes that share nothing."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ravlm.errors import FormatError
from ravlm.knowledge.sources.wikipedia.dump import BROKEN, PageCutter, head, read_page
from ravlm.knowledge.sources.wikipedia.multistream import Streams, pages_of_range
from ravlm.knowledge.sources.wikipedia.pictures import PictureFolder
from ravlm.knowledge.sources.wikipedia.redirects import Redirects, target_of
from ravlm.knowledge.sources.wikipedia.wikitext import Wikitext
from ravlm.records import Entry

LICENCE = "CC BY-SA 4.0"
MOST_ENTRIES = 2000  # in one result
MOST_PAGES = 10_000
MOST_BYTES = 16_000_000  # of pages
_ESCAPED = re.compile(rb"[^A-Za-z0-9\-_.~!*(),;:@$/]")


@dataclass(frozen=True, slots=True)
class Settings:
    """What entries are made with; goes to every process."""

    source: str
    wiki: str
    language: str
    site_language: str
    articles: str
    namespaces: Mapping[int, str]
    images: Path | None
    redirects: Path | None
    least: int


@dataclass(slots=True)
class Result:
    """What came of some pages. `final` says whether they are all of their range."""

    entries: list[Entry] = field(default_factory=list)
    read: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    final: bool = True
    stop: int = 0
    """Where the next range begins, in the file."""
    ended: bool = False
    """Whether the export's end was in it."""
    fault: str | None = None


@dataclass(slots=True)
class Found:
    """The redirects of a range as (target, title), and where the next range begins."""

    pairs: list[tuple[str, str]]
    stop: int


class Converter:
    """Makes entries of pages."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; the redirects' file is opened when it is first needed."""
        self._settings = settings
        self._wikitext = Wikitext(settings.site_language, settings.namespaces)
        self._pictures = PictureFolder(settings.images) if settings.images else None
        self._redirects: Redirects | None = None

    def close(self) -> None:
        """Close the redirects' file."""
        if self._redirects is not None:
            self._redirects.close()
            self._redirects = None

    def results(self, pages: Iterable[bytes | str]) -> Iterator[Result]:
        """What comes of pages, in results of bounded size; all but the last have `final` False."""
        result, size = Result(), 0
        for page in pages:
            if len(result.entries) >= MOST_ENTRIES or result.read >= MOST_PAGES or size > MOST_BYTES:
                result.final = False
                yield result
                result, size = Result(), 0
            result.read += 1
            size += len(page)
            made = page if isinstance(page, str) else self._entry(page)
            if isinstance(made, str):
                result.skipped[made] += 1
            else:
                result.entries.append(made)
        yield result

    def _entry(self, page: bytes) -> Entry | str:
        """A page's entry, or why it has none."""
        about = head(page)
        if about is not None and about[1] != 0:
            return "not an article"
        if about is not None and about[2] is not None:
            return "redirect"
        try:
            read = read_page(page)
        except FormatError:
            return BROKEN
        if read.namespace != 0:
            return "not an article"
        if read.redirect is not None:
            return "redirect"
        if read.text is None:
            return "not wikitext"
        given = self._settings
        article = self._wikitext.read(read.text, read.title)
        if sum(len(section.text) for section in article.sections) < given.least:
            return "no text"
        meta: dict[str, object] = {"disambiguation": True} if article.disambiguation else {}
        images: tuple[str, ...] = ()
        if article.lead_image:
            meta["lead_image"] = article.lead_image
            if self._pictures is not None and self._pictures.find(article.lead_image):
                images = (article.lead_image,)
        return Entry(
            id=f"{given.wiki}:{read.id}",
            title=read.title,
            sections=article.sections,
            images=images,
            aliases=self._aliases(read.title),
            source=given.source,
            licence=LICENCE,
            url=given.articles + _quoted(read.title) if given.articles else "",
            language=given.language,
            meta=meta,
        )

    def _aliases(self, title: str) -> tuple[str, ...]:
        if self._settings.redirects is None:
            return ()
        if self._redirects is None:
            self._redirects = Redirects(self._settings.redirects)
        return self._redirects.aliases(title)


def convert_pages(converter: Converter, pages: list[bytes | str]) -> Result:
    """The entries of a batch of pages; it is small enough for one result."""
    whole = Result()
    for result in converter.results(pages):
        whole.entries += result.entries
        whole.read += result.read
        whole.skipped += result.skipped
    return whole


def range_results(converter: Converter, path: Path, start: int, end: int, skip: int) -> Iterator[Result]:
    """The entries of the pages that begin in a range of streams, after the first `skip` of them."""
    cutter, streams = PageCutter(), Streams(path, start)
    for result in converter.results(islice(pages_of_range(path, start, end, cutter, streams), skip, None)):
        if result.final:
            result.stop, result.ended, result.fault = streams.ended, cutter.ended, streams.fault
        yield result


def convert_range(converter: Converter, path: Path, start: int, end: int, skip: int) -> Result:
    """The first result of a range: all of it, unless it holds very much."""
    return next(range_results(converter, path, start, end, skip))


def redirects_of_range(_: Converter, path: Path, start: int, end: int) -> Found:
    """The redirects in a range of streams. Damage ends them; it is reported when the pages are read."""
    cutter, streams = PageCutter(), Streams(path, start)
    pairs = list(redirects_of(pages_of_range(path, start, end, cutter, streams)))
    return Found(pairs, max(streams.ended, end) if streams.fault else streams.ended)


def redirects_of(pages: Iterable[bytes | str]) -> Iterator[tuple[str, str]]:
    """The redirects among pages, as (target, title)."""
    for page in pages:
        if isinstance(page, str) or b"<redirect" not in page:
            continue
        about = head(page)
        if about is None or (about[1] == 0 and about[2] is None):  # a head that is written unusually
            try:
                read = read_page(page)
            except FormatError:
                continue
            about = read.title, read.namespace, read.redirect
        title, namespace, redirect = about
        if namespace == 0 and redirect and (target := target_of(redirect)) and target != title:
            yield target, title


def _quoted(title: str) -> str:
    """A title in an address, as MediaWiki writes it."""
    name = title.replace(" ", "_").encode("utf-8", "replace")
    return _ESCAPED.sub(lambda found: b"%%%02X" % found[0][0], name).decode("ascii")
