"""`ravlm ask`: one question about one picture, answered with what the answer stands on."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ravlm.cli.console import emit_json, examples, say, warn

if TYPE_CHECKING:
    from ravlm.answering.answerer import Answerer
    from ravlm.records import Wanted

EPILOG = examples(
    'ravlm ask model photo.jpg "What is the capital of this country?"',
    'ravlm ask model photo.jpg "这个国家的首都是哪里？" --json',
    'ravlm ask model photo.jpg "Which one is the capital?" --choice Lima --choice Quito',
    'ravlm ask model photo.jpg "What is the capital of this country?" --explain --heat-map why.png',
    "ravlm ask model photo.jpg --language zh",
)


def ask(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model's folder.")],
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A JPEG, PNG, WebP or GIF file.")],
    question: Annotated[
        str | None,
        typer.Argument(metavar="QUESTION", help="In quotes. Without it, a model that learnt captions describes."),
    ] = None,
    *,
    language: Annotated[
        str | None, typer.Option(help="The question's language; else zh or en, as it looks, and en without a question.")
    ] = None,
    choice: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Answer with one of these; repeat it for each.")
    ] = None,
    number: Annotated[bool, typer.Option("--number", help="Answer with a number.")] = False,
    unit: Annotated[str | None, typer.Option(help="The number's unit.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what the answer stands on: what is left of it without each part.")
    ] = False,
    heat_map: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="A new picture: which regions the answer stands on. With --explain."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Answer a question about a picture, or describe it, from the newest version of the model's knowledge base."""
    from ravlm.cli.answers import answer_lines
    from ravlm.cli.explanations import as_json_object, check_heat_map, tell_explanation, write_heat_map
    from ravlm.cli.extras import require_models
    from ravlm.safe.images import read_image

    if heat_map is not None:
        check_heat_map(heat_map, explain=explain)
    require_models()
    from ravlm.answering.answerer import Answerer, check_question

    if question is not None:
        check_question(question)
    wanted = wanted_of(choice or [], number=number, unit=unit)
    picture = read_image(image)
    answerer = Answerer.open(model)
    explanation = answerer.explain(picture, question, language, wanted=wanted) if explain else None
    answer = explanation.answer if explanation else answerer.ask(picture, question, language, wanted=wanted)
    _keep_index(answerer, model)
    if explanation is not None and heat_map is not None:
        write_heat_map(heat_map, picture, explanation)
    if answer.behind:
        warn(f"The knowledge base has changed since: this is of version {answer.version}. Ask again.")
    if as_json:
        explained = {} if explanation is None else {"explanation": as_json_object(explanation)}
        emit_json(asdict(answer) | explained)
        return
    lines = answer_lines(
        answer.text,
        answer.confidence,
        abstained=answer.abstained,
        citations=[asdict(citation) for citation in answer.citations],
        interval=answer.interval,
        weights=answer.weights,
        alternatives=answer.alternatives,
    )
    for line in lines:
        say(line)
    if explanation is not None:
        tell_explanation(explanation)
    if heat_map is not None:
        say(f"Wrote {heat_map}: the regions that the answer stands on.")


def wanted_of(choices: list[str], *, number: bool, unit: str | None) -> "Wanted":
    """The type of the answer, as it was asked for.

    Raises:
        QuestionError: the options contradict each other, or there is one choice alone, twice the same, or an empty one.
    """
    from ravlm.errors import QuestionError
    from ravlm.grading import normalise
    from ravlm.heads.wanted import key_of
    from ravlm.records import Wanted

    if choices and (number or unit is not None):
        raise QuestionError(
            "--choice gives the answers to choose from; --number and --unit ask for any number. Leave one out."
        )
    given = Wanted(choices=tuple(choice.strip() for choice in choices))
    said = {key_of(given, choice) for choice in given.choices if normalise(choice)}
    if choices and len(said) < max(len(choices), 2):
        raise QuestionError(
            f"--choice was given {choices}: give two or more different answers, each with its own --choice."
        )
    return Wanted(number=number or unit is not None, unit=unit, choices=given.choices)


def _keep_index(answerer: "Answerer", model: Path) -> None:
    """Keep the keys of pictures that are new in the base for the next question; a read-only folder is no error."""
    from ravlm.errors import PathError
    from ravlm.model.folder import INDEX
    from ravlm.retrieval.image import ImageIndex

    kept = ImageIndex.load(model / INDEX)
    if kept is None or kept.stamp.knowledge != answerer.knowledge.fingerprint:
        with suppress(PathError, OSError):
            answerer.save_index()
