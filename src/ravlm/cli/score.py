"""`ravlm score`: predictions of any system, by the official measure of their benchmark."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ravlm.cli.console import columns, counted, examples, say, warn

if TYPE_CHECKING:
    from ravlm.evaluation.official.scored import Scored

MEASURES = (
    "vqa",
    "aokvqa",
    "infoseek",
    "evqa",
    "caption",
    "retrieval",
    "calibration",
    "classification",
    "regression",
)
_OPTIONS = {
    "vqa": ("--mode",),
    "infoseek": ("--question-types",),
    "evqa": ("--exact-only", "--bem"),
    "caption": ("--no-meteor", "--clip", "--images"),
}
EPILOG = examples(
    "ravlm score vqa --predictions results.json --references annotations.json --json scores.json",
    "ravlm score vqa --predictions results.json --references annotations.json --mode lmms-eval",
    "ravlm score aokvqa --predictions predictions.json --references aokvqa_v1p0_val.json",
    "ravlm score infoseek --predictions predictions.jsonl --references infoseek_val.jsonl "
    "--question-types infoseek_val_qtype.jsonl",
    "ravlm score evqa --predictions predictions.jsonl --references test.csv --bem bem-folder",
    "ravlm score caption --predictions captions.json --references captions_val2017.json --missing skip",
    "ravlm score retrieval --predictions run.trec --references qrels.txt",
)

_Missing = Literal["refuse", "zero", "skip"]
_Skip = Literal["refuse", "skip"]
_Duplicates = Literal["refuse", "first", "last"]


def score(
    measure: Annotated[str, typer.Argument(metavar="MEASURE", help=f"One of: {', '.join(MEASURES)}.")],
    *,
    predictions: Annotated[Path, typer.Option(metavar="FILE", help="What a system predicted.")],
    references: Annotated[Path, typer.Option(metavar="FILE", help="What is right, as the benchmark is published.")],
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write `overall` and `per_question` there, as JSON."),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(help="vqa: official, or a variant in use: lavis, lmms-eval, lmms-eval-okvqa, substring."),
    ] = None,
    question_types: Annotated[
        Path | None, typer.Option(metavar="FILE", help="infoseek: the type of each question.")
    ] = None,
    exact_only: Annotated[
        bool, typer.Option("--exact-only", help="evqa: exact matches alone, without asking BEM.")
    ] = False,
    bem: Annotated[
        str | None, typer.Option(metavar="MODEL", help="evqa: a folder or a hub name of an answer equivalence model.")
    ] = None,
    no_meteor: Annotated[
        bool, typer.Option("--no-meteor", help="caption: without METEOR, which takes long, also where Java is.")
    ] = False,
    clip: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="caption: a folder or a hub name of a CLIP, for CLIPScore."),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", help="caption: where the pictures are, for CLIPScore.")
    ] = None,
    missing: Annotated[
        _Missing, typer.Option(help="Questions without a prediction: refuse, score zero, or skip.")
    ] = "refuse",
    unknown: Annotated[
        _Skip, typer.Option(help="Predictions for questions that the references lack: refuse or skip.")
    ] = "refuse",
    duplicates: Annotated[
        _Duplicates, typer.Option(help="Several predictions for a question: refuse, keep the first, or the last.")
    ] = "refuse",
    invalid: Annotated[_Skip, typer.Option(help="Records of the wrong form: refuse or skip.")] = "refuse",
) -> None:
    """Score predictions by the official measure of their benchmark, whatever system made them.

    Predictions that don't fit the references are counted, named and refused unless told otherwise; nothing is written
    then.
    """
    from ravlm.errors import DatasetError, UnknownChoice
    from ravlm.evaluation.official.pairing import Leniency
    from ravlm.safe.files import check_writable, write_text_atomic

    if measure not in MEASURES:
        raise UnknownChoice("measure", measure, MEASURES)
    given = {
        "--mode": mode,
        "--question-types": question_types,
        "--exact-only": exact_only,
        "--bem": bem,
        "--no-meteor": no_meteor,
        "--clip": clip,
        "--images": images,
    }
    _check_options(measure, given)
    if json_file is not None:
        check_writable(json_file)
        _check_no_input(json_file, [file for file in (predictions, references, question_types) if file is not None])
    scorer, notes = _scorer(measure, given, references)
    leniency = Leniency(missing=missing, unknown=unknown, duplicates=duplicates, invalid=invalid)
    found = scorer(predictions, references, leniency=leniency).noted(*notes)
    if not found.per_question:
        raise DatasetError(
            f"Nothing was scored: of {predictions} and {references} no question is left that has both an answer and "
            "what is right. Give files that belong together, or let less pass."
        )
    if json_file is not None:
        about = {"measure": measure} | ({"mode": mode or "official"} if measure == "vqa" else {})
        write_text_atomic(json_file, json.dumps(about | found.as_json(), ensure_ascii=False, indent=1) + "\n")
    for note in found.notes:
        warn(f"note: {note}")
    _tell(found)
    if json_file is not None:
        say(f"\nWrote {json_file}.")


def _check_no_input(json_file: Path, inputs: list[Path]) -> None:
    from ravlm.errors import PathError

    for file in inputs:
        if json_file.exists() and file.exists() and json_file.samefile(file):
            raise PathError(f"{json_file} is read by this very command, and --json would write over it. Give another.")


def _check_options(measure: str, given: dict[str, Any]) -> None:
    from ravlm.errors import ConfigError

    for name, value in given.items():
        if value and name not in _OPTIONS.get(measure, ()):
            owner = next(owner for owner, names in _OPTIONS.items() if name in names)
            raise ConfigError(f"{name} is for the measure {owner}, and {measure} was asked for. Leave it out.")
    if given["--exact-only"] and given["--bem"]:
        raise ConfigError("--exact-only asks for no BEM, and --bem names one. Give one of them.")
    if measure == "evqa" and not given["--exact-only"] and not given["--bem"]:
        raise ConfigError(
            "evqa asks BEM where nothing matches exactly. Name its model with --bem, or give --exact-only for exact "
            "matches alone."
        )
    if bool(given["--clip"]) != bool(given["--images"]):
        raise ConfigError("CLIPScore needs both a model and pictures. Give --clip and --images, or neither.")


def _scorer(measure: str, given: dict[str, Any], references: Path) -> "tuple[Callable[..., Scored], tuple[str, ...]]":
    """The function that scores files by the measure, its own options given; and what it leaves out, a note each."""
    if measure == "caption":
        return _caption(given, references)
    return _scorer_of_answers(measure, given), ()


def _scorer_of_answers(measure: str, given: dict[str, Any]) -> "Callable[..., Scored]":
    from ravlm.evaluation.official import plain

    if measure == "vqa":
        from ravlm.evaluation.official.vqa import score_vqa_files

        return partial(score_vqa_files, mode=given["--mode"] or "official")
    if measure == "aokvqa":
        from ravlm.evaluation.official.aokvqa import score_aokvqa_files

        return score_aokvqa_files
    if measure == "infoseek":
        from ravlm.evaluation.official.infoseek import score_infoseek_files

        return partial(score_infoseek_files, question_types=given["--question-types"])
    if measure == "evqa":
        return _evqa(given["--bem"])
    found: dict[str, Callable[..., Scored]] = {
        "retrieval": plain.score_retrieval_files,
        "calibration": plain.score_calibration_files,
        "classification": plain.score_classification_files,
        "regression": plain.score_regression_files,
    }
    return found[measure]


def _evqa(bem: str | None) -> "Callable[..., Scored]":
    from ravlm.evaluation.official.evqa import score_evqa_files

    if bem is None:
        return score_evqa_files
    from ravlm.cli.extras import require_models

    require_models()
    from ravlm.evaluation.official.bem import Bem

    return partial(score_evqa_files, bem=Bem.from_pretrained(bem))


def _caption(given: dict[str, Any], references: Path) -> "tuple[Callable[..., Scored], tuple[str, ...]]":
    from ravlm.evaluation.official.caption import score_caption_files
    from ravlm.evaluation.official.meteor import why_no_meteor

    why = None if given["--no-meteor"] else why_no_meteor()
    scorer = None
    if given["--clip"] is not None:
        from ravlm.cli.extras import require_models

        require_models()
        from ravlm.evaluation.official.clip_score import ClipScorer, pictures_in

        scorer = ClipScorer.from_pretrained(given["--clip"], pictures_in(given["--images"], references))
    with_meteor = why is None and not given["--no-meteor"]
    return partial(score_caption_files, with_meteor=with_meteor, clip=scorer), () if why is None else (why,)


def _tell(found: "Scored") -> None:
    """Print the overall scores, one a line; parts of a group stand below its name."""
    rows = list(_rows(found.overall))
    columns(("score", "value"), rows, right=("value",))
    say(f"\n{counted(len(found.per_question), 'question', 'questions')} scored.")


def _rows(overall: Any, before: str = "") -> Any:
    for name, value in overall.items():
        if isinstance(value, dict):
            yield from _rows(value, f"{before}{name}: ")
        elif not isinstance(value, list):
            shown = "-" if value is None else f"{value:,.4f}" if isinstance(value, float) else str(value)
            yield f"{before}{name}", shown
