"""The one door to the model hub: a name becomes a folder here, its revision pinned. Nothing pickled passes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ravlm.errors import FormatError, HubError, PathError, words_of
from ravlm.optional import require

_FETCHED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
_LEFT = ["onnx/*", "openvino/*", "*.onnx", "original/*"]
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")


@dataclass(frozen=True)
class Fetched:
    """A folder with a model's files; `revision` is the commit that a hub's name led to, None for a folder."""

    folder: Path
    revision: str | None


def fetch(
    source: str | Path,
    revision: str | None = None,
    *,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    token: str | bool | None = None,
    force_download: bool = False,
) -> Fetched:
    """The folder of a model: `source` itself where it is one, else what the hub has under that name.

    Files that the hub gave before are taken from its cache (HF_HOME); HF_HUB_OFFLINE and HF_ENDPOINT are followed.

    Args:
        source: a folder, or a hub name such as `timm/resnet50.a1_in1k`.
        revision: a branch, tag or commit of the hub; without it, the newest.
        cache_dir: where the hub's files are kept, else its own place.
        local_files_only: never ask the hub.
        token: the hub's token for models that are not public.
        force_download: fetch again what is in the cache.

    Raises:
        PathError: it is neither a folder nor a name that the hub could have.
        HubError: the hub can't be reached, or has no such model; the message names the ways without it.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise PathError(
                f"{source} is a folder, and a folder has no revision {revision!r}. Leave the revision out, or give the "
                "model's name on the hub."
            )
        return Fetched(folder, None)
    hub = require("huggingface_hub", "models")
    name = str(source)
    if not _could_be_a_name(name) or folder.exists():
        found = "a file" if folder.exists() else "nothing"
        raise PathError(
            f"There is no model {name!r}: found {found} there, and it is no hub name either (those read `owner/name`). "
            "Give a folder with a config.json, or a hub name."
        )
    try:
        kept = hub.snapshot_download(
            name,
            revision=revision,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            token=token,
            force_download=force_download,
            allow_patterns=_FETCHED,
            ignore_patterns=_LEFT,
        )
    except Exception as error:  # the hub's client lets through whatever its HTTP library raises
        raise _unreachable(name, revision, error) from error
    return Fetched(Path(kept), Path(kept).name)


def check_weights(folder: Path) -> None:
    """Refuse a folder whose weights are not safetensors.

    Raises:
        FormatError: there are none, or pickled ones alone.
    """
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLED)
    found = f"{', '.join(pickled)}, which may hold code and so is never read" if pickled else "no weights"
    raise FormatError(
        f"The model in {folder} has no *.safetensors: found {found}. Load it where you trust it and save it again with "
        "save_pretrained (transformers) or save_for_hf(safe_serialization=True) (timm)."
    )


def _could_be_a_name(name: str) -> bool:
    if name.startswith((".", "/", "~")) or "\\" in name:
        return False
    utils: Any = require("huggingface_hub.utils", "models")
    try:
        utils.validate_repo_id(name)
    except utils.HFValidationError:
        return False
    return True


def _unreachable(name: str, revision: str | None, error: Exception) -> HubError:
    what = f"{name!r}" if revision is None else f"{name!r} at revision {revision!r}"
    return HubError(
        f"The hub did not give {what} ({type(error).__name__}: {words_of(error)}), and there is no such folder here. "
        f"Check the name. Without the hub there are three ways: a folder that `hf download {name} --local-dir FOLDER` "
        "wrote elsewhere, given in place of the name; another machine's cache, copied here and named by HF_HOME, with "
        "HF_HUB_OFFLINE=1; or random weights, with an `architecture` in place of the source."
    )
