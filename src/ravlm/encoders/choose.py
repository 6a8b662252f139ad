"""Which encoder a folder or a hub name holds; the libraries are imported when one of theirs is met."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from ravlm.encoders.base import CONFIG, SECTION, Encoder, read_config
from ravlm.encoders.faults import named
from ravlm.errors import ConfigError, FormatError, RavlmError
from ravlm.safe.hub import Fetched, fetch

Side = Literal["visual", "language"]
JOINT, ALIGNED = "joint", "aligned"
TWO_TOWERS = (JOINT, ALIGNED)
KINDS: Mapping[str, tuple[str, str]] = {
    "compact-visual": ("compact_visual", "CompactVisualEncoder"),
    "compact-language": ("compact_language", "CompactLanguageEncoder"),
    "timm": ("timm_visual", "TimmVisualEncoder"),
    "transformers-visual": ("transformers_visual", "TransformersVisualEncoder"),
    "transformers-language": ("transformers_language", "TransformersLanguageEncoder"),
    JOINT: ("joint", "JointEncoder"),
    ALIGNED: ("aligned", "AlignedEncoder"),
}
SIDES: Mapping[Side, tuple[str, ...]] = {
    "visual": ("compact-visual", "timm", "transformers-visual"),
    "language": ("compact-language", "transformers-language"),
}


def load_encoder(
    source: str | Path, *, side: Side | None = None, revision: str | None = None, **options: Any
) -> Encoder:
    """The encoder in a folder or under a hub name, whichever library wrote it.

    Folders of `save_pretrained` of this package, timm, transformers and sentence-transformers are read. A joint model
    (CLIP, SigLIP) gives a `JointEncoder`, or with `side` one of its towers; an aligned pair is an `AlignedEncoder`.

    Args:
        source: a folder or a hub name.
        side: what is wanted; another kind of encoder is refused.
        revision: a branch, tag or commit of the hub.
        **options: those of the class found: `layer`, `trainable`, and for some `image_size`, `pooling`, `longest`.

    Raises:
        PathError, HubError: there is no such model here or on the hub.
        FormatError: it is of an unknown format, is damaged, or its weights are pickled.
        ConfigError: it is of the other side, or an option has no such name or does not fit.
    """
    found, fetched = _found(source, side, revision)
    return found.from_fetched(fetched, str(source), **options)


def encoder_faults(
    source: str | Path, *, side: Side | None = None, revision: str | None = None, **options: Any
) -> list[str]:
    """All that `load_encoder` would refuse when it is called with the same, found without loading any weights."""
    try:
        found, fetched = _found(source, side, revision)
        return found.faults(fetched, **options)
    except RavlmError as error:
        return [f"  {error}"]


def _found(source: str | Path, side: Side | None, revision: str | None) -> tuple[type[Encoder], Fetched]:
    """The class of the encoder that is asked for, and its folder."""
    fetched = fetch(source, revision)
    kind = kind_of(fetched.folder)
    if kind == JOINT and side is not None:
        kind = f"transformers-{side}"
    if side is not None and kind not in SIDES[side]:
        hint = f" Give one of the pair: {Path(source) / side}." if kind == ALIGNED else ""
        raise ConfigError(
            f"{source} holds an encoder of kind {kind!r}, and a {side} one is asked for: "
            f"{', '.join(SIDES[side])} or {JOINT}.{hint}"
        )
    return encoder_class(kind), fetched


def encoder_class(kind: str) -> type[Encoder]:
    """The class of a kind.

    Raises:
        FormatError: there is no such kind.
    """
    faults = named("kind of encoder", kind, list(KINDS))
    if faults:
        raise FormatError(faults[0].strip())
    module, name = KINDS[kind]
    found: type[Encoder] = getattr(import_module(f"ravlm.encoders.{module}"), name)
    return found


def is_aligned(folder: Path) -> bool:
    """Whether a folder holds an aligned pair: it has the two encoders' folders in it, as a model's has."""
    return (folder / CONFIG).is_file() and read_config(folder).get(SECTION, {}).get("kind") == ALIGNED


def kind_of(folder: Path) -> str:
    """The kind of the encoder in a folder.

    Raises:
        PathError: there is no `config.json`.
        FormatError: it is of no library that is known.
    """
    config = read_config(folder)
    if config.get(SECTION):
        return str(config[SECTION].get("kind"))
    if "model_type" in config:
        from ravlm.encoders.transformers_parts import JOINT_TYPES, known_types, model_type

        found = model_type(folder)
        if found in JOINT_TYPES:
            return JOINT
        return "transformers-visual" if found in known_types(visual=True) else "transformers-language"
    if "architecture" in config:
        return "timm"
    raise FormatError(
        f"The config.json in {folder} is of no known library: it has neither a model_type (transformers) nor an "
        "architecture (timm). Give a folder that one of them, or save_pretrained of this package, wrote."
    )
