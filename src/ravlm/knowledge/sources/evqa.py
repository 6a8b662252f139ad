"""Encyclopedic-VQA's controlled knowledge base (about 2 million Wikipedia articles) as knowledge.

`encyclopedic_kb_wiki.json`, published as a zip, is one JSON object that maps an article's Wikipedia URL to `{"title",
"url", "section_titles", "section_texts", "image_urls", "image_reference_descriptions", "image_section_indices"}`
(Mensink et al., Encyclopedic VQA, ICCV 2023; made from WikiWeb2M). EchoSight's 100K articles for InfoSeek have the same
layout.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from ravlm.errors import FormatError
from ravlm.knowledge.sources.columns import LONG_ID, NO_TEXT
from ravlm.knowledge.sources.json_lines import MEMORY, expansion_of, go_to
from ravlm.knowledge.sources.json_object import Member, members
from ravlm.knowledge.sources.local_pictures import LocalPictures, file_names, unescaped
from ravlm.knowledge.sources.part import Part, Place, Source
from ravlm.knowledge.sources.parting import Record, in_parts
from ravlm.knowledge.sources.texts import LONGEST_NAME, beginning, clipped, one_line, plain
from ravlm.records import Entry, Section
from ravlm.safe.streams import open_stream

NOT_AN_ARTICLE = "not an article"
LICENCE = "CC-BY-SA-3.0"
_FIELDS = ("section_texts", "section_titles", "image_urls", "image_reference_descriptions")
_ZIP = b"PK\x03\x04"


class EncyclopedicVqaSource(Source):
    """The articles of a knowledge base in Encyclopedic-VQA's layout, with the ids of `article_id`.

    Pictures are never fetched: their URLs and captions are kept in `meta` (`image_urls`, `image_captions`), and with
    a folder of downloaded `images`, files that are called like the last part of a URL become the entry's pictures.
    """

    kind = "evqa"
    memory = MEMORY

    def __init__(self, path: Path, name: str = "evqa", *, images: Path | None = None) -> None:
        """Look at how the file begins.

        Args:
            path: the `.json` file (also compressed), or the `.zip` that holds it.
            name: the `source` of the entries.
            images: a folder of downloaded pictures.

        Raises:
            PathError: there is no such file, or no such folder.
            FormatError: it does not hold one JSON object of articles.
        """
        self.name = name
        self.path = path
        self._images = LocalPictures(images)
        with _opened(path) as (_, content):
            first = next((m for m in members(content, name=str(path)) if m.fault is None), None)
        if first is None or not isinstance(first.value, dict) or "section_texts" not in first.value:
            found = "no members" if first is None else f"the member {first.name[:80]!r}"
            raise FormatError(
                f'{path} is not in the layout of Encyclopedic-VQA: expected articles with "section_texts", found '
                f"{found} without. For lines of JSON, use the kind `infoseek` or `table`."
            )
        self.size = path.stat().st_size
        self.expansion = expansion_of(path)

    def settings(self) -> dict[str, Any]:
        """The folder of pictures."""
        return {"images": str(self._images.folder) if self._images.folder else None}

    def parts(self, after: Place | None = None) -> Iterator[Part]:
        """The articles; see `Source`.

        Raises:
            FormatError: the file is damaged, or is not what its zip declares.
        """
        with _opened(self.path) as (raw, content):
            go_to(after or 0, raw, content)
            found = members(content, after or 0, name=str(self.path))
            yield from in_parts((self._record(member) for member in found), raw.tell)

    def picture(self, name: str) -> bytes:
        """The bytes of a picture in the folder of images; see `Source`."""
        return self._images.read(name)

    def _record(self, member: Member) -> Record:
        return member.fault or self._entry(member.name, member.value), member.end, member.length

    def _entry(self, key: str, article: Any) -> Entry | str:
        texts, titles, urls, captions = _lists(article)
        if texts is None:
            return NOT_AN_ARTICLE
        url = one_line(key)
        sections = _sections(titles, texts)
        if not sections:
            return NO_TEXT
        identity = article_id(url)
        if not url or len(identity) > LONGEST_NAME:
            return LONG_ID
        title = article.get("title")
        return Entry(
            id=identity,
            title=(clipped(title) if isinstance(title, str) else "") or beginning(sections[0].text),
            sections=sections,
            images=self._images.found(name for address in urls for name in file_names(address)),
            source=self.name,
            licence=LICENCE,
            url=url,
            language="en",
            meta={"image_urls": urls, "image_captions": captions} if urls else {},
        )


def article_id(url: str) -> str:
    """The id of the entry for a Wikipedia URL, as questions name it.

    >>> article_id("https://en.wikipedia.org/wiki/Caf%C3%A9_au_lait")
    'evqa:Café_au_lait'
    """
    return f"evqa:{one_line(unescaped(url.rpartition('/wiki/')[2]))}"


def _lists(article: Any) -> tuple[list[str] | None, list[str], list[str], list[str]]:
    """Section texts (None where it is no article), section titles, picture URLs, captions."""
    if not isinstance(article, dict):
        return None, [], [], []
    lists = [article.get(field, []) for field in _FIELDS]
    if any(not isinstance(values, list) for values in lists):
        return None, [], [], []
    texts, titles, urls, captions = ([plain(v) if isinstance(v, str) else "" for v in values] for values in lists)
    return texts, titles, urls, captions


def _sections(titles: list[str], texts: list[str]) -> tuple[Section, ...]:
    """The sections that hold text; a title that is missing is empty."""
    titles = titles + [""] * (len(texts) - len(titles))
    return tuple(Section(one_line(title), text) for title, text in zip(titles, texts, strict=False) if text)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, IO[bytes]]]:
    """The file itself and its JSON: the file's content, or the one member `.json` of a zip, never unpacked to disk."""
    with open_stream(path) as (raw, content):
        if content is not raw or raw.read(4) != _ZIP:
            content.seek(0)
            yield raw, content
            return
        try:
            with zipfile.ZipFile(raw) as archive, archive.open(_member(archive, path)) as member:
                yield raw, member
                if not member.read(1):
                    _check_size(archive, member, path)
        except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
            raise FormatError(
                f"{path} is damaged, or is no zip that can be read: {error}. Get the file again and compare its "
                "checksum."
            ) from error


def _check_size(archive: zipfile.ZipFile, member: IO[bytes], path: Path) -> None:
    """Refuse a member that ended before the size that its zip declares; zipfile tells only of one that goes on."""
    declared = _member(archive, path).file_size
    if member.tell() != declared:
        raise FormatError(
            f"{path} declares {declared:,} bytes of JSON, and holds {member.tell():,}. Get the file again and compare "
            "its checksum."
        )


def _member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    names = [info for info in archive.infolist() if info.filename.lower().endswith(".json")]
    names = [info for info in names if not info.filename.startswith("__MACOSX/")]
    if len(names) != 1:
        raise FormatError(f"{path} holds {len(names):,} .json files; expected one. Unpack it and give the right one.")
    return names[0]
