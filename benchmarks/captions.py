"""Captions of emoji, in English and Chinese, with the captions of similar pictures and without any.

    OMP_NUM_THREADS=1 python benchmarks/captions.py [SOURCE] [--work DIR]

SOURCE is the folder of emoji that `ravlm dataset make emoji` takes. The model of configs/captions.toml describes the
drawings of the test split. Beside it stand two captions that nobody wrote: the commonest of training, and the name of
the entry that was found first. The scores are those of `ravlm score caption`: see caption_scores.py.

Writes benchmarks/results/runs/captions-emoji.json (the summary of the run), benchmarks/results/captions.json (its
scores, and some captions to look at) and the table of the document. About 20 minutes of one core.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from caption_scores import caption_scores, tokeniser_of
from emoji import FOLDER
from ravlm.data.dataset import Dataset
from ravlm.evaluation.bootstrap import clustered_score
from ravlm.evaluation.runs.folder import Run, read_run
from ravlm.grading import is_right
from ravlm.records import Example
from results_file import measured_with, write
from results_tables import captions_table
from run_summaries import made_run, ravlm
from tables import rewrite_documents

CONFIG = Path(__file__).parents[1] / "configs" / "captions.toml"
LANGUAGES, SEEN = ("en", "zh"), ("seen", "unseen")
COMMONEST, NEAREST, NONE, RETRIEVED = "commonest", "nearest", "no evidence", "retrieved"
_KINDS = {COMMONEST: "prior", NONE: "none", RETRIEVED: "retrieved"}
COMPARED = ("ROUGE-L", "CIDEr")
_LOOKED = 20  # captions that are kept to be looked at


def names_of(examples: Sequence[Example]) -> dict[tuple[str, str], str]:
    """The name of each entry in each language, as the captions of training have it."""
    return {(entry, example.language): example.answers[0] for example in examples for entry in example.entries}


def captions_of(run: Run, names: Mapping[tuple[str, str], str]) -> dict[str, list[str]]:
    """The captions of all examples of a run, by who wrote them."""
    told = {name: [line.answer for line in run.answers[kind]] for name, kind in _KINDS.items()}  # type: ignore[index]
    found = zip(run.questions, run.answers["retrieved"], strict=True)
    told[NEAREST] = [names.get((line.ranked[0][0], asked.example.language), "") for asked, line in found]
    return told


def results_of(run: Run, names: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """The scores of each writer, by group and language; how often the own entry came first; captions to look at."""
    captions, examples = captions_of(run, names), [asked.example for asked in run.questions]
    groups: dict[str, Any] = {}
    for seen in SEEN:
        for language in LANGUAGES:
            rows = [i for i, example in enumerate(examples) if f"{seen}:{language}" in example.groups]
            some = [examples[i] for i in rows]
            scores = {
                name: _scores(some, [captions[name][i] for i in rows], language)
                for name in (COMMONEST, NEAREST, NONE, RETRIEVED)
            }
            groups[f"{seen}:{language}"] = {
                "n": len(rows),
                "R@1": _found_first(run, rows) if seen == "seen" else None,
                "by": {name: overall for name, (overall, _) in scores.items()},
                "better than": {name: _better(scores[RETRIEVED][1], scores[name][1]) for name in (NEAREST, NONE)},
            }
    return {
        "tokenisers": {language: tokeniser_of(language) for language in LANGUAGES},
        "groups": groups,
        "looked at": {group: _to_look_at(examples, captions, group) for group in ("unseen:en", "unseen:zh")},
    }


def _found_first(run: Run, rows: Sequence[int]) -> float:
    first = [run.answers["retrieved"][i].ranked[0][0] in run.questions[i].example.entries for i in rows]
    return sum(first) / len(first)


def _scores(
    examples: Sequence[Example], captions: Sequence[str], language: str
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """The scores of all captions, and those of each."""
    right = [is_right(example, caption) for example, caption in zip(examples, captions, strict=True)]
    overall, each = caption_scores(captions, [example.answers for example in examples], tokeniser_of(language))
    return overall | {"exact": sum(right) / len(right)}, each


def _better(ours: Mapping[str, Sequence[float]], others: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """By how much the captions' own scores are better, of the measures that are means of these; with intervals."""
    told = {}
    for measure in COMPARED:
        gains = [a - b for a, b in zip(ours[measure], others[measure], strict=True)]
        told[measure] = clustered_score(gains, range(len(gains))).as_json()
    return told


def _to_look_at(examples: Sequence[Example], captions: Mapping[str, Sequence[str]], group: str) -> list[dict[str, str]]:
    """Every so-many-th example of a group, with all captions."""
    rows = [i for i, example in enumerate(examples) if group in example.groups]
    chosen = rows[:: max(len(rows) // _LOOKED, 1)][:_LOOKED]
    return [
        {"reference": examples[i].answers[0], **{name: captions[name][i] for name in (NEAREST, NONE, RETRIEVED)}}
        for i in chosen
    ]


def main() -> None:
    """Train, evaluate, score, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="keep dataset, model and run here; else they are deleted")
    asked = parser.parse_args()
    if not (asked.source / "cldr").is_dir():
        print(f"Skipped: the emoji are not in {asked.source} (no cldr).")
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = (asked.work or Path(temporary)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        data, here = work / "emoji", work / "captions"
        if not data.exists():
            ravlm("dataset", "make", "emoji", asked.source, "--out", data)
        run = made_run(here, "captions-emoji", CONFIG, data, list(_KINDS.values()), seed=asked.seed)
        names = names_of(Dataset.open(data).split("train"))
        results = {"measured_with": measured_with(), **results_of(read_run(run), names)}
    path = write("captions.json", results)
    rewrite_documents()
    print(f"\n{captions_table(results, 'en')}\n\nWrote {path}.")


if __name__ == "__main__":
    main()
