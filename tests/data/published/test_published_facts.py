"""The table of published facts: consistent in itself, the same in the document and on the command line."""

import re

import pytest

from documents import ROOT
from ravlm.cli.published import ARTICLES, NAMES, PICTURES
from ravlm.data.published import pictures, write
from ravlm.data.published.benchmarks import BENCHMARKS, splits_of, variants_of
from ravlm.data.published.facts import PUBLISHED, Facts
from ravlm.lines import SPLITS

DOCUMENT = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
EVERY = [(name, variant) for name, variants in PUBLISHED.items() for variant in variants]


def row(name: str, variant: str, facts: Facts) -> str:
    """A benchmark's line of the document's table."""
    parts = [f"{s}: {', '.join(f'{n:,} {w}' for w, n in counts.items())}" for s, counts in facts.splits.items()]
    parts += [f"in all: {', '.join(f'{n:,} {w}' for w, n in facts.whole.items())}"] if facts.whole else []
    parts += [f"without answers: {', '.join(f'{n:,} {s}' for s, n in facts.unanswered.items())}"] * bool(
        facts.unanswered
    )
    parts += [f"SHA-256 of `{file}`" for file in facts.checksums]
    return f"| `{f'{name} {variant}'.strip()}` | {'; '.join(parts)} | {facts.source} |"


def test_the_document_has_the_table() -> None:
    found = re.search(r"<!-- published -->\n(.*?)<!-- end -->", DOCUMENT, re.DOTALL)
    assert found is not None
    rows = [row(name, variant, PUBLISHED[name][variant]) for name, variant in EVERY if variant not in SAME]
    assert found[1].splitlines() == ["| benchmark | published | source |", "|---|---|---|", *rows]


SAME = {f"split-{number}" for number in range(1, 5)}
"""Variants of FVQA with the facts of the first."""


def test_the_command_line_has_the_same_names() -> None:
    assert tuple(BENCHMARKS) == NAMES
    assert set(PUBLISHED) == set(NAMES) - {"image-folder"}
    assert (pictures.PICTURES, write.ARTICLES) == (PICTURES, ARTICLES)
    assert [f"| `{name}` | " in DOCUMENT for name in NAMES] == [True] * len(NAMES)


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_facts_fit_the_reader(name: str, variant: str) -> None:
    facts = PUBLISHED[name][variant]
    assert set(facts.splits) <= set(splits_of(name, variant)) <= set(SPLITS)
    assert set(facts.unanswered).isdisjoint(splits_of(name, variant))
    assert not variant or variant in variants_of(name)
    assert all(re.fullmatch("[0-9a-f]{64}", checksum) for checksum in facts.checksums.values())
    for counts in facts.splits.values():
        if facts.annotators and "answers" in counts:
            assert counts["answers"] == facts.annotators * counts["questions"]
    for what, number in facts.whole.items():
        parts = [counts[what] for counts in facts.splits.values() if what in counts]
        assert not parts or len(parts) < len(facts.splits) or sum(parts) == number


def test_two_releases_hold_the_same_captions() -> None:
    for what in ("pictures", "captions"):
        totals = [sum(s[what] for s in PUBLISHED["coco-captions"][y].splits.values()) for y in ("2017", "2014")]
        assert totals[0] == totals[1]
    karpathy = PUBLISHED["coco-captions"]["karpathy"].splits
    assert sum(s["pictures"] for s in karpathy.values()) == totals_of_2014()


def totals_of_2014() -> int:
    return sum(s["pictures"] for s in PUBLISHED["coco-captions"]["2014"].splits.values())


def test_parts_of_a_split_are_the_whole() -> None:
    val = PUBLISHED["infoseek"][""].splits["val"]
    assert val["group:unseen_question"] + val["group:unseen_entity"] == val["questions"]
    test = PUBLISHED["evqa"][""].splits["test"]
    assert sum(number for what, number in test.items() if what.startswith("rows:")) == test["rows"]
    aokvqa = PUBLISHED["aokvqa"][""]
    assert sum(s["questions"] for s in aokvqa.splits.values()) + aokvqa.unanswered["test"] == 24_903
