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
    "answers": ("answers", "annotators"),
    "all_of": ("all_of",),
    "number": ("value", "unit"),
    "choice": ("choices", "correct"),
    "captions": ("captions",),
}
_MAY_BE_LEFT_OUT = ("unit", "annotators")


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class AuthorsFile(Line):
    """A file by a benchmark's authors that a dataset was made of."""

    name: Name
    bytes: int = Field(ge=0)
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class BenchmarkLine(Line):
    """Of which published benchmark a dataset was made, and whether it is the whole of it.

    `questions` are those that were kept, by split, and `of` those that the authors' files hold; where they differ,
    `subset` says why, one reason a text. `pictures` says which questions were kept by their pictures: all were there
    (all), only those with pictures are kept (there), or no picture was looked for (none). `articles` says so of the
    benchmark's knowledge base.
    """

    name: Name
    variant: str = ""
    files: list[AuthorsFile]
    questions: dict[Name, int]
    of: dict[Name, int]
    subset: list[Name] = []
    pictures: Literal["all", "there", "none"] = "all"
    articles: Literal["all", "asked", "none"] = "all"


class DatasetCard(Line):
    """`dataset.json`."""

    format: Literal[1]
    name: Name
    licence: str
    languages: list[Name]
    sources: list[str]
    description: str = ""
    benchmark: BenchmarkLine | None = None

    def text(self) -> str:
        """The file's text; a card of no benchmark has the bytes that it had before there were any."""
        return self.model_dump_json(indent=2, exclude_none=True) + "\n"


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
    annotators: list[Annotated[int, Field(ge=1)]] | None = None
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
        needed = [name for name in _FIELDS_OF_KIND[self.kind] if name not in _MAY_BE_LEFT_OUT]
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"kind {self.kind!r} needs the field {missing[0]!r}")
        every = {name for names in _FIELDS_OF_KIND.values() for name in names}
        strange = sorted(n for n in every - set(_FIELDS_OF_KIND[self.kind]) if getattr(self, n) is not None)
        if strange:
            raise ValueError(f"kind {self.kind!r} does not take the field {strange[0]!r}")
        if self.question is None and self.kind != "captions":
            raise ValueError(f"kind {self.kind!r} needs a question")
        if self.annotators is not None and len(self.annotators) != len(self.answers or ()):
            found = f"{len(self.annotators)} numbers of annotators for {len(self.answers or ())} answers"
            raise ValueError(f"found {found}, expected one for each")
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
