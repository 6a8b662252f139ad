"""`ravlm encode`: pictures or texts become vectors."""

import time
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravlm.cli.console import counted, duration, emit_json, examples, progress, say, warn
from ravlm.cli.encode_source import open_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ravlm.cli.encode_source import Source
    from ravlm.encoders.choose import Side
    from ravlm.encoders.features.cache import Features
    from ravlm.encoders.features.extract import Extractor
    from ravlm.errors import ImageError

_LEAST_LENGTH = 1e-12  # a shorter vector stays as it is, nearly
_SIDES: "Mapping[str, Side]" = {"image": "visual", "text": "language"}
EPILOG = examples(
    "ravlm encode timm/resnet50.a1_in1k photos --out photos.parquet",
    "ravlm encode ./siglip photos --out photos.npy --normalize --cache cache",
    "ravlm encode sentence-transformers/all-MiniLM-L6-v2 corpus.jsonl --out corpus.parquet",
    "ravlm encode model questions.txt --out questions.parquet --tokens",
)


def encode(
    encoder: Annotated[
        str, typer.Argument(metavar="ENCODER", help="A name on the hub, an encoder's folder, or a model's folder.")
    ],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A folder of pictures, with those in its folders; one picture; a .txt file, one text a line, empty "
            "ones too; or a .jsonl file with `_id` and `text`.",
        ),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="A new file: .parquet, or .npy with the ids beside it in NAME.ids.txt, one a line."
        ),
    ],
    tokens: Annotated[bool, typer.Option("--tokens", help="Write the tokens too (.parquet).")] = False,
    normalize: Annotated[bool, typer.Option("--normalize", help="Make each vector's length 1.")] = False,
    views: Annotated[int, typer.Option(min=1, help="Views of each picture: itself, then random crops of it.")] = 1,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Leave out pictures that can't be decoded, and list them at the end.")
    ] = False,
    layer: Annotated[
        int | None, typer.Option(help="The layer that tokens are taken after, from 0; -1 is the end.")
    ] = None,
    pooling: Annotated[str | None, typer.Option(help="How tokens become one vector: class, mean, max, last.")] = (None),
    revision: Annotated[
        str | None, typer.Option(help="The hub's branch, tag or commit; without it, the newest.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="float32, bfloat16, or auto: bfloat16 where the processor is quicker in it.")
    ] = "auto",
    batch: Annotated[int | None, typer.Option(min=1, help="How many go through at once, at most.")] = None,
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep what is computed here, and take what is there.")
    ] = None,
    cache_limit: Annotated[float, typer.Option(min=0.001, help="GB that the cache may take on the disk.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Turn pictures or texts into vectors, one row each, in the order of their names or lines.

    Which of them SOURCE holds decides which side of a joint encoder, or of a model, is used.
    """
    from ravlm import __version__
    from ravlm.cli.extras import require_models
    from ravlm.cli.vectors import check_out, ids_path
    from ravlm.errors import ConfigError, UnknownChoice

    check_out(out, tokens=tokens)
    read = open_source(source)
    if read.kind == "text" and (views > 1 or skip_damaged):
        raise ConfigError(f"{source} holds texts, and --views and --skip-damaged are for pictures. Leave them out.")
    require_models()
    from ravlm.device import PRECISIONS
    from ravlm.encoders.features.cache import FeatureCache
    from ravlm.encoders.features.extract import Extractor

    if precision not in PRECISIONS:
        raise UnknownChoice("precision", precision, PRECISIONS)
    options = {name: value for name, value in (("layer", layer), ("pooling", pooling)) if value is not None}
    side = _side(encoder, read.kind, revision, options)
    kept = None if cache is None else FeatureCache(cache, limit=int(cache_limit * 1e9))
    extractor = Extractor(side, precision=precision, batch=batch, cache=kept, views=views)
    about = {
        "encoder": encoder,
        "revision": getattr(side, "revision", None) or "",
        "fingerprint": extractor.fingerprint,
        "precision": extractor.precision,
        "ravlm": __version__,
    }
    damaged: dict[int, str] = {}
    stream = _stream(extractor, read, tokens, damaged if skip_damaged else None)
    warn(f"Encoding with {encoder} on {extractor.plan}.")
    began = time.monotonic()
    rows = _write(stream, read, out, about, damaged, views=views, tokens=tokens, normalize=normalize)
    took = time.monotonic() - began
    left_out = {read.ids[number]: message for number, message in damaged.items()}
    if as_json:
        emit_json({"out": str(out), **about, "kind": read.kind, **rows, "seconds": round(took, 2), "damaged": left_out})
        return
    done = len(read.ids) - len(damaged)
    what = counted(done, "picture", "pictures") if read.kind == "image" else counted(done, "text", "texts")
    beside = f" and {ids_path(out)}" if out.suffix.lower() == ".npy" else ""
    say(
        f"Wrote {out}{beside}: {what} as {counted(rows['rows'], 'vector', 'vectors')} of {rows['width']:,} numbers, "
        f"in {duration(took)}, {done / max(took, 1e-9):,.1f} a second."
    )
    if left_out:
        say(f"Left out {counted(len(left_out), 'picture', 'pictures')}:")
        for message in left_out.values():
            say(f"  {message}")


def _side(name: str, kind: str, revision: str | None, options: dict[str, Any]) -> Any:
    """The encoder that fits the source: of a joint one, or of a model's folder, its side."""
    from ravlm.encoders.choose import load_encoder

    side = _SIDES[kind]
    folder = Path(name) / side
    return load_encoder(folder if folder.is_dir() else name, side=side, revision=revision, **options)


def _stream(
    extractor: "Extractor", read: "Source", tokens: bool, damaged: dict[int, str] | None
) -> "Iterator[Features]":
    """The features of a source; damaged pictures are noted where that is wanted, else the first ends the run."""

    def note(number: int, error: "ImageError") -> None:
        if damaged is not None:
            damaged[number] = str(error)

    if read.kind == "image":
        return extractor.images(read.pictures, tokens=tokens, damaged=None if damaged is None else note)
    return extractor.texts(read.texts, tokens=tokens)


def _write(
    stream: "Iterator[Features]",
    read: "Source",
    out: Path,
    about: dict[str, str],
    damaged: dict[int, str],
    *,
    views: int,
    tokens: bool,
    normalize: bool,
) -> dict[str, int]:
    """Write the features with their ids, and say how many rows of what width there are."""
    from ravlm.cli.vectors import writing
    from ravlm.errors import FormatError, ImageError

    views = views if read.kind == "image" else 1
    rows = width = number = 0
    with (
        progress() as report,
        writing(out, views=views > 1, tokens=tokens, about=about) as file,
    ):
        for features in stream:
            while number in damaged:
                number += 1
            vector = features.pooled.numpy()
            if not isfinite(vector.sum()):
                raise FormatError(
                    f"The vector of {read.ids[number]!r} is not finite: the encoder's weights are damaged, or its "
                    "numbers too large for the precision. Nothing is written. Check the weights, or try --precision "
                    "float32."
                )
            if normalize:
                vector = vector / max(float((vector**2).sum() ** 0.5), _LEAST_LENGTH)
            held = None if features.tokens is None else features.tokens.float().numpy()
            file.add(read.ids[number], rows % views, vector, held)
            rows, width = rows + 1, len(vector)
            if rows % views == 0:
                number += 1
            report("encoding", number, len(read.ids))
        if rows == 0:
            raise ImageError(
                f"None of the {len(read.ids):,} pictures can be decoded, the first: {damaged[0]} Nothing is written."
            )
    return {"rows": rows, "width": width}
