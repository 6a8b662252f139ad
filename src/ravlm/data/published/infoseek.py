"""InfoSeek (Chen et al., EMNLP 2023), JSON Lines:

    infoseek_train.jsonl          {data_id, image_id, question, answer: [texts], answer_eval: [...], data_split}
    infoseek_train_withkb.jsonl   {data_id, entity_id, entity_text}
    infoseek_val_qtype.jsonl      {data_id, question_type}
    Wiki6M_ver_1_0.jsonl(.gz)     {wikidata_id, wikipedia_title, wikipedia_content, wikipedia_summary, ...}

Photos are OVEN's, named by their `image_id`; an article's picture, where it is there, by its Wikidata id. The test
file has no answers.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ravlm.data.published.content import Content, Wanted, made, once
from ravlm.data.published.source import Authors, SourceFolder, read_json_lines
from ravlm.lines import EntryLine, ExampleLine
from ravlm.safe.jsonl import Fault

ARTICLES = "Wiki6M_ver_1_0.jsonl"


def _as_text(given: Any) -> Any:
    return str(given) if isinstance(given, int | float) else given


class _Record(Authors):
    data_id: str
    image_id: str
    question: str
    answer: list[Annotated[str, BeforeValidator(_as_text)]]
    answer_eval: list[Any] = Field(default_factory=list)
    data_split: str = ""


class _Entity(Authors):
    data_id: str
    entity_id: str


class _Type(Authors):
    data_id: str
    question_type: str


class _Article(Authors):
    wikidata_id: str
    wikipedia_title: str | None = None
    wikipedia_content: str | None = None
    wikipedia_summary: str | None = None


def read_infoseek(source: SourceFolder, wanted: Wanted) -> Content:
    """InfoSeek's splits train and val, with the article of each question where the articles are asked for."""
    faults: list[Fault] = []
    files, entities, types = {}, {}, {}
    for split in wanted.splits:
        files[split] = source.need(f"infoseek_{split}.jsonl", f"InfoSeek's questions of {split}")
        with_kb = f"infoseek_{split}_withkb.jsonl"
        if wanted.articles or source.has(with_kb):
            path = source.need(with_kb, f"the entities of InfoSeek's questions of {split}")
            entities[split] = _entities(path, faults)
        if source.has(f"infoseek_{split}_qtype.jsonl"):
            path = source.need(f"infoseek_{split}_qtype.jsonl", "types of questions")
            types[split] = {one.data_id: one.question_type for one in read_json_lines(path, _Type, faults)}
    splits = {s: _split(s, p, entities.get(s), types.get(s, {}), wanted, faults) for s, p in files.items()}
    asked = frozenset(entity for found in entities.values() for entity in found.values())
    if not wanted.articles:
        return Content(splits, faults, asked=asked)
    articles = source.need(ARTICLES, "the articles of InfoSeek's knowledge base")
    return Content(splits, faults, entries=_articles(articles, faults), asked=asked)


def _entities(path: Path, faults: list[Fault]) -> dict[str, str]:
    """The entity of each question."""
    found: dict[str, str] = {}
    for one in read_json_lines(path, _Entity, faults):
        if one.data_id in found:
            faults.append(Fault(path.name, 0, "data_id", f"{one.data_id!r} more than once", "one entity a question"))
        found[one.data_id] = one.entity_id
    return found


def _split(
    split: str,
    path: Path,
    entities: Mapping[str, str] | None,
    types: Mapping[str, str],
    wanted: Wanted,
    faults: list[Fault],
) -> Iterator[ExampleLine]:
    if entities is not None:
        known = {record.data_id for record in read_json_lines(path, _Id, [])}
        lost = [key for key in entities if key not in known]
        if lost:
            few = ", ".join(lost[:3])
            faults.append(
                Fault(path.name, 0, "data_id", f"{len(lost):,} entities of no question ({few})", "files of one split")
            )
            return
    for record in read_json_lines(path, _Record, faults):
        if entities is not None and record.data_id not in entities:
            faults.append(Fault(path.name, 0, record.data_id, "a question without its entity", "files of one split"))
            continue
        entity = None if entities is None else entities[record.data_id]
        if record.data_split and not record.data_split.startswith(split):
            faults.append(Fault(path.name, 0, f"{record.data_id} data_split", repr(record.data_split), f"{split}..."))
            continue
        group = record.data_split.removeprefix(split).strip("_")
        kind = types.get(record.data_id, "")
        evaluated = [value for value in record.answer_eval if isinstance(value, str)]
        yield from made(
            ExampleLine,
            faults,
            path.name,
            id=record.data_id,
            images=[record.image_id],
            question=record.question.strip(),
            kind="answers",
            answers=once([*record.answer, *evaluated]),
            entries=[] if entity is None or not wanted.articles else [entity],
            groups=once([group, f"question_type:{kind}" if kind else ""]),
            meta={"answer_eval": record.answer_eval} | ({} if entity is None else {"entity": entity}),
        )


class _Id(Authors):
    data_id: str


def _articles(path: Path, faults: list[Fault]) -> Iterator[EntryLine]:
    for article in read_json_lines(path, _Article, faults):
        yield from made(
            EntryLine,
            faults,
            path.name,
            id=article.wikidata_id,
            title=article.wikipedia_title or article.wikidata_id,
            text=article.wikipedia_content or article.wikipedia_summary or "",
            images=[article.wikidata_id],
            source="InfoSeek, Wiki6M 1.0",
            licence="CC-BY-SA-3.0",
        )
