"""The files of one folder become entries: which text goes with which picture, and what is left out, and why."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ravlm.knowledge.passages import guess_language
from ravlm.knowledge.sources.folder.apart import Apart
from ravlm.knowledge.sources.folder.belonging import SIDECAR, by_name, ids_of, in_counting_order, stem_of
from ravlm.knowledge.sources.folder.captions import CAPTION_FILES, joined, read_captions, read_sidecar
from ravlm.knowledge.sources.folder.document import (
    DOCUMENTS,
    HTML,
    LARGEST_TEXT,
    MARKDOWN,
    NO_TEXT,
    PDF,
    PICTURES,
    Document,
    LeftOut,
    read_bytes,
    suffix_of,
)
from ravlm.knowledge.sources.folder.listing import LONGEST_PATH, File, Listing
from ravlm.knowledge.sources.folder.pictures import Pictures
from ravlm.knowledge.sources.folder.text import read_markdown_file, read_text_file
from ravlm.records import Entry

_OF_A_FOLDER = frozenset({"index", "readme"})  # such a file's title is its folder's name


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: an entry, or none; and what was left out, by reason."""

    file: File
    entry: Entry | None = None
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Folder:
    """What is known of one folder before its files are read."""

    ids: dict[str, str]
    owners: dict[str, str]  # picture -> the document of its name
    owned: dict[str, list[str]]  # the other way round
    only: str | None  # the only document
    pictures: list[str]

    @classmethod
    def of(cls, paths: list[str]) -> "_Folder":
        owners = by_name(paths)
        pictures = in_counting_order(path for path in paths if suffix_of(path) in PICTURES)
        owned: dict[str, list[str]] = {}
        for picture in pictures:
            if picture in owners:
                owned.setdefault(owners[picture], []).append(picture)
        documents = sorted(owned.keys() | {path for path in paths if suffix_of(path) in DOCUMENTS})
        return cls(
            ids=ids_of([*documents, *sorted(set(pictures) - set(owners))]),
            owners=owners,
            owned=owned,
            only=documents[0] if len(documents) == 1 else None,
            pictures=pictures,
        )


class Reading:
    """Reads the files of a folder's listings, in their order."""

    def __init__(self, root: Path, source: str, language: str | None, apart: Apart) -> None:
        self._root = root
        self._source = source
        self._language = language or ""
        self._apart = apart
        self._pictures = Pictures(root)
        self._captions: dict[str, dict[str, Document]] = {}  # folder -> picture -> what its caption file says

    def outcomes(self, listing: Listing) -> Iterator[Outcome]:
        """What becomes of each file that lies ahead.

        Raises:
            MissingExtra: a package that reads HTML or PDF is not installed.
        """
        faults = self._read_captions(listing)
        folder = _Folder.of([file.path for file in listing.files if file.fault is None])
        for file in listing.files[listing.behind :]:
            skipped = faults.get(file.path, Counter())
            entry = None
            try:
                entry = self._entry(file, folder, skipped)
            except LeftOut as left_out:
                skipped[left_out.reason] += 1
            yield Outcome(file, entry, skipped)

    def _entry(self, file: File, folder: _Folder, skipped: Counter[str]) -> Entry | None:
        kind = suffix_of(file.path)
        if file.fault is not None:
            raise LeftOut(file.fault)
        if _is_caption_file(file.path):
            return None
        if kind in DOCUMENTS or file.path in folder.owned:
            document = self._document(file.path, kind)
            others = folder.pictures if file.path == folder.only else []
            own = folder.owned.get(file.path, []) + [path for path in others if self._is_of_only(path, folder)]
            return self._made(file.path, folder.ids[file.path], document, own, skipped)
        if kind not in PICTURES:
            raise LeftOut("not a kind that is read")
        caption = self._caption(file.path)
        if file.path in folder.owners:
            if caption is not None:
                raise LeftOut("caption of a picture that has a text beside it")
            return None
        if caption is not None:
            return self._made(file.path, folder.ids[file.path], caption, [file.path], skipped)
        if folder.only is None and not self._pictures.is_mentioned(file.path):
            raise LeftOut("picture without text")
        return None

    def _document(self, path: str, kind: str) -> Document:
        if kind in HTML:
            return self._apart.html(self._root / path)
        if kind in PDF:
            return self._apart.pdf(self._root / path, self._language)
        data = read_bytes(self._root / path, LARGEST_TEXT)
        if kind in MARKDOWN:
            return read_markdown_file(data)
        return read_sidecar(data) if kind == SIDECAR else read_text_file(data)

    def _is_of_only(self, picture: str, folder: _Folder) -> bool:
        """Whether a picture belongs to the only document of its folder: to nothing else."""
        spoken_for = picture in folder.owners or self._caption(picture) is not None
        return not spoken_for and not self._pictures.is_mentioned(picture)

    def _made(
        self, path: str, entry_id: str, document: Document, own: Sequence[str], skipped: Counter[str]
    ) -> Entry | None:
        sections = document.sections
        if not sections:
            raise LeftOut(NO_TEXT)
        if len(document.id) > LONGEST_PATH:
            raise LeftOut(f"id over {LONGEST_PATH} characters")
        within = [path + link for link in document.pictures if link.startswith("#page=")]
        links = [link for link in document.pictures if not link.startswith("#page=")]
        images = [*within, *self._pictures.linked(path, links, skipped), *own]
        skipped.update(document.skipped)
        if document.remote:
            skipped["picture on the web"] += len(document.remote)
        remote = {"remote_pictures": list(document.remote)} if document.remote else {}
        whole = len(sections) == 1 and not sections[0].title and sections[0].language is None
        return Entry(
            id=document.id or entry_id,
            title=document.title or _title(path, self._root.name),
            text=sections[0].text if whole else "",
            sections=() if whole else sections,
            images=tuple(dict.fromkeys(images)),
            facts=document.facts,
            aliases=document.aliases,
            source=self._source,
            licence=document.licence,
            url=document.url,
            language=document.language or self._language or guess_language("".join(s.text for s in sections)),
            meta={"path": path, **document.meta, **remote},
        )

    def _read_captions(self, listing: Listing) -> dict[str, Counter[str]]:
        """Take in a folder's caption files and forget those of folders that lie behind; their faults by file."""
        here = listing.folder
        self._captions = {up: said for up, said in self._captions.items() if not up or f"{here}/".startswith(f"{up}/")}
        faults: dict[str, Counter[str]] = {}
        said: dict[str, Document] = {}
        for file in listing.files:
            if file.fault is None and _is_caption_file(file.path):
                faults[file.path] = self._read_caption_file(file.path, said)
        if said:
            self._captions[here] = said
        return faults

    def _read_caption_file(self, path: str, said: dict[str, Document]) -> Counter[str]:
        skipped: Counter[str] = Counter()
        try:
            for line in read_captions(self._root / path):
                if isinstance(line, str):
                    skipped[line] += 1
                    continue
                picture = self._pictures.path_of(path, line[0])
                if picture is None or suffix_of(picture) not in PICTURES:
                    skipped["caption without its picture"] += 1
                else:
                    said[picture] = joined(said[picture], line[1]) if picture in said else line[1]
        except LeftOut as left_out:
            skipped[left_out.reason] += 1
        return skipped

    def _caption(self, picture: str) -> Document | None:
        return next((said[picture] for said in reversed(self._captions.values()) if picture in said), None)


def _is_caption_file(path: str) -> bool:
    return path.rpartition("/")[2].lower() in CAPTION_FILES


def _title(path: str, top: str) -> str:
    """A title for a file without one: its name, or its folder's where it is called `index` or `readme`."""
    stem = stem_of(path)
    folder = path.rpartition("/")[0].rpartition("/")[2] or top
    named = folder if stem.lower() in _OF_A_FOLDER and folder else stem
    return " ".join(named.replace("_", " ").split()) or stem
