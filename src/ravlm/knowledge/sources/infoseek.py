"""The Wikipedia knowledge that OVEN and InfoSeek were released with (6 million articles) as knowledge.

`Wiki6M_ver_1_0.jsonl.gz` holds one article a line: `{"wikidata_id", "wikipedia_title", "wikipedia_content",
"wikipedia_summary", "wikipedia_image_url", ...}` (Chen et al., Can Pre-trained Vision and Language Models Answer Visual
Information-Seeking Questions?, EMNLP 2023; Hu et al., Open-domain Visual Entity Recognition, ICCV 2023). Its text is
from Wikipedia's dump of 1 October 2022. Subsets in this layout, such as the usual 100K articles, are read as well.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ravlm.errors import FormatError
from ravlm.knowledge.sources.columns import LONG_ID, NO_ID, NO_TEXT
from ravlm.knowledge.sources.json_lines import MEMORY, Row, expansion_of, first_rows, line_parts
from ravlm.knowledge.sources.local_pictures import LocalPictures, file_names
from ravlm.knowledge.sources.part import Part, Place, Source
from ravlm.knowledge.sources.texts import LONGEST_NAME, beginning, clipped, one_line, plain
from ravlm.records import Entry, Section

LICENCE = "CC-BY-SA-3.0"
_HEADING = re.compile(r"^(={2,6})[ \t]*(.+?)[ \t]*\1[ \t]*$", re.MULTILINE)


class InfoSeekSource(Source):
    """The articles of a knowledge base in InfoSeek's layout, with the ids `infoseek:Q...`.

    The text is `wikipedia_content`, in sections where it has headings, else `wikipedia_summary`. Pictures are never
    fetched: the URL is kept in `meta["image_urls"]`, and with a folder of downloaded `images`, a file called by the
    Wikidata id (`Q42.jpg`, or `Q806/Q806563.jpg` as OVEN packs them) or by the last part of the URL becomes the
    entry's picture.
    """

    kind = "infoseek"
    memory = MEMORY

    def __init__(self, path: Path, name: str = "infoseek", *, images: Path | None = None) -> None:
        """Look at the first lines.

        Args:
            path: the `.jsonl` file, also compressed.
            name: the `source` of the entries.
            images: a folder of downloaded pictures.

        Raises:
            PathError: there is no such file, or no such folder.
            FormatError: its lines are not as InfoSeek has them.
        """
        self.name = name
        self.path = path
        self._images = LocalPictures(images)
        if not any("wikidata_id" in row for row in first_rows(path)):
            raise FormatError(
                f'{path} is not in the layout of InfoSeek: none of its first lines has the field "wikidata_id". One '
                "JSON object with URLs as names (EchoSight's 100K articles) is read by the kind `evqa`, other lines of "
                "JSON by `table`."
            )
        self.size = path.stat().st_size
        self.expansion = expansion_of(path)

    def settings(self) -> dict[str, Any]:
        """The folder of pictures."""
        return {"images": str(self._images.folder) if self._images.folder else None}

    def parts(self, after: Place | None = None) -> Iterator[Part]:
        """The articles; see `Source`."""
        return line_parts(self.path, after, self._entry)

    def picture(self, name: str) -> bytes:
        """The bytes of a picture in the folder of images; see `Source`."""
        return self._images.read(name)

    def _entry(self, row: Row) -> Entry | str:
        item = one_line(_text(row, "wikidata_id"))
        if not item:
            return NO_ID
        if len(item) > LONGEST_NAME - len("infoseek:"):
            return LONG_ID
        text = _text(row, "wikipedia_content") or _text(row, "wikipedia_summary")
        lead, sections = _sections(text)
        if not (lead or sections):
            return NO_TEXT
        url = _text(row, "wikipedia_image_url")
        return Entry(
            id=f"infoseek:{item}",
            title=clipped(_text(row, "wikipedia_title")) or beginning(lead or sections[0].text),
            text=lead if not sections else "",
            sections=((Section("", lead), *sections) if lead else sections) if sections else (),
            images=self._images.found(_file_names(item, url))[:1],
            source=self.name,
            licence=LICENCE,
            url=f"https://www.wikidata.org/wiki/{item}",
            language="en",
            meta={"wikidata": item} | ({"image_urls": [url]} if url else {}),
        )


def _text(row: Row, field: str) -> str:
    value = row.get(field)
    return plain(value) if isinstance(value, str) else ""


def _sections(text: str) -> tuple[str, tuple[Section, ...]]:
    """The text before the first heading (`== History ==`), and the sections after it that hold text."""
    lead, *rest = _HEADING.split(text) if "==" in text else [text]
    titles, bodies = rest[1::3], rest[2::3]
    return lead.strip(), tuple(Section(t, b.strip()) for t, b in zip(titles, bodies, strict=True) if b.strip())


def _file_names(item: str, url: str) -> list[str]:
    called = [f"{item[:4]}/{item}.jpg", f"{item}.jpg", f"{item}.png"]
    return called + (file_names(url) if url else [])
