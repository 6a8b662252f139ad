"""A base written as plain files, in the dataset's format: `knowledge.jsonl` and its pictures."""

from pathlib import Path

from pydantic import ValidationError

from ravlm.errors import KnowledgeError
from ravlm.knowledge.build import Progress
from ravlm.knowledge.sources.dataset import FILE
from ravlm.knowledge.store import KnowledgeBase
from ravlm.lines import EntryLine, SectionLine
from ravlm.records import Entry
from ravlm.safe.files import remove_folder, replace_folder_atomic, temporary_folder, write_bytes_atomic
from ravlm.safe.headers import read_header

_PICTURES = "pictures"
_ENDINGS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}


def export(base: KnowledgeBase, out: Path, progress: Progress = lambda *_: None) -> None:
    """Write every entry, in the order of ids, as a line of `knowledge.jsonl`, and the pictures beside it.

    A base built from the folder (kind `dataset`) has the same fingerprint, where no entry has both `text` and
    `sections`: of such a one the text becomes the first section.

    Raises:
        PathError: `out` holds something, or can't be written.
        KnowledgeCorrupt: an entry or a picture is damaged; then nothing is written.
        KnowledgeError: an entry has an empty title, language or name of a fact, which the format does not allow.
    """
    temporary = temporary_folder(out)
    try:
        (temporary / _PICTURES).mkdir()
        with (temporary / FILE).open("w", encoding="utf-8") as file:
            for done, entry in enumerate(base.iterate(), 1):
                line = _line(entry, [_written(base, image, temporary) for image in entry.images])
                file.write(line.model_dump_json(exclude_defaults=True) + "\n")
                progress(done, base.count(), done)
        replace_folder_atomic(temporary, out)
    finally:
        remove_folder(temporary)


def _line(entry: Entry, images: list[str]) -> EntryLine:
    sections = [SectionLine(title=s.title, text=s.text, language=s.language) for s in entry.sections]
    if sections and entry.text:
        sections.insert(0, SectionLine(title="", text=entry.text))
    try:
        return _as_line(entry, sections, images)
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise KnowledgeError(
            f"The entry {entry.id!r} can't be written in the dataset's format: its {field} is empty or too long. Mend "
            "it with `ravlm knowledge set`, or remove it."
        ) from error


def _as_line(entry: Entry, sections: list[SectionLine], images: list[str]) -> EntryLine:
    return EntryLine(
        id=entry.id,
        title=entry.title,
        text=None if sections else entry.text,
        sections=sections or None,
        images=images,
        facts=list(entry.facts),
        aliases=list(entry.aliases),
        source=entry.source,
        licence=entry.licence,
        url=entry.url,
        language=entry.language,
        meta=dict(entry.meta),
    )


def _written(base: KnowledgeBase, image_id: str, folder: Path) -> str:
    """The relative path of a picture, which is written where it is not there yet."""
    data = base.picture(image_id)
    header = read_header(data)
    name = f"{_PICTURES}/{image_id}.{_ENDINGS[header.kind] if header else 'bin'}"
    if not (folder / name).exists():
        write_bytes_atomic(folder / name, data)
    return name
