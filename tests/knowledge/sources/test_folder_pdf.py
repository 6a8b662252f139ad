"""PDF files, made here byte by byte (ISO 32000-1): text in English and Chinese, pictures, and what can't be read."""

import io
import time
import zlib
from pathlib import Path

import pytest
from PIL import Image

from pictures import encoded, noise
from ravlm.errors import PathError
from ravlm.knowledge.sources.folder import pdf as pdf_module
from ravlm.knowledge.sources.folder.apart import Apart
from ravlm.knowledge.sources.folder.document import Document, LeftOut
from ravlm.knowledge.sources.folder.pdf import picture_within, read_pdf_file, read_pdf_picture
from ravlm.knowledge.sources.folder.source import FolderSource
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Section

PAGE_ONE = [
    "The rose is a woody perennial flowering plant of the genus Rosa, in the fam-",
    "ily Rosaceae. There are over three hundred species of it, and many more",
    "cultivars.",
]


def pdf_of(objects: list[bytes], trailer: bytes = b"") -> bytes:
    """Numbered objects, the first of them the catalogue, as a file."""
    data, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    end = b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, trailer, len(data))
    return data + head + table + end


def stream(entries: bytes, data: bytes) -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(data), data)


def shown(lines: list[str], font: str = "F1") -> bytes:
    """Lines of text, one below the other; in the font F2 every character by its UTF-16 code."""
    texts = [f"<{line.encode('utf-16-be').hex()}>" if font == "F2" else f"({line})" for line in lines]
    return f"BT /{font} 10 Tf 40 750 Td 12 TL {' '.join(f'{text} Tj T*' for text in texts)} ET ".encode()


def image(width: int, height: int, jpeg: bytes | None = None, *, kept: bytes | None = None) -> bytes:
    kind = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB/BitsPerComponent 8" % (width, height)
    if jpeg is not None:
        return stream(kind + b"/Filter/DCTDecode", jpeg)
    pixels = noise(width, width, height).tobytes() if kept is None else kept
    return stream(kind + b"/Filter/FlateDecode", zlib.compress(pixels))


def document(pages: list[bytes], images: list[bytes] = [], *, title: str = "") -> bytes:  # noqa: B006 - only read
    """Pages of content with the fonts F1 (Latin) and F2 (Chinese, not embedded) and images Im0, Im1, ..."""
    codes = b"1 begincodespacerange <0000> <FFFF> endcodespacerange 1 beginbfrange <0000> <FFFF> <0000> endbfrange"
    tounicode = b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap " + codes + b" endcmap end end"
    fixed: list[bytes] = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Type/Font/Subtype/Type0/BaseFont/STSong/Encoding/Identity-H/DescendantFonts[5 0 R]/ToUnicode 6 0 R>>",
        b"<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong/FontDescriptor 7 0 R/DW 1000"
        b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>",
        stream(b"", tounicode),
        b"<</Type/FontDescriptor/FontName/STSong/Flags 4/FontBBox[0 -200 1000 900]/ItalicAngle 0/Ascent 800"
        b"/Descent -200/CapHeight 700/StemV 80>>",
        b"<</Title <FEFF%s>>>" % title.encode("utf-16-be").hex().encode(),
    ]
    objects = fixed + images
    names = b" ".join(b"/Im%d %d 0 R" % (at, len(fixed) + 1 + at) for at in range(len(images)))
    kids = []
    for content in pages:
        objects += [stream(b"", content)]
        resources = b"/Resources<</Font<</F1 3 0 R/F2 4 0 R>>/XObject<<%s>>>>" % names
        kids.append(b"%d 0 R" % (len(objects) + 1))
        objects += [b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R%s>>" % (len(objects), resources)]
    objects[1] = b"<</Type/Pages/Kids[%s]/Count %d>>" % (b" ".join(kids), len(kids))
    return pdf_of(objects, b"/Info 8 0 R")


def read(tmp_path: Path, data: bytes, language: str = "") -> Document:
    (tmp_path / "a.pdf").write_bytes(data)
    return read_pdf_file(tmp_path / "a.pdf", language)


def draw(name: str) -> bytes:
    return f"q 100 0 0 100 40 40 cm /{name} Do Q ".encode()


def test_pages_become_sections(tmp_path: Path) -> None:
    data = document([shown(PAGE_ONE), b"", shown(["Page three."])], title="The Röse")
    found = read(tmp_path, data)
    assert found.title == "The Röse"
    assert found.sections == (
        Section(
            "Page 1",
            "The rose is a woody perennial flowering plant of the genus Rosa, in the family Rosaceae. There are over "
            "three hundred species of it, and many more cultivars.",
        ),
        Section("Page 3", "Page three."),
    )
    assert (found.meta, found.language, found.pictures) == ({"pages": 3}, "en", ())


def test_a_chinese_page(tmp_path: Path) -> None:
    lines = ["玫瑰是蔷薇科蔷薇属多种植物的通称，原产中国、日本与朝鲜半岛，", "现在世界各地都有栽培。"]
    found = read(tmp_path, document([shown(lines, "F2")], title="玫瑰"))
    assert found.sections == (Section("第 1 页", "".join(lines)),)
    assert (found.title, found.language) == ("玫瑰", "zh")
    assert read(tmp_path, document([shown(lines, "F2")]), "en").sections[0].title == "Page 1"


@pytest.mark.parametrize("title", ["", "Microsoft Word - a.doc", "untitled", "paper.pdf"])
def test_a_title_that_says_nothing(tmp_path: Path, title: str) -> None:
    (tmp_path / "my_rose.pdf").write_bytes(document([shown(["Text."])], title=title))
    [part] = FolderSource(tmp_path).parts()
    assert [entry.title for entry in part.entries] == ["my rose"]


def test_pictures_on_pages(tmp_path: Path) -> None:
    jpeg = encoded(noise(1, 160, 120), "JPEG")
    images = [image(120, 100), image(99, 200), image(160, 120, jpeg), image(120, 100, kept=b"")]
    pages = [shown(["One."]) + draw("Im1") + draw("Im0"), draw("Im2") + draw("Im0")]
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.pdf").write_bytes(document(pages, images))
    source = FolderSource(tmp_path, "own")
    [part] = source.parts()
    [entry] = part.entries
    assert entry.images == tuple(f"sub/a.pdf#page={page}&image={at}" for page, at in ((1, 1), (2, 1), (2, 2)))
    png = source.picture(entry.images[0])
    with Image.open(io.BytesIO(png)) as shown_picture:
        assert (shown_picture.format, shown_picture.size) == ("PNG", (120, 100))
        assert shown_picture.tobytes() == noise(120, 120, 100).tobytes()
    assert source.picture(entry.images[1]) == jpeg
    base = KnowledgeBase.create(tmp_path / ".kb")
    base.upsert(part.entries, source.picture)
    assert len(base.get("sub/a").images) == 2
    for name in ("sub/a.pdf#page=2&image=3", "sub/a.pdf#page=9&image=1", "sub/b.pdf#page=1&image=1"):
        with pytest.raises(PathError):
            source.picture(name)


def test_a_picture_bomb_on_a_page(tmp_path: Path) -> None:
    found = read(tmp_path, document([shown(["One."]) + draw("Im0") + draw("Im1")], [image(30_000, 30_000, kept=b"\0")]))
    assert (found.pictures, found.skipped) == ((), {"picture over 25 megapixels": 1})


def test_pictures_past_the_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_module, "MOST_PICTURES", 2)
    found = read(tmp_path, document([shown(["One."]) + draw("Im0") * 3, draw("Im0")], [image(100, 100)]))
    assert (len(found.pictures), found.skipped) == (2, {"picture after the first 2 of a PDF": 2})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "PDF can't be read"),
        (b"This is a text.", "PDF can't be read"),
        (document([shown(PAGE_ONE)])[:300], "PDF can't be read"),
        (b"\0" * 5000, "PDF can't be read"),
        (document([draw("Im0")], [image(120, 100)]), "no text"),
        (document([]), "no text|PDF can't be read"),
    ],
)
def test_what_can_not_be_read(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(LeftOut, match=reason):
        read(tmp_path, data)


def test_an_encrypted_pdf(tmp_path: Path) -> None:
    data = document([shown(["Secret."])])
    locked = b"/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>" % (b"11" * 32, b"22" * 32)
    with pytest.raises(LeftOut, match="PDF is encrypted"):
        read(tmp_path, data.replace(b"/Info 8 0 R", locked))


def test_limits_of_pages_and_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = document([shown(["Some text."])] * 4)
    monkeypatch.setattr(pdf_module, "MOST_PAGES", 3)
    with pytest.raises(LeftOut, match="over 3 pages"):
        read(tmp_path, data)
    monkeypatch.setattr(pdf_module, "MOST_PAGES", 4)
    monkeypatch.setattr(pdf_module, "LARGEST_TEXT", 39)
    with pytest.raises(LeftOut, match="of text"):
        read(tmp_path, data)
    monkeypatch.setattr(pdf_module, "LARGEST_TEXT", 40)
    assert len(read(tmp_path, data).sections) == 4
    monkeypatch.setattr(pdf_module, "LARGEST_FILE", 100)
    with pytest.raises(LeftOut, match="over 0 MB"):
        read(tmp_path, data)


def test_a_damaged_page_costs_itself(tmp_path: Path) -> None:
    data = document([shown(["One."]), shown(["Two."])])
    broken = data.replace(b"/Type/Page/Parent", b"/Type/Pxge/Parent", 1)
    found = read(tmp_path, broken)
    assert [section.title for section in found.sections][-1] == "Page 2"


def test_forms_within_forms_are_stopped(tmp_path: Path) -> None:
    """Eight forms that each draw the next ten times: 10 ** 9 things on one page."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>",
        stream(b"", b"/X Do"),
    ]
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]"
    for at in range(9):
        objects.append(stream(form + b"/Resources<</XObject<</X %d 0 R>>>>" % (6 + at), b"/X Do " * 10))
    (tmp_path / "a.pdf").write_bytes(pdf_of([*objects, stream(form, b"0 0 m 1 1 l S")]))
    begun = time.perf_counter()
    with pytest.raises(LeftOut, match=r"takes over 0.5 seconds"):
        Apart(longest=0.5).pdf(tmp_path / "a.pdf")
    assert time.perf_counter() - begun < 3


def test_names_of_pictures_within() -> None:
    assert picture_within("docs/中 #1.PDF#page=12&image=3") == ("docs/中 #1.PDF", 12, 3)
    for name in ("a.pdf", "a.png#page=1&image=1", "a.pdf#page=0&image=1", "a.pdf#page=1", "a.pdf#page=١&image=1x"):
        assert picture_within(name) is None


def test_the_process_apart_says_the_same(tmp_path: Path) -> None:
    images = [image(120, 100), image(30_000, 30_000, kept=b"\0")]
    data = document([shown(["One."]) + draw("Im0") + draw("Im1")], images, title="玫瑰")
    found = read(tmp_path, data)
    apart = Apart()
    assert apart.pdf(tmp_path / "a.pdf") == found
    assert apart.picture(tmp_path / "a.pdf", 1, 1) == read_pdf_picture(tmp_path / "a.pdf", 1, 1)
    with pytest.raises(LeftOut, match="over 25 megapixels"):
        apart.picture(tmp_path / "a.pdf", 1, 2)
    with pytest.raises(PathError, match="no picture 3 on page 1"):
        apart.picture(tmp_path / "a.pdf", 1, 3)
    apart.close()
