"""Wrong names and sizes, all of them, found before any weights are loaded: models are built without memory for it."""

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from ravlm.errors import ConfigError, words_of

_UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")
_NEAR = 3
_FEW = 8  # names that are all told
_SHOWN = 10


def named(what: str, asked: str, allowed: Sequence[str]) -> list[str]:
    """The fault of a name that is not allowed, with the nearest that are; none where it is."""
    if asked in allowed:
        return []
    near = get_close_matches(asked, allowed, n=_NEAR, cutoff=0.5)
    hint = f"There are {', '.join(allowed) if len(allowed) <= _FEW else f'{len(allowed):,}'}."
    hint = f"Nearest: {', '.join(near)}. {hint}" if near else hint
    return [f"  there is no {what} {asked!r}. {hint}"]


def refuse(what: str, faults: Sequence[str]) -> None:
    """Raise all faults at once, where there are any.

    Raises:
        ConfigError: there are.
    """
    if faults:
        raise ConfigError("\n".join([f"{what}:", *faults]))


def building(
    build: Callable[[Mapping[str, Any]], nn.Module], options: Mapping[str, Any], model_class: type[nn.Module] | None
) -> list[str]:
    """What building refuses, one option after the other, until it goes through or fails for another reason."""
    faults: list[str] = []
    left = dict(options)
    while True:
        try:
            with torch.device("meta"):
                build(left)
        except Exception as error:  # a library's own classes check sizes in their own ways
            found = _UNEXPECTED.search(str(error))
            if found is None or found[1] not in left:
                given = ", ".join(f"{name} = {value!r}" for name, value in left.items())
                return [*faults, f"  its sizes don't fit: {words_of(error)}. Given: {given or 'no options'}."]
            del left[found[1]]
            known = (
                [] if model_class is None else [name for name in signature(model_class).parameters if name != "self"]
            )
            faults += named("option", found[1], known)
        else:
            return faults


def option_faults(wrap: Callable[[Mapping[str, Any]], object], options: Mapping[str, Any]) -> list[str]:
    """What an encoder's own options are refused for, one by one, around a model that has no memory for its weights.

    Where each is right, they are tried together. What can't be told without weights is told when they are there.
    """
    faults = _wrapping(wrap, {})
    if faults:
        return faults
    faults = [fault for name, value in options.items() for fault in _wrapping(wrap, {name: value})]
    return faults if faults or len(options) == 1 else _wrapping(wrap, options)


def _wrapping(wrap: Callable[[Mapping[str, Any]], object], options: Mapping[str, Any]) -> list[str]:
    try:
        wrapped: Any = wrap(options)
        with torch.no_grad():
            wrapped.eval()(wrapped.example())
    except ConfigError as error:
        return [f"  {error}"]
    except NotImplementedError:
        return []
    except RuntimeError as error:
        if "meta" in str(error):
            return []
        return [f"  {_given(options)} does not fit: {words_of(error)}"]
    except (ValueError, TypeError, AssertionError, AttributeError, LookupError) as error:  # the library's own words
        return [f"  {_given(options)} does not fit: {words_of(error)}"]
    return []


def _given(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in options.items()) or "a model of this type"


def shape_faults(folder: Path, model: nn.Module) -> list[str]:
    """Where the weights in a folder have other shapes than the model that its configuration describes.

    Only the headers of the files are read. Names that the model does not know are passed over: they are heads of other
    tasks, or the model's own loading renames them.
    """
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    faults = []
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, "pt") as file:
                found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            return [f"  {path.name} is damaged: {error}. Copy the folder again."]
        for name, shape in found.items():
            wanted = expected.get(name) or expected.get(name.partition(".")[2])
            if wanted is not None and wanted != shape:
                faults.append(f"  {path.name}: {name} has shape {shape}, and its configuration says {wanted}.")
    more = [f"  ... and {len(faults) - _SHOWN} more."] if len(faults) > _SHOWN else []
    return faults[:_SHOWN] + more
