"""The command `ravlm`. Exit codes: 0, 1 (a check that failed), 2 (wrong input), 130 (Ctrl-C)."""

import sys
from typing import Annotated

import typer

from ravlm import __version__
from ravlm.cli import ask, dataset, demo, encode, evaluate, index, knowledge, report, score, search, train, verify
from ravlm.cli.console import examples, say, warn
from ravlm.errors import RavlmError

WRONG_INPUT = 2
STOPPED = 130


def _version(wanted: bool) -> None:
    if wanted:
        say(f"ravlm {__version__}")
        raise typer.Exit


def _ravlm(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = (
        False
    ),
) -> None:
    """Answer questions about images from a knowledge base that you own, with citations."""


app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback(
    epilog=examples(
        "ravlm demo --out demo",
        "ravlm dataset make flags --out flags",
        "ravlm train --data flags --out model",
        "ravlm evaluate model --data flags --out run",
        "ravlm verify run",
        "ravlm report run",
        "ravlm score vqa --predictions results.json --references annotations.json",
        'ravlm ask model photo.jpg "What is the capital of this country?"',
        "ravlm knowledge set model country-fr france.md",
        "ravlm encode timm/resnet50.a1_in1k photos --out photos.parquet",
        "ravlm index build plants-kb --encoder openai/clip-vit-base-patch32",
        'ravlm search plants-kb "When do roses flower?" --explain',
    )
)(_ravlm)

# One line a verb, in the order of the help. Verbs import the rooms that they need when they are called.
app.command("demo", epilog=demo.EPILOG)(demo.demo)
app.add_typer(dataset.app, name="dataset")
app.add_typer(knowledge.app, name="knowledge")
app.add_typer(index.app, name="index")
app.command("search", epilog=search.EPILOG)(search.search)
app.command("train", epilog=train.EPILOG)(train.train)
app.command("evaluate", epilog=evaluate.EPILOG)(evaluate.evaluate)
app.command("verify", epilog=verify.EPILOG)(verify.verify)
app.command("report", epilog=report.EPILOG)(report.report)
app.command("score", epilog=score.EPILOG)(score.score)
app.command("ask", epilog=ask.EPILOG)(ask.ask)
app.command("encode", epilog=encode.EPILOG)(encode.encode)


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    try:
        app(prog_name="ravlm")
    except RavlmError as error:
        warn(f"ravlm: {error}")
        sys.exit(WRONG_INPUT)
    except OSError as error:
        warn(f"ravlm: the system refused: {error}. Check the path, its rights and the space on the disk.")
        sys.exit(WRONG_INPUT)
    except SystemExit as stop:
        if stop.code == STOPPED:
            warn("ravlm: stopped by Ctrl-C.")
        raise
