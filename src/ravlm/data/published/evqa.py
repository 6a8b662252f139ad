"""Encyclopedic-VQA (Mensink et al., ICCV 2023): `train.csv`, `val.csv`, `test.csv`, `encyclopedic_kb_wiki.json`.

A row is a question in words with up to five photos (`dataset_image_ids`, separated by `|`), each of which makes an
example: the authors' "VQA triplet". `answer` holds the annotators' answers, separated by `|`; the members of an answer
of the type `multi_answer` by `&&`. Two-hop questions name two articles, separated by `|`.

Photos are those of iNaturalist 2021, whose `train.json` and `val.json` say which file an id is, and of Google Landmarks
v2, whose files bear their ids.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from ravlm.data.published.content import Content, Wanted, made, once
from ravlm.data.published.source import Authors, SourceFolder, read_members, read_whole
from ravlm.errors import FormatError
from ravlm.lines import EntryLine, ExampleLine, SectionLine
from ravlm.safe.jsonl import Fault

ARTICLES = "encyclopedic_kb_wiki.json"
_NEEDED = (
    "question",
    "answer",
    "dataset_image_ids",
    "dataset_name",
    "question_type",
    "wikipedia_url",
    "evidence_section_title",
    "encyclopedic_vqa_split",
)
_TYPES = ("templated", "automatic", "multi_answer", "2_hop")
_HINT = (
    "iNaturalist's train.json and val.json, which say which file an id is, were not found: they must lie below the "
    "folder of the questions or below one given by --images. "
)
_LONGEST = 10_000_000  # characters of a cell

Row = Mapping[str, str]


class _Image(Authors):
    id: int
    file_name: str


class _Images(Authors):
    images: list[_Image]


def read_evqa(source: SourceFolder, wanted: Wanted) -> Content:
    """Encyclopedic-VQA's splits train, val and test."""
    faults: list[Fault] = []
    files = {s: source.need(f"{s}.csv", f"Encyclopedic-VQA's questions of {s}", _NEEDED) for s in wanted.splits}
    rows = {split: list(_rows(path, split, faults)) for split, path in files.items()}
    asked = frozenset(url for some in rows.values() for row in some for url in _parts(row["wikipedia_url"]))
    trained = frozenset(u for row in rows.get("train", ()) for u in _parts(row["wikipedia_url"]))
    photos = {i for some in rows.values() for row in some for i in _photos(row)}
    names = _inaturalist(source, photos)
    hint = _HINT if not names and any(photo.isdecimal() for photo in photos) else ""
    titles: dict[str, list[str]] = {}
    entries = None
    if wanted.articles:
        articles = source.need(ARTICLES, "the articles of Encyclopedic-VQA's knowledge base")
        entries = _articles(articles, asked, titles, faults)
    splits = {
        split: _split(split, files[split], some, titles if wanted.articles else None, trained, faults)
        for split, some in rows.items()
    }
    return Content(splits, faults, entries, asked, lambda path: names.get(path, ()), hint=hint)


def _rows(path: Path, split: str, faults: list[Fault]) -> Iterator[Row]:
    """The rows of a table that has the authors' columns and is of this split."""
    csv.field_size_limit(_LONGEST)
    with path.open(encoding="utf-8", newline="") as file:
        try:
            table = csv.DictReader(file, strict=True)
            missing = [name for name in _NEEDED if name not in (table.fieldnames or ())]
            if missing:
                found = ", ".join((table.fieldnames or ())[:8])
                faults.append(Fault(path.name, 1, "", f"the columns {found}", f"also {', '.join(missing)}"))
                return
            for row in table:
                number = table.line_num
                if row["encyclopedic_vqa_split"] != split:
                    wish = f"{split!r}, as the file's name says"
                    faults.append(
                        Fault(path.name, number, "encyclopedic_vqa_split", repr(row["encyclopedic_vqa_split"]), wish)
                    )
                elif row["question_type"] not in _TYPES:
                    found = repr(row["question_type"])
                    faults.append(Fault(path.name, number, "question_type", found, f"one of {', '.join(_TYPES)}"))
                elif not _photos(row):
                    faults.append(Fault(path.name, number, "dataset_image_ids", "no photo", "at least one id"))
                else:
                    yield row
        except (csv.Error, UnicodeDecodeError) as error:
            raise FormatError(f"{path}, line {table.line_num + 1}: {error}. Get the authors' file again.") from error


def _parts(cell: str) -> list[str]:
    return once(part.strip() for part in cell.split("|"))


def _photos(row: Row) -> list[str]:
    return _parts(row["dataset_image_ids"])


def _inaturalist(source: SourceFolder, wanted: set[str]) -> dict[str, Sequence[str]]:
    """By id, the file of a photo of iNaturalist, as far as its lists are there. Ids are counted over all its lists."""
    names: dict[str, Sequence[str]] = {}
    for path in source.lists("train.json", "val.json"):
        read = read_whole(path, _Images, [], "")
        if read is not None:
            source.used.append(path)
            for image in read.images:
                if str(image.id) in wanted:
                    names[str(image.id)] = (image.file_name,)
    return names


def _split(
    split: str,
    path: Path,
    rows: Sequence[Row],
    titles: Mapping[str, Sequence[str]] | None,
    trained: frozenset[str],
    faults: list[Fault],
) -> Iterator[ExampleLine]:
    """An example a photo of a row; `titles` are the articles' sections, None where there are no articles."""
    for number, row in enumerate(rows):
        urls, kind = _parts(row["wikipedia_url"]), row["question_type"]
        said = row.get("wikipedia_url_used_in_train", "").lower()
        seen = said == "true" if said in ("true", "false") else all(url in trained for url in urls)
        groups = [f"question_type:{kind}", *([] if split == "train" else ["seen" if seen else "unseen"])]
        sections = zip(urls, row["evidence_section_title"].split("|"), strict=False)
        evidence = [(u, title) for u, title in sections if titles is not None and title and title in titles.get(u, ())]
        answers = _parts(row["answer"])
        members = [part.strip() for part in answers[0].split("&&")] if answers else []
        fields = {"kind": "all_of", "all_of": once(members)} if kind == "multi_answer" else {"answers": answers}
        for place, image in enumerate(_photos(row)):
            yield from made(
                ExampleLine,
                faults,
                path.name,
                **{"kind": "answers"} | fields,
                id=f"evqa_{split}_{number}_{place}",
                images=[image],
                question=row["question"].strip(),
                entries=urls if titles is not None else [],
                evidence=evidence,
                groups=groups,
                meta={
                    "row": number,
                    "question_type": kind,
                    "answer": row["answer"],
                    "entity": "|".join(urls),
                    "question_original": row.get("question_original", ""),
                    "dataset_name": row["dataset_name"],
                },
            )


def _articles(
    path: Path, asked: frozenset[str], titles: dict[str, list[str]], faults: list[Fault]
) -> Iterator[EntryLine]:
    """The articles; of those that are asked about, `titles` learns the sections."""
    for url, article in read_members(path):
        try:
            sections = list(zip(article["section_titles"], article["section_texts"], strict=True))
            title = str(article["title"])
        except (TypeError, KeyError, ValueError) as error:
            wish = "title, section_titles and as many section_texts"
            faults.append(Fault(path.name, 0, url, f"{type(error).__name__}: {error}", wish))
            continue
        kept = [(str(name), str(text)) for name, text in sections if text]
        if url in asked:
            titles[url] = [name for name, _ in kept]
        yield from made(
            EntryLine,
            faults,
            path.name,
            id=url,
            title=title or url,
            sections=[SectionLine(title=name, text=text) for name, text in kept],
            images=list(islice((_file_name(u) for u in article.get("image_urls") or ()), 5)),
            source="Encyclopedic-VQA, WikiWeb2M",
            licence="CC-BY-SA-3.0",
            url=url,
        )


def _file_name(url: str) -> str:
    return str(url).rpartition("/")[2] or "unnamed"
