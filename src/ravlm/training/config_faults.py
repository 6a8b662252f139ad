"""Settings read from TOML, and what is told where they are refused: every fault, where it is and what is allowed."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import Tag
from pydantic_core import ErrorDetails

from ravlm.errors import ConfigError, PathError
from ravlm.model.settings import Settings


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file says.

    Raises:
        PathError: there is no such file.
        ConfigError: it is not TOML.
    """
    if not path.is_file():
        raise PathError(f"There is no configuration file {path}. Leave it out to train with the defaults.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}. See configs/ for examples.") from error


def seeded(values: Mapping[str, Any], seed: int | None) -> dict[str, Any]:
    """The values with another seed, where one is given and the table `training` can hold it."""
    training = values.get("training", {})
    if seed is None or not isinstance(training, dict):
        return dict(values)
    return {**values, "training": {**training, "seed": seed}}


def refused(path: Path | None, faults: Sequence[str]) -> ConfigError:
    """The error that tells these faults, one a line."""
    count = f"{len(faults)} fault{'s' * (len(faults) != 1)}"
    return ConfigError("\n".join([f"{path or 'The configuration'} has {count}:", *faults]))


def told(root: type[Settings], fault: ErrorDetails) -> str:
    """A fault: where, what is wrong, what was found, and what is allowed and nearest where a name is not known.

    `root` is the class of the whole file's settings.
    """
    where, _ = _walk(root, fault["loc"])
    place = f"  {'.'.join(where) or 'file'}"
    if fault["type"] == "union_tag_invalid":
        kinds = fault["ctx"]["expected_tags"].replace("'", "").split(", ")
        named = fault["ctx"]["discriminator"].strip("'_()").rpartition("_")[2]
        tag = fault["ctx"]["tag"]
        return f"{place}.{named}: there is no {named} {tag!r}, only {', '.join(kinds)}{_nearest(tag, kinds)}"
    if fault["type"] == "literal_error":
        choices = re.findall(r"'([^']+)'", fault["ctx"]["expected"])
        found = fault["input"]
        return f"{place}: found {found!r}, expected one of {', '.join(choices)}{_nearest(found, choices)}"
    if fault["type"] != "extra_forbidden":
        found = "" if isinstance(fault["input"], dict) else f", found {fault['input']!r}"
        return f"{place}: {fault['msg'].removeprefix('Value error, ')}{found}"
    _, settings = _walk(root, fault["loc"][:-1])
    names = list(getattr(settings, "model_fields", {}))
    return f"{place}: there is no such setting here, only {', '.join(names)}{_nearest(where[-1], names)}"


def _nearest(name: object, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1) if isinstance(name, str) else []
    return f"; did you mean {near[0]!r}?" if near else ""


def _walk(root: type[Settings], loc: Sequence[int | str]) -> tuple[list[str], Any]:
    """A place as it stands in the file, and the class of settings there; a part's kind stands in no file."""
    here: Any = root
    where: list[str] = []
    for part in map(str, loc):
        kinds = _kinds(here)
        if kinds:
            here = kinds.get(part)
            continue
        where.append(part)
        field = getattr(here, "model_fields", {}).get(part)
        here = None if field is None else field.annotation
    return where, here


def _kinds(annotation: Any) -> dict[str, Any]:
    """The classes of a union by their tags; nothing where it is none."""
    found: dict[str, Any] = {}
    for member in get_args(annotation):
        tags = [extra.tag for extra in get_args(member)[1:] if isinstance(extra, Tag)]
        found |= {tag: get_args(member)[0] for tag in tags} or _kinds(member)
    return found
