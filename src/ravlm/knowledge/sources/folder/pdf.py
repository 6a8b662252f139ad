"""PDF files, read by pypdfium2 (PDFium, the reader of Chrome): the text page by page, and the pictures on the pages.

PDFium is native code with no bounds on time or memory of its own; `apart.py` runs this in a process that has them.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from ravlm.errors import ImageError, PathError
from ravlm.knowledge.markdown import clean
from ravlm.knowledge.passages import guess_language
from ravlm.knowledge.sources.folder.document import LARGEST_FILE, LARGEST_TEXT, NO_TEXT, UNREADABLE, Document, LeftOut
from ravlm.knowledge.sources.folder.text import paragraphs
from ravlm.optional import require
from ravlm.records import Section
from ravlm.safe.images import MOST_PIXELS, decode_image

EXTRA = "documents"
MOST_PAGES = 5000
MOST_PICTURES = 500  # that a file's entry has
LEAST_SIDE = 100  # pixels: smaller pictures are lines, bullets and logos
_MOST_OBJECTS = 20_000  # on a page that are looked at
_NARROWEST, _WIDEST = 30, 400  # columns of a page whose lines are joined: nearly all are broken to fit
_HYPHEN_AT_END = "\ufffe"  # what PDFium makes of a hyphen and the line's end after it
_TOO_LARGE = f"picture over {MOST_PIXELS // 1_000_000} megapixels"
_PASSWORD = (4, 5)  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY
_NO_TITLE = re.compile(r"microsoft \w+ - .*|untitled.*|.*\.(?:docx?|pdf|indd|qxd|tex|pptx?|xlsx?|pages)", re.IGNORECASE)
_PICTURE = re.compile(r"(.+\.pdf)#page=([1-9]\d{0,4})&image=([1-9]\d{0,4})", re.IGNORECASE | re.DOTALL)


def read_pdf_file(path: Path, language: str = "") -> Document:
    """A PDF: a section a page ("Page 3", in Chinese texts "第 3 页"), and pictures of at least 100 x 100 pixels.

    Pictures are named `#page=3&image=1`. `language` is the text's; without it, it is guessed.

    Raises:
        LeftOut: it is damaged, encrypted, has no text (scanned pages), over 5,000 pages, or over 4 million characters.
        MissingExtra: pypdfium2 is not installed.
    """
    with _opened(path) as pdf:
        if len(pdf) > MOST_PAGES:
            raise LeftOut(f"over {MOST_PAGES:,} pages")
        skipped: Counter[str] = Counter()
        texts = _texts(pdf, skipped)
        if not texts:
            raise LeftOut(NO_TEXT)
        spoken = language or guess_language("".join(text for _, text in texts[:20]))
        pictures = _pictures(pdf, skipped)
        title = " ".join(clean(pdf.get_metadata_value("Title")).split())
        return Document(
            title="" if _NO_TITLE.fullmatch(title) else title,
            sections=tuple(Section(page_title(number, spoken), text) for number, text in texts),
            pictures=pictures,
            language=spoken,
            meta={"pages": len(pdf)},
            skipped=dict(skipped),
        )


def page_title(number: int, language: str) -> str:
    """What a page's section is called.

    >>> page_title(3, "en"), page_title(3, "zh-CN")
    ('Page 3', '第 3 页')
    """
    return f"第 {number} 页" if language.partition("-")[0].lower() == "zh" else f"Page {number}"


def picture_within(name: str) -> tuple[str, int, int] | None:
    """(path of the PDF, page, picture on it) of a name like `docs/a.pdf#page=3&image=1`; None for other names."""
    found = _PICTURE.fullmatch(name)
    return (found[1], int(found[2]), int(found[3])) if found else None


def read_pdf_picture(path: Path, page: int, image: int) -> bytes:
    """A picture on a page: a JPEG as it lies in the file where it can be read so, else as PNG.

    Raises:
        LeftOut: the file can't be read.
        PathError: there is no such picture.
    """
    with _opened(path) as pdf:
        if page <= len(pdf):
            with _page(pdf, page) as opened:
                found = next(islice(_images(opened), image - 1, None), None)
                if found is not None:
                    return _encoded(found)
    raise PathError(f"{path} has no picture {image} on page {page}. Build from the folder again.")


def _texts(pdf: Any, skipped: Counter[str]) -> list[tuple[int, str]]:
    """The pages that have text, by number."""
    texts: list[tuple[int, str]] = []
    left = LARGEST_TEXT
    for number in range(1, len(pdf) + 1):
        try:
            with _page(pdf, number) as page:
                lines = clean(_text(page).replace(_HYPHEN_AT_END, "-\n")).split("\n")
            text = paragraphs(lines, _NARROWEST, _WIDEST)
        except require("pypdfium2", EXTRA).PdfiumError:
            skipped["page of a PDF can't be read"] += 1
            continue
        left -= len(text)
        if left < 0:
            raise LeftOut(f"over {LARGEST_TEXT // 1_000_000} MB of text")
        if text:
            texts.append((number, text))
    return texts


def _pictures(pdf: Any, skipped: Counter[str]) -> tuple[str, ...]:
    """The names of the pictures on all pages; whether one can be decoded shows when it is asked for."""
    names: list[str] = []
    for number in range(1, len(pdf) + 1):
        try:
            with _page(pdf, number) as page:
                for place, image in enumerate(_images(page), 1):
                    if len(names) == MOST_PICTURES:
                        skipped[f"picture after the first {MOST_PICTURES} of a PDF"] += 1
                    elif _too_large(*image.get_px_size()):
                        skipped[_TOO_LARGE] += 1
                    else:
                        names.append(f"#page={number}&image={place}")
        except require("pypdfium2", EXTRA).PdfiumError:
            continue  # counted with its text
    return tuple(names)


def _images(page: Any) -> Iterator[Any]:
    """The pictures on a page whose sides have at least 100 pixels, in the order in which they are drawn."""
    raw = require("pypdfium2.raw", EXTRA)
    for thing in islice(page.get_objects(max_depth=5), _MOST_OBJECTS):
        if thing.type == raw.FPDF_PAGEOBJ_IMAGE and min(thing.get_px_size()) >= LEAST_SIDE:
            yield thing


def _too_large(width: int, height: int) -> bool:
    return width * height > MOST_PIXELS


def _encoded(image: Any) -> bytes:
    if _too_large(*image.get_px_size()):
        raise LeftOut(_TOO_LARGE)
    try:
        bitmap = image.get_bitmap()
    except require("pypdfium2", EXTRA).PdfiumError as error:
        raise LeftOut("picture can't be decoded") from error
    if _too_large(bitmap.width, bitmap.height):
        raise LeftOut(_TOO_LARGE)
    if image.get_filters() == ["DCTDecode"] and bitmap.n_channels in {1, 3}:
        data = bytes(image.get_data())
        try:
            if decode_image(data).size == (bitmap.width, bitmap.height):
                return data
        except ImageError:
            pass
    stream = io.BytesIO()
    bitmap.to_pil().convert("RGB").save(stream, "PNG")
    return stream.getvalue()


def _text(page: Any) -> str:
    text = page.get_textpage()
    try:
        return str(text.get_text_range())
    finally:
        text.close()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    pdfium = require("pypdfium2", EXTRA)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise LeftOut(f"over {LARGEST_FILE // 1_000_000} MB")
        pdf = pdfium.PdfDocument(path)
    except OSError as error:
        raise LeftOut(UNREADABLE) from error
    except pdfium.PdfiumError as error:
        raise LeftOut(
            "PDF is encrypted" if getattr(error, "err_code", None) in _PASSWORD else "PDF can't be read"
        ) from error
    try:
        yield pdf
    except pdfium.PdfiumError as error:
        raise LeftOut("PDF can't be read") from error
    finally:
        pdf.close()


@contextmanager
def _page(pdf: Any, number: int) -> Iterator[Any]:
    page = pdf[number - 1]
    try:
        yield page
    finally:
        page.close()
