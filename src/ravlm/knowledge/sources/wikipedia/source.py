"""A Wikipedia dump as a source of entries: its articles, with their redirects as other names.

Read are `pages-articles` exports as XML, plain or compressed; multistream bzip2 files are decompressed and converted by
all cores, of others the articles are converted side by side while one process decompresses.
"""

import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ravlm.errors import FormatError, PathError, RavlmError
from ravlm.knowledge.sources.part import Part, Place, Source
from ravlm.knowledge.sources.wikipedia.convert import (
    Found,
    Result,
    Settings,
    convert_pages,
    convert_range,
    range_results,
    redirects_of,
    redirects_of_range,
)
from ravlm.knowledge.sources.wikipedia.crew import Crew, usable_cores
from ravlm.knowledge.sources.wikipedia.dump import PageCutter, read_site
from ravlm.knowledge.sources.wikipedia.multistream import RANGE, is_multistream, walk
from ravlm.knowledge.sources.wikipedia.pictures import PictureFolder
from ravlm.knowledge.sources.wikipedia.redirects import RedirectWriter
from ravlm.safe.streams import chunks, open_stream

_BATCH_PAGES = 1000
_BATCH_BYTES = 4_000_000
_LEAST_TO_SHARE = 2 * RANGE  # compressed bytes; for less, starting processes takes longer than the work
_CUT_OFF = "it ends without </mediawiki>, so something is missing"
_FIRST_PASS = 4  # the pass for redirects takes about a quarter of the time that the articles take


class WikipediaSource(Source):
    """A dump of a wiki as a `Source`.

    One entry a page of namespace 0: id `enwiki:12` (the wiki's database name and the page's number), sections of plain
    text (the lead's title is empty), aliases from redirects. `meta` has `lead_image`, the name of the picture of its
    infobox or else of the first one in its lead, and `disambiguation` where the page only tells meanings apart.

    Skipped pages are counted as "redirect" (they become aliases), "not an article", "not wikitext", "no text", "broken
    page" and "page over 64 MB". The pass for redirects comes first, as parts without entries, a fifth of `size`.
    """

    kind = "wikipedia"
    expansion = 0.8  # measured: .6 with real pages compressed by bzip2

    def __init__(
        self,
        path: Path,
        name: str | None = None,
        *,
        language: str | None = None,
        images: Path | None = None,
        workers: int | None = None,
        redirects: bool = True,
        least: int = 1,
    ) -> None:
        """Read the dump's header.

        Args:
            path: the dump: `.xml`, or compressed by bzip2, gzip or xz.
            name: the source's name; without it, that of the wiki, e.g. `enwiki`.
            language: the entries' language; without it, the dump's own.
            images: a folder of Wikipedia's pictures; entries then name their lead image where it has the file.
            workers: processes that work side by side; without it, one for every usable core.
            redirects: whether redirects become aliases; without, one pass over the file less.
            least: characters of text that an entry has at least.

        Raises:
            PathError: the file or the folder is missing.
            FormatError: the file is no MediaWiki export, or declares entities or a document type.
        """
        if images is not None and not images.is_dir():
            raise PathError(f"There is no folder {images} for the pictures. Check the path, or leave the option out.")
        site = read_site(path)
        self.path = path
        self.name = name or site.wiki or "wikipedia"
        self._bytes = path.stat().st_size
        self._before = self._bytes // _FIRST_PASS if redirects else 0
        self.size = self._before + self._bytes
        self._settings = Settings(
            source=self.name,
            wiki=site.wiki or self.name,
            language=language or site.language,
            site_language=site.language,
            articles=site.articles,
            namespaces=site.namespaces,
            images=images,
            redirects=None,
            least=max(least, 1),
        )
        self._redirects = redirects
        self._workers = workers or usable_cores()
        self.memory = 100_000_000 * (1 + self._workers)  # measured: 47 MB here, 90 MB in each process
        self._pictures = PictureFolder(images) if images else None

    def settings(self) -> dict[str, Any]:
        """What the entries depend on: the dump, and all options but `workers`."""
        given = self._settings
        return {
            "wiki": given.wiki,
            "language": given.language,
            "images": None if given.images is None else str(given.images),
            "redirects": self._redirects,
            "least": given.least,
        }

    def parts(self, after: Place | None = None) -> Iterator[Part]:
        """The dump's entries in its order; see `Source.parts`.

        A place is {"offset": bytes of the file, "pages": pages after it that are done}: reading goes on there without
        reading what is before, but for a single compressed stream, which is decompressed again from its beginning. The
        pass for redirects is made again.

        Raises:
            FormatError: the file is damaged or cut off; raised after what was whole before the damage.
        """
        offset, pages = (0, 0) if after is None else (int(after["offset"]), int(after["pages"]))
        multistream = is_multistream(self.path)
        with ExitStack() as stack:
            settings = self._settings
            if self._redirects:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ravlm-wikipedia-", dir=self.workspace))
                settings = replace(settings, redirects=Path(folder) / "redirects.sqlite")
            crew = Crew(settings, self._workers if self._bytes - offset >= _LEAST_TO_SHARE else 1)
            stack.callback(crew.close)
            if settings.redirects is not None:
                with closing(RedirectWriter(settings.redirects)) as writer:
                    for done in self._write_redirects(writer, crew, multistream):
                        yield Part((), read=0, done=done // _FIRST_PASS, place=after)
            yield from self._of_streams(crew, offset, pages) if multistream else self._of_batches(crew, offset, pages)

    def picture(self, name: str) -> bytes:
        """The bytes of a picture in the folder of images.

        Raises:
            PathError: there is no folder, or no such file in it.
            ImageError: it has more than 100 MB.
        """
        if self._pictures is None:
            raise PathError(f"There is no folder of pictures to find {name!r} in. Give one with `images`.")
        return self._pictures.read(name)

    def _write_redirects(self, writer: RedirectWriter, crew: Crew, multistream: bool) -> Iterator[int]:
        """Write all redirects; gives the bytes of the file that are done."""
        if multistream:

            def give(start: int, end: int) -> Callable[[], Iterator[Found]]:
                found = crew.give(redirects_of_range, self.path, start, end)
                return lambda: iter((found(),))

            for _, made in walk(self.path, 0, give, crew.ahead):
                writer.add(made.pairs)
                yield made.stop
            return
        cutter, shown = PageCutter(), 0
        with suppress(FormatError), open_stream(self.path) as (raw, content):
            for chunk in chunks(content):
                writer.add(redirects_of(cutter.feed(chunk)))
                if raw.tell() - shown >= RANGE:
                    shown = raw.tell()
                    yield shown

    def _of_streams(self, crew: Crew, offset: int, pages: int) -> Iterator[Part]:
        def give(start: int, end: int) -> Callable[[], Iterator[Result]]:
            skip = pages if start == offset else 0
            first = crew.give(convert_range, self.path, start, end, skip)

            def results() -> Iterator[Result]:
                result = first()
                yield result
                if not result.final:
                    yield from range_results(crew.converter, self.path, start, end, skip + result.read)

            return results

        begun, within = offset, pages
        for start, result in walk(self.path, offset, give, crew.ahead):
            begun, within = start, (within if start == begun else 0) + result.read
            cut_off = result.final and result.stop >= self._bytes and not result.ended
            whole = result.final and not cut_off and result.fault is None
            place = {"offset": result.stop, "pages": 0} if whole else {"offset": start, "pages": within}
            yield self._part(result, result.stop if whole else start, place)
            if result.fault is not None:
                raise self._damaged(result.fault)
            if cut_off:
                raise self._damaged(_CUT_OFF)

    def _of_batches(self, crew: Crew, offset: int, pages: int) -> Iterator[Part]:
        batches = self._batches(offset, pages)
        pending: deque[tuple[Callable[[], Result], int, Place]] = deque()
        fault: RavlmError | None = None
        more = True
        while more or pending:
            try:
                while more and len(pending) < crew.ahead:
                    if (batch := next(batches, None)) is None:
                        more = False
                    else:
                        pending.append((crew.give(convert_pages, batch[0]), *batch[1:]))
            except RavlmError as error:
                more, fault = False, error
            if pending:
                result, done, place = pending.popleft()
                yield self._part(result(), done, place)
        if fault is not None:
            raise fault

    def _batches(self, offset: int, pages: int) -> Iterator[tuple[list[bytes | str], int, Place]]:
        """Batches of pages, each with the bytes of the file that are read and the place after it."""
        cutter = PageCutter()
        batch: list[bytes | str] = []
        skip, count, done, shown, fault = pages, 0, 0, 0, None
        place: Place = {"offset": offset, "pages": pages}
        try:
            with open_stream(self.path) as (raw, content):
                plain = content is raw
                if plain:
                    raw.seek(offset)
                for chunk in chunks(content):
                    for page in cutter.feed(chunk):
                        count += 1
                        if count > skip:
                            batch.append(page)
                    done = raw.tell()
                    place = {"offset": offset + cutter.behind, "pages": 0} if plain else {"offset": 0, "pages": count}
                    size = sum(map(len, batch))
                    if len(batch) >= _BATCH_PAGES or size >= _BATCH_BYTES or (batch and done - shown >= _BATCH_BYTES):
                        yield batch, done, place
                        batch, shown = [], done
        except RavlmError as error:
            fault = error
        if batch:
            yield batch, done, place
        if fault is not None:
            raise fault
        if not cutter.ended:
            raise self._damaged(_CUT_OFF)

    def _part(self, result: Result, done: int, place: Place) -> Part:
        return Part(tuple(result.entries), result.read, self._before + done, place, dict(result.skipped))

    def _damaged(self, how: str) -> FormatError:
        return FormatError(
            f"{self.path} can't be read to its end: {how}. All pages before that were read. Get the file again and "
            "compare its checksum."
        )
