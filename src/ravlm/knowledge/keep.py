"""A base for a model: a copy in the model's folder where it is small, else the name of where it lies."""

import os
from itertools import islice
from pathlib import Path

from ravlm.knowledge.places import WITHIN_A_MODEL, is_remote, write_reference
from ravlm.knowledge.store import KnowledgeBase
from ravlm.safe.files import remove_folder, replace_folder_atomic, temporary_folder

MOST_COPIED = 100_000_000  # bytes
_AT_ONCE = 2_000  # entries


def keep_base(base: KnowledgeBase, model: Path) -> None:
    """Give a model's folder the version of the base that is open.

    A base of at most 100 MB is copied, without its history; of a larger one, and of one on S3-compatible storage, the
    location and the version are written down, and the model follows it there.

    Raises:
        PathError: the folder holds a base already, or can't be written.
    """
    if is_remote(base.location) or _size(Path(base.location)) > MOST_COPIED:
        write_reference(model, base.location, base.version, base.fingerprint)
        return
    temporary = temporary_folder(model / WITHIN_A_MODEL)
    try:
        copy = KnowledgeBase.create(temporary / "base")
        every = base.iterate()
        while entries := list(islice(every, _AT_ONCE)):
            copy.upsert(entries, base.picture)
        copy.close()
        replace_folder_atomic(temporary / "base", model / WITHIN_A_MODEL)
    finally:
        remove_folder(temporary)


def _size(folder: Path) -> int:
    """The bytes of a base's tables; indexes beside them are not copied."""
    tables = [walked for table in folder.glob("*.lance") for walked in os.walk(table)]
    return sum((Path(above) / name).stat().st_size for above, _, names in tables for name in names)
