"""The dataset's line formats, version 1: strict text models, and how each becomes a record.

`dataset.json` is a `DatasetCard`; a line of `knowledge.jsonl` an `EntryLine`; a line of `train.jsonl`, `val.jsonl` and
`test.jsonl` an `ExampleLine`. Unknown fields are faults. `docs/dataset.md` describes every field.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ravlm.records import AnswerKind, Entry, Example, Section

FORMAT = 1
SPLITS = ("train", "val", "test")

Name = Annotated[str, Field(min_length=1, max_length=512)]
_FIELDS_OF_KIND: dict[AnswerKind, tuple[str, ...]] = {
    "answers": ("answers",),
    "all_of": ("all_of",),
    "number": ("value", "unit"),
    "choice": ("choices", "correct"),
    "captions": ("captions",),
}


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class DatasetCard(Line):
    """`dataset.json`."""

    format: Literal[1]
    name: Name
    licence: str
    languages: list[Name]
    sources: list[str]
    description: str = ""


class SectionLine(Line):
    title: str
    text: str
    language: Name | None = None


class EntryLine(Line):
    """A line of `knowledge.jsonl`."""

    id: Name
    title: Name
    text: str | None = None
    sections: list[SectionLine] | None = None
    images: list[Name] = []
    facts: list[tuple[Name, str]] = []
    aliases: list[str] = []
    source: str = ""
    licence: str = ""
    url: str = ""
    language: Name = "en"
    meta: dict[str, Any] = {}

    @model_validator(mode="after")
    def _text_or_sections(self) -> Self:
        if (self.text is None) == (self.sections is None):
            found = "neither" if self.text is None else "both"
            raise ValueError(f"expected exactly one of `text` and `sections`, found {found}")
        return self

    def record(self) -> Entry:
        return Entry(
            id=self.id,
            title=self.title,
            text=self.text or "",
            sections=tuple(Section(s.title, s.text, s.language) for s in self.sections or ()),
            images=tuple(self.images),
            facts=tuple(self.facts),
            aliases=tuple(self.aliases),
            source=self.source,
            licence=self.licence,
            url=self.url,
            language=self.language,
            meta=self.meta,
        )


class ExampleLine(Line):
    """A line of `train.jsonl`, `val.jsonl` or `test.jsonl`."""

    id: Name
    images: list[Name] = Field(min_length=1)
    question: Annotated[str, Field(min_length=1)] | None = None
    kind: AnswerKind
    answers: Annotated[list[Name], Field(min_length=1)] | None = None
    all_of: Annotated[list[Name], Field(min_length=1)] | None = None
    value: float | None = None
    unit: str | None = None
    choices: Annotated[list[Name], Field(min_length=2)] | None = None
    correct: int | None = None
    captions: Annotated[list[Name], Field(min_length=1)] | None = None
    entries: list[Name] = []
    evidence: list[tuple[Name, str]] = []
    language: Name = "en"
    groups: list[Name] = []
    meta: dict[str, Any] = {}

    @model_validator(mode="after")
    def _fields_fit_the_kind(self) -> Self:
        needed = [name for name in _FIELDS_OF_KIND[self.kind] if name != "unit"]
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"kind {self.kind!r} needs the field {missing[0]!r}")
        every = {name for names in _FIELDS_OF_KIND.values() for name in names}
        strange = sorted(n for n in every - set(_FIELDS_OF_KIND[self.kind]) if getattr(self, n) is not None)
        if strange:
            raise ValueError(f"kind {self.kind!r} does not take the field {strange[0]!r}")
        if self.question is None and self.kind != "captions":
            raise ValueError(f"kind {self.kind!r} needs a question")
        if self.choices is not None and not 0 <= (self.correct or 0) < len(self.choices):
            raise ValueError(f"correct is {self.correct}, but there are {len(self.choices)} choices, counted from 0")
        return self

    def record(self) -> Example:
        answers = self.answers or self.all_of or self.captions or []
        if self.choices is not None and self.correct is not None:
            answers = [self.choices[self.correct]]
        return Example(
            id=self.id,
            images=tuple(self.images),
            question=self.question,
            kind=self.kind,
            answers=tuple(answers),
            value=self.value,
            unit=self.unit,
            choices=tuple(self.choices or ()),
            entries=tuple(self.entries),
            evidence=tuple(self.evidence),
            language=self.language,
            groups=tuple(self.groups),
            meta=self.meta,
        )
