"""Where a base lies: a folder, a location on S3-compatible storage, or a model's folder that holds or names one."""

import json
from pathlib import Path

from ravlm.errors import FormatError, PathError
from ravlm.safe.files import write_text_atomic

WITHIN_A_MODEL = "knowledge"
REFERENCE = "knowledge.json"
_TABLE = "entries.lance"
_EARLIER = "base.json"


def is_remote(place: str | Path) -> bool:
    """Whether a place is a location as `s3://bucket/name`, not a path."""
    return isinstance(place, str) and "://" in place


def find_base(place: str | Path) -> str:
    """The location of the base at a place: itself, `knowledge` in a model's folder, or what its `knowledge.json` names.

    Raises:
        PathError: there is no base.
        FormatError: the base is of an earlier format.
    """
    if is_remote(place):
        return str(place).rstrip("/")
    path = Path(place)
    for folder in (path, path / WITHIN_A_MODEL):
        if (folder / _EARLIER).is_file():
            raise FormatError(
                f"The knowledge base {folder} was made by an earlier release, in a format without stamps. Build it "
                "again from its source, and train again a model that holds it."
            )
        if (folder / _TABLE).is_dir():
            return str(folder.absolute())
    if (path / REFERENCE).is_file():
        return _named(path / REFERENCE)
    found = "nothing" if not path.exists() else "a folder without one" if path.is_dir() else "a file"
    raise PathError(
        f"There is no knowledge base in {path}: found {found}. Give a folder that `ravlm knowledge build` made, or "
        "the folder of a model."
    )


def write_reference(folder: Path, location: str, version: int, fingerprint: str) -> None:
    """Let a model's folder name a base that lies elsewhere, and the version that the model was trained with."""
    place = location if is_remote(location) else str(Path(location).absolute())
    about = {"location": place, "version": version, "fingerprint": fingerprint}
    write_text_atomic(folder / REFERENCE, json.dumps(about, ensure_ascii=False, indent=1))


def _named(reference: Path) -> str:
    try:
        location = json.loads(reference.read_bytes())["location"]
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{reference} does not say where the knowledge base is. Copy the model again.") from error
    if is_remote(location) or (Path(location) / _TABLE).is_dir():
        return str(location)
    raise PathError(
        f"The model in {reference.parent} was trained with the knowledge base {location}, which is not there any more. "
        f"Bring it back, or write its new place into {reference}."
    )
