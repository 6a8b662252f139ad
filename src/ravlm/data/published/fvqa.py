"""FVQA (Wang et al., arXiv:1606.05433), as its release unpacks:

    new_dataset_release/all_qs_dict_release.json        {id: {question, answer, img_file, fact: [ids], fact_surface,
                                                         ans_source, kb_source, visual_concept}}
    new_dataset_release/all_fact_triples_release.json   {id: {KB, e1, e1_label, r, e2, e2_label, surface}}
    new_dataset_release/images/
    Name_Lists/train_list_0.txt, test_list_0.txt, ...   the photos of five splits

An entry of the knowledge base is a fact.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import Field, RootModel

from ravlm.data.published.content import Content, Wanted, made, once
from ravlm.data.published.source import Authors, SourceFolder, lines_of, read_whole
from ravlm.lines import EntryLine, ExampleLine
from ravlm.safe.jsonl import Fault

QUESTIONS, FACTS = "all_qs_dict_release.json", "all_fact_triples_release.json"


class _Question(Authors):
    question: str
    answer: str
    img_file: str
    fact: list[str] = Field(default_factory=list)
    fact_surface: str = ""
    ans_source: str = ""
    kb_source: str = ""
    visual_concept: str = ""


class _Fact(Authors):
    KB: str = ""
    e1_label: str
    e2_label: str
    r: str = ""
    surface: str = ""


class _Questions(RootModel[dict[str, _Question]]):
    pass


class _Facts(RootModel[dict[str, _Fact]]):
    pass


def read_fvqa(source: SourceFolder, wanted: Wanted) -> Content:
    """One of FVQA's five splits by photos, `split-0` to `split-4`: train and test."""
    faults: list[Fault] = []
    path = source.need(QUESTIONS, "FVQA's questions")
    number = wanted.variant.removeprefix("split-")
    photos = {}
    for split in wanted.splits:
        listed = source.need(f"{split}_list_{number}.txt", f"the photos of {split} in FVQA's split {number}")
        photos[split] = frozenset(lines_of(listed))
    if len(photos) > 1 and (both := sorted(photos["train"] & photos["test"])):
        found = f"{len(both):,} photos in both, for instance {both[0]}"
        faults.append(Fault(f"train_list_{number}.txt", 0, "", found, f"other photos than test_list_{number}.txt"))
    read = read_whole(path, _Questions, faults, "FVQA's questions by id")
    questions = {} if read is None else read.root
    asked = frozenset(fact for one in questions.values() for fact in one.fact)
    entries = None
    if wanted.articles:
        entries = _facts(source.need(FACTS, "FVQA's facts"), faults)
    splits = {s: _split(path, questions, some, wanted.articles, faults) for s, some in photos.items()}
    return Content(splits, faults, entries, asked)


def _split(
    path: Path, questions: Mapping[str, _Question], photos: frozenset[str], articles: bool, faults: list[Fault]
) -> Iterator[ExampleLine]:
    for key, one in questions.items():
        if one.img_file not in photos:
            continue
        yield from made(
            ExampleLine,
            faults,
            path.name,
            id=key,
            images=[one.img_file],
            question=one.question.strip(),
            kind="answers",
            answers=once([one.answer]),
            entries=once(one.fact) if articles else [],
            groups=once(f"{name}:{value}" if value else "" for name, value in _groups(one).items()),
            meta={"fact_surface": one.fact_surface, "facts": one.fact},
        )


def _groups(one: _Question) -> dict[str, str]:
    names = {"ans_source": one.ans_source, "kb_source": one.kb_source, "visual_concept": one.visual_concept}
    return {name: value.strip("' ") for name, value in names.items()}


def _facts(path: Path, faults: list[Fault]) -> Iterator[EntryLine]:
    read = read_whole(path, _Facts, faults, "FVQA's facts by id")
    for key, fact in ({} if read is None else read.root).items():
        yield from made(
            EntryLine,
            faults,
            path.name,
            id=key,
            title=fact.e1_label or key,
            text=fact.surface.replace("[[", "").replace("]]", "") or f"{fact.e1_label} {fact.r} {fact.e2_label}",
            facts=[(fact.r or "related to", fact.e2_label)],
            source=f"FVQA, {fact.KB}" if fact.KB else "FVQA",
        )
