"""Whether a run is whole and true: everything in it that can be worked out of the rest is worked out again."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ravlm.errors import FormatError, PathError
from ravlm.evaluation.attribution.causes import outcome_of
from ravlm.evaluation.attribution.stating import support
from ravlm.evaluation.ranking import MEASURES
from ravlm.evaluation.runs.columns import from_columns, to_columns
from ravlm.evaluation.runs.consistency import line_faults
from ravlm.evaluation.runs.folder import (
    ENTRIES_QRELS,
    ENTRIES_RUN,
    RUN,
    SUMMARY,
    Run,
    answers_file,
    checksum,
    read_json,
    read_run,
    read_summary,
)
from ravlm.evaluation.runs.records import Outcome
from ravlm.evaluation.runs.scores import ALL, relations_of, scores_of
from ravlm.evaluation.runs.write import found_entries, right_entries, summary_about
from ravlm.optional import require
from ravlm.records import Passage
from ravlm.retrieval.interchange.trec import read_qrels, strictly_falling
from ravlm.retrieval.interchange.trec import read_run as read_trec

_EXACT = 1e-9  # between a score that is stated and one that is worked out
_SHOWN = 80  # characters of a value
Faults = Iterator[str]


def verify(folder: Path) -> list[str]:
    """Every fault of a run's folder, one a line; nothing where everything fits.

    Checksums come first, and then what they can't tell, for whoever changes a file may change its checksum: answers
    are graded again, what each kind of evidence read and cited looked up, support, causes and outcomes worked out, the
    TREC files compared with the answers and scored by ir_measures, the summary made anew. What can't be found so, an
    answer or a fingerprint changed together with all that follows from it, a replay finds: see `replay`.

    Raises:
        PathError: there is no run in the folder.
        FormatError: `run.json` is of another format.
        MissingExtra: ir_measures is not installed.
    """
    if not (folder / RUN).is_file():
        read_run(folder)  # says what is there instead
    about = read_json(folder / RUN, "a run")
    faults = [*_files(folder, about)]
    try:
        run = read_run(folder)
    except (FormatError, PathError) as error:
        return [*faults, str(error)]
    for check in (_about, _questions, _support, line_faults, _outcomes):
        faults += check(run)
    faults += _trec(folder, run)
    return [*faults, *_summary(folder, run)]


def quick_faults(folder: Path) -> list[str]:
    """The faults that checksums tell, and those of the summary alone; in a second or two. Errors: as `verify`."""
    about = read_json(folder / RUN, "a run")
    faults = [*_files(folder, about)]
    if read_summary(folder / SUMMARY)["run"] != checksum(folder / RUN):
        faults.append(f"{SUMMARY}: it is not of this {RUN}")
    return [*faults, *verify_summary(folder / SUMMARY)]


def verify_summary(path: Path) -> list[str]:
    """Every fault of a summary alone: the scores that don't follow from its columns.

    Raises:
        PathError: there is no such file.
        FormatError: it is none of this release, or its columns are damaged.
    """
    summary = read_summary(path)
    outcomes, about = from_columns(summary["columns"]), summary["about"]
    faults = [f"question {outcome.id}: {fault}" for outcome in outcomes for fault in _contradictions(outcome)]
    if about["dataset"]["questions"] != len(outcomes):
        faults.append(f"{len(outcomes):,} questions in columns, {about['dataset']['questions']:,} asked")
    found = scores_of(outcomes, summary["relations"], about["seeds"]["bootstrap"])
    return [f"{path.name}: {fault}" for fault in (*faults, *differences(summary["scores"], found))]


def _contradictions(outcome: Outcome) -> Faults:
    """What an outcome says against itself."""
    right = outcome.right.get("retrieved")
    if right is not None and right is not (outcome.cause in ("", "luck")):
        yield f"its cause is {outcome.cause!r}, and it is {_judged(right)}"
    if outcome.cause == "" and right and outcome.same.get("removed"):
        yield "it is said to stand on its evidence, and stays the same without"
    for kind, is_right in outcome.right.items():
        if outcome.unit is not None and is_right is not (outcome.error.get(kind) == 0):
            yield f"its number from {kind!r} is off by {outcome.error.get(kind)}, and it is {_judged(is_right)}"
    substring, words = outcome.passage_rank
    if words and not 1 <= substring <= words:
        yield "a passage that states an answer in whole words does not hold it"
    if len(outcome.gold_ranks) > outcome.gold or sorted(set(outcome.gold_ranks)) != list(outcome.gold_ranks):
        yield "the places of its right entries can't be"


def _judged(right: bool) -> str:
    return "right" if right else "wrong"


def differences(told: Any, found: Any, where: str = "scores") -> Faults:
    """Where two values of JSON differ; numbers by more than 1e-9."""
    if isinstance(told, Mapping) and isinstance(found, Mapping):
        for name in dict.fromkeys([*told, *found]):
            inner = f"{where}.{name}"
            if name not in told or name not in found:
                yield f"{inner}: {'stated, but does not follow' if name in told else 'missing'}"
            else:
                yield from differences(told[name], found[name], inner)
    elif _listed(told) and _listed(found) and len(told) == len(found):
        for place, (one, other) in enumerate(zip(told, found, strict=True)):
            yield from differences(one, other, f"{where}[{place}]")
    elif not _same(told, found):
        yield f"{where}: {_short(told)} is stated, {_short(found)} follows"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _listed(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _same(told: Any, found: Any) -> bool:
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (told, found))
    if numbers:
        return bool(told == found or abs(told - found) <= _EXACT)  # a number of JSON may be too large for a float
    return type(told) is type(found) and bool(told == found)


def _files(folder: Path, about: Mapping[str, Any]) -> Faults:
    """Files that are missing, changed or not of the run."""
    told = about.get("files")
    if not isinstance(told, dict):
        yield f"{RUN}: it lists no files"
        return
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {RUN, SUMMARY}
    for name in sorted(there | set(told)):
        if name not in there:
            yield f"{name}: listed in {RUN}, but missing"
        elif name not in told:
            yield f"{name}: not listed in {RUN}"
        elif checksum(folder / name) != told[name]:
            yield f"{name}: its SHA-256 is not the one in {RUN}"


def _about(run: Run) -> Faults:
    """What `run.json` says against itself and the lines."""
    told = {
        "evidence": (run.about["evidence"], list(run.answers)),
        "dataset.questions": (run.about["dataset"]["questions"], len(run.questions)),
        "index.knowledge": (run.about["index"]["knowledge"], run.about["knowledge"]["fingerprint"]),
        "index.encoder": (run.about["index"]["encoder"], run.about["encoders"]["visual"]),
        "seeds.training": (run.about["seeds"]["training"], run.about["model"]["training"].get("seed")),
    }
    for name, (stated, found) in told.items():
        if stated != found:
            yield f"{RUN}: {name}: {_short(stated)} is stated, {_short(found)} follows"


def _questions(run: Run) -> Faults:
    """Whether each file has an answer for each question, in their order."""
    ids = [asked.example.id for asked in run.questions]
    if len(set(ids)) < len(ids):
        yield "questions.jsonl: an id stands twice"
    for kind, answers in run.answers.items():
        if [answer.id for answer in answers] != ids:
            yield f"{answers_file(kind)}: its answers are not those to the questions, in their order"
    if [outcome.id for outcome in run.outcomes] != ids:
        yield "outcomes.jsonl: its lines are not those of the questions, in their order"


def _support(run: Run) -> Faults:
    """Whether the support follows from the passages' texts."""
    of_entry: dict[str, list[Passage]] = {}
    by_id: dict[str | None, Passage] = {}
    for name, line in run.passages.items():
        entry_id, _, ordinal = name.rpartition("#")
        if line.entry != entry_id or not ordinal.isdecimal():
            yield f"passages.jsonl: {name}: it is not of entry {line.entry!r}"
            continue
        passage = Passage(name, entry_id, line.section, int(ordinal), (0, len(line.text)), line.text, line.language)
        of_entry.setdefault(entry_id, []).append(passage)
        by_id[name] = passage
    for some in of_entry.values():
        some.sort(key=lambda passage: passage.ordinal)
    found_by = {answer.id: answer for answer in run.answers.get("retrieved", ())}
    for asked in run.questions:
        right = [p for entry_id in asked.example.entries for p in of_entry.get(entry_id, [])]
        if not asked.example.entries:
            if asked.example.id not in found_by:
                continue  # its support was looked for among hits that the run does not have
            read = dict.fromkeys(hit.passage for hit in found_by[asked.example.id].hits)
            right = [by_id[name] for name in read if name in by_id]
        found = support(asked.example, right)
        if tuple(found) != asked.support:
            yield f"questions.jsonl: {asked.example.id}: support {list(asked.support)} is stated, {list(found)} follows"


def _outcomes(run: Run) -> Faults:
    """Whether each outcome follows from question, answers and passages."""
    rows = zip(run.questions, run.outcomes, strict=False)
    for i, (asked, told) in enumerate(rows):
        answers = {kind: lines[i] for kind, lines in run.answers.items() if i < len(lines)}
        try:
            found = outcome_of(asked, answers, run.passages)
        except FormatError:
            continue  # a passage that is not there: told already
        for name in Outcome.__dataclass_fields__:
            if getattr(told, name) != getattr(found, name):
                stated, follows = _short(getattr(told, name)), _short(getattr(found, name))
                yield f"outcomes.jsonl: {told.id}: {name} {stated} is stated, {follows} follows"


def _trec(folder: Path, run: Run) -> Faults:
    """Whether the TREC files are those of the answers, and ir_measures finds the stated scores in them."""
    if "retrieved" not in run.answers:
        return
    try:
        found, judged = list(read_trec(folder / ENTRIES_RUN)), list(read_qrels(folder / ENTRIES_QRELS))
    except (FormatError, PathError) as error:
        yield str(error)
        return
    lines = [
        (query, entry_id, rank, score)
        for query, ranked in found_entries(run.answers["retrieved"])
        for rank, ((entry_id, _), score) in enumerate(
            zip(ranked, strictly_falling([score for _, score in ranked]), strict=True), 1
        )
    ]
    if [(line.query_id, line.doc_id, line.rank, f"{line.score:.6f}") for line in found] != lines:
        yield f"{ENTRIES_RUN}: it is not what the answers from what was retrieved say"
    if judged != right_entries(run.questions):
        yield f"{ENTRIES_QRELS}: it is not what the questions say"
    ir_measures = require("ir_measures", "evaluation")
    measures = [ir_measures.parse_measure(name) for name in MEASURES]
    for measure, value in (ir_measures.calc_aggregate(measures, judged, found) if judged else {}).items():
        try:
            stated = run.summary["scores"]["groups"][ALL]["retrieval"][str(measure)]["value"]
        except (KeyError, TypeError):
            stated = None
        if not _same(stated, value):
            yield f"{SUMMARY}: {measure}: {_short(stated)} is stated, ir_measures finds {value!r} in the TREC files"


def _summary(folder: Path, run: Run) -> Faults:
    """Whether the summary is that of this run."""
    relations = relations_of(run.questions)
    found = {
        "run": checksum(folder / RUN),
        "about": summary_about(run.about),
        "columns": to_columns(run.outcomes),
        "relations": relations,
        "scores": scores_of(run.outcomes, relations, run.about["seeds"]["bootstrap"]),
    }
    for name, part in found.items():
        yield from (f"{SUMMARY}: {fault}" for fault in differences(run.summary[name], part, name))
