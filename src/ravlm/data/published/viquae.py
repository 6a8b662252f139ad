"""ViQuAE (Lerner et al., SIGIR 2022), JSON Lines in KILT's fields:

train.jsonl, validation.jsonl, test.jsonl   {id, input, output: {original_answer, answer: [texts]}, image,
                                             wikidata_id, kilt_id, url}
humans_with_faces.jsonl(.gz), humans_without_faces.jsonl(.gz), non_humans.jsonl(.gz)
                                            {wikidata_info: {wikidata_id}, wikipedia_title, text: {paragraph:
                                             [texts]}, image, url}
images/                                     by file name
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from ravlm.data.published.content import Content, Wanted, made, once
from ravlm.data.published.source import Authors, SourceFolder, only_once, read_json_lines
from ravlm.lines import EntryLine, ExampleLine, SectionLine
from ravlm.safe.jsonl import Fault

FILES = {"train": "train.jsonl", "val": "validation.jsonl", "test": "test.jsonl"}
ARTICLES = ("humans_with_faces.jsonl", "humans_without_faces.jsonl", "non_humans.jsonl")
_SECTION, _BULLET = "Section::::", "BULLET::::"


class _Output(Authors):
    original_answer: str
    answer: list[Any] = Field(default_factory=list)


class _Record(Authors):
    id: str
    input: str
    output: _Output
    image: str
    wikidata_id: str
    kilt_id: str = ""
    original_question: str = ""


class _Info(Authors):
    wikidata_id: str


class _Text(Authors):
    paragraph: list[str]


class _Article(Authors):
    wikidata_info: _Info
    wikipedia_title: str
    text: _Text
    image: str | None = None
    url: str | None = None


def read_viquae(source: SourceFolder, wanted: Wanted) -> Content:
    """ViQuAE's splits train, val (the authors' validation) and test."""
    faults: list[Fault] = []
    files = {split: source.need(FILES[split], f"ViQuAE's questions of {split}") for split in wanted.splits}
    records = {split: list(read_json_lines(path, _Record, faults)) for split, path in files.items()}
    for split, some in records.items():
        only_once((one.id for one in some), files[split].name, faults)
    asked = frozenset(one.wikidata_id for some in records.values() for one in some)
    entries = None
    if wanted.articles:
        entries = _articles([source.need(name, "articles of ViQuAE's knowledge base") for name in ARTICLES], faults)
    splits = {s: _split(files[s], some, wanted.articles, faults) for s, some in records.items()}
    return Content(splits, faults, entries, asked)


def _split(path: Path, records: list[_Record], articles: bool, faults: list[Fault]) -> Iterator[ExampleLine]:
    for one in records:
        yield from made(
            ExampleLine,
            faults,
            path.name,
            id=one.id,
            images=[one.image],
            question=one.input.strip(),
            kind="answers",
            answers=once([one.output.original_answer, *(a for a in one.output.answer if isinstance(a, str))]),
            entries=[one.wikidata_id] if articles else [],
            meta={"entity": one.wikidata_id, "original_question": one.original_question},
        )


def _articles(paths: list[Path], faults: list[Fault]) -> Iterator[EntryLine]:
    for path in paths:
        for article in read_json_lines(path, _Article, faults):
            yield from made(
                EntryLine,
                faults,
                path.name,
                id=article.wikidata_info.wikidata_id,
                title=article.wikipedia_title,
                sections=_sections(article.text.paragraph),
                images=[article.image] if article.image else [],
                source=f"ViQuAE, {path.name.partition('.')[0]}",
                licence="CC-BY-SA-3.0",
                url=article.url or "",
            )


def _sections(paragraphs: list[str]) -> list[SectionLine]:
    """KILT's paragraphs as sections: the title first, `Section::::` begins one, `BULLET::::` is a list's item."""
    sections: list[tuple[str, list[str]]] = [("", [])]
    for text in paragraphs[1:]:
        if text.startswith(_SECTION):
            sections.append((text.removeprefix(_SECTION).strip().rstrip("."), []))
        else:
            sections[-1][1].append(text.removeprefix(_BULLET).strip())
    written = [(title, "\n".join(filter(None, texts))) for title, texts in sections]
    return [SectionLine(title=title, text=text) for title, text in written if text]
