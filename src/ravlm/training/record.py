"""`run.json`: everything that is needed to run a training again, written before it begins, compared when it goes on."""

import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from importlib.metadata import PackageNotFoundError, version
from inspect import signature
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import torch

import ravlm
from ravlm.data.dataset import Dataset
from ravlm.device import Precision, choose_device, device_name, precision_of
from ravlm.encoders.base import Encoder
from ravlm.errors import ConfigError, FormatError, KnowledgeError, PathError, RavlmError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.model.folder import CONFIG, WEIGHTS
from ravlm.model.output_config import GenerationConfig
from ravlm.safe.files import remove_folder, write_text_atomic
from ravlm.safe.hub import fetch
from ravlm.training.checkpoint import has_checkpoint
from ravlm.training.config import RunConfig
from ravlm.training.processes import Share

P = ParamSpec("P")
R = TypeVar("R")

RUN = "run.json"
_DECIDES = ("config", "data", "from", "encoders", "decoder")  # the same when a run goes on, beside the knowledge base
_PACKAGES = ("torch", "numpy", "timm", "transformers", "tokenizers", "safetensors", "pylance", "scikit-learn", "pillow")
_MEANS = ("device", "processes", "code")  # with what a run computes, beside the versions of packages
_DIGITS = 12  # of a fingerprint that are shown


def whole_or_nothing(run: Callable[P, R]) -> Callable[P, R]:
    """A run that fails before its first checkpoint leaves nothing in its folder `out`, where that was free.

    What a person stops stays, and what can be resumed. Of several processes (`share`) the first clears away.
    """
    parameters = signature(run)

    @wraps(run)
    def cleared(*args: P.args, **kwargs: P.kwargs) -> R:
        given = parameters.bind(*args, **kwargs).arguments
        out, first = given["out"], given.get("share", Share()).first
        free = not out.exists() or (out.is_dir() and not any(out.iterdir()))
        try:
            return run(*args, **kwargs)
        except RavlmError:
            if free and first and not has_checkpoint(out):
                remove_folder(out)
            raise

    return cleared


def begin(
    config: RunConfig,
    dataset: Dataset,
    given: KnowledgeBase | None,
    brought: Mapping[str, Encoder],
    start: Path | None,
    out: Path,
    *,
    share: Share,
    resume: bool,
) -> None:
    """Make `out` with its `run.json`, or make sure that the run in it is the one to be resumed.

    Raises:
        PathError: `out` is in the way, or there is nothing to resume.
        ConfigError: the run to resume was begun with other settings, data, encoders or knowledge.
    """
    about = _described(config, dataset, given, brought, start)
    if resume:
        _check_the_same(out, about)
        keep_resumed(out, processes=share.of)
    else:
        write_run(out, about, config.training.precision, processes=share.of)


def write_run(out: Path, about: Mapping[str, Any], precision: str, *, processes: int = 1) -> None:
    """Make `out` with a `run.json`: what a run is about, and with what it computes.

    Raises:
        PathError: there is something in `out`.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        hint = " or go on with --resume" if (out / RUN).is_file() else ""
        raise PathError(f"{out} is not empty, and nothing is written over. Give a new folder with --out{hint}.")
    out.mkdir(parents=True, exist_ok=True)
    computed = {"precision": precision_of(choose_device(), precision), **_computed_with(processes)}
    write_text_atomic(out / RUN, json.dumps({**about, **computed}, indent=1))


def begun_otherwise(out: Path, *, processes: int = 1) -> list[str]:
    """With what else the run in `out` was begun, or went on, than it goes on now: its weights may be others then.

    Of device (with threads), processes, versions and ravlm's own code, those that differ, with what was and what is.

    Raises:
        FormatError: `run.json` is damaged.
    """
    if not (out / RUN).is_file():
        return []
    earlier, now = _means(read_run(out)), _flat(_computed_with(processes))
    lines = []
    for name in sorted({*now, *(name for means in earlier for name in means)}):
        was = list(dict.fromkeys(means.get(name, "none") for means in earlier))
        if was != [now.get(name, "none")]:
            told = f"{name}: {' and '.join(map(str, was))}, now {now.get(name, 'none')}"
            lines.append("ravlm's own code" if name == "code" else told)
    return lines


def keep_resumed(out: Path, *, processes: int = 1) -> None:
    """Write down with what a run goes on, where that is something else than before."""
    about, now = read_run(out), _computed_with(processes)
    if _means(about)[-1] != _flat(now):
        write_text_atomic(out / RUN, json.dumps(about | {"resumed": [*about.get("resumed", []), now]}, indent=1))


def _means(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """With what a run computed, from its beginning and after each resume that changed something, by name."""
    return [_flat(means) for means in (about, *about.get("resumed", []))]


def _flat(means: Mapping[str, Any]) -> dict[str, Any]:
    """What was computed with, by name; a device's name says the threads, where they matter."""
    return {name: means[name] for name in _MEANS} | dict(means["versions"])


def _computed_with(processes: int) -> dict[str, Any]:
    """On what and with which code this process computes."""
    return {
        "device": device_name(choose_device()),
        "threads": torch.get_num_threads(),
        "processes": processes,
        "versions": {"ravlm": ravlm.__version__, "python": platform.python_version()} | _versions(),
        "code": code_fingerprint(),
    }


def run_to_resume(out: Path, *, makes: str) -> dict[str, Any]:
    """What `run.json` says of the run in `out`, which makes a model, or an encoder.

    Raises:
        PathError: there is no run to be resumed.
        FormatError: `run.json` is damaged.
    """
    if not (out / RUN).is_file():
        done = f"It holds a finished {makes}." if (out / CONFIG).is_file() else "No run was begun there."
        raise PathError(f"There is nothing to resume in {out}. {done} Leave out --resume and give a new --out.")
    return read_run(out)


def read_run(out: Path) -> dict[str, Any]:
    """What `run.json` says.

    Raises:
        FormatError: it is damaged.
    """
    try:
        about: dict[str, Any] = json.loads((out / RUN).read_text(encoding="utf-8"))
        precision_of(choose_device(), about["precision"])
        _means(about)
        return about
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{out / RUN} can't be read. Train anew into another folder.") from error


def settle_base(out: Path, base: KnowledgeBase) -> None:
    """Write down which base a run stands on, once; later it must be that one.

    Raises:
        KnowledgeError: it is another by now.
    """
    about = read_run(out)
    if "base" not in about:
        write_text_atomic(out / RUN, json.dumps(about | {"base": base.fingerprint}, indent=1))
    check_base(out, base)


def check_base(out: Path, base: KnowledgeBase) -> None:
    """Refuse a base that has changed since the run began; what others changed just now is seen.

    Raises:
        KnowledgeError: it has.
    """
    base.refresh()
    begun = read_run(out)["base"]
    if base.fingerprint != begun:
        raise KnowledgeError(
            f"The knowledge base {base.location} changed under the run: it began with {begun[:_DIGITS]}, and now finds "
            f"{base.fingerprint[:_DIGITS]}. Take the change back (`ravlm knowledge rollback`) and go on with --resume, "
            "or train anew into another folder; a finished model may have its base changed at any time."
        )


def kept_with_the_model(out: Path) -> dict[str, Any]:
    """What of `run.json` a finished model keeps: all but the configuration, which stands beside it."""
    return {name: value for name, value in read_run(out).items() if name != "config"}


def code_fingerprint() -> str:
    """SHA-256 over the package's own source files."""
    digest, root = hashlib.sha256(), Path(ravlm.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _described(
    config: RunConfig,
    dataset: Dataset,
    given: KnowledgeBase | None,
    brought: Mapping[str, Encoder],
    start: Path | None,
) -> dict[str, Any]:
    about: dict[str, Any] = {"config": config.model_dump(), "data": dataset.fingerprint()}
    about |= {} if given is None else {"knowledge": given.fingerprint}
    about |= {} if not brought else {"encoders": {side: encoder.fingerprint() for side, encoder in brought.items()}}
    about |= {} if start is None else {"from": hashlib.sha256((start / WEIGHTS).read_bytes()).hexdigest()}
    output = config.model.output
    if isinstance(output, GenerationConfig) and output.decoder is not None:
        about["decoder"] = _folder_fingerprint(fetch(output.decoder, output.revision).folder)
    return about


def changed(before: Mapping[str, Any], now: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    """Of what decides on a run, the keys under which something else stands now than when it was begun."""
    return [key for key in keys if _comparable(before.get(key)) != _comparable(now.get(key))]


def _check_the_same(out: Path, about: Mapping[str, Any]) -> None:
    before = run_to_resume(out, makes="model")
    different = changed(before, about, _DECIDES)
    if different:
        raise ConfigError(
            f"The run in {out} was begun otherwise: not the same now is its {' and '.join(different)}. Resume it "
            "with the same settings, seed, encoders and dataset, or train anew into another folder."
        )
    begun, now = before.get("knowledge"), about.get("knowledge")
    if begun != now:
        was, found = (value[:_DIGITS] if value else "the dataset's own" for value in (begun, now))
        raise ConfigError(
            f"The run in {out} was begun with another knowledge base: it began with {was}, and now finds {found}. "
            "Resume it with the base as it was (`ravlm knowledge rollback` takes changes back), or train anew into "
            "another folder."
        )


def _comparable(value: Any) -> Any:
    """Settings in which a batch cut in parts is the same batch: what fits into memory may differ."""
    if not isinstance(value, dict):
        return value
    value = {name: _comparable(inner) for name, inner in value.items()}
    if {"batch", "accumulate"} <= set(value):
        value["batch"] *= value.pop("accumulate")
    return value


def _folder_fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".json", ".safetensors") and p.is_file()):
        digest.update(f"{path.name}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def precision_in(out: Path) -> Precision:
    """The precision that the run in this folder computes in."""
    kept: Precision = read_run(out)["precision"]
    return kept
