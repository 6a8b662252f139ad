"""The one door through which a path named by data becomes a path on the disk."""

from pathlib import Path, PurePosixPath, PureWindowsPath

from ravlm.errors import PathError


def inside(root: Path, relative: str) -> Path:
    """The path of `relative` below `root`; nothing has to exist there.

    Raises:
        PathError: the path is absolute, goes up with `..`, is empty, or leads out of `root` over a link.
    """
    given = PurePosixPath(relative)
    if given.is_absolute() or PureWindowsPath(relative).drive or PureWindowsPath(relative).root or "\0" in relative:
        raise PathError(f"The path {relative!r} is absolute; a path relative to {root} is needed.")
    parts = [part for part in relative.replace("\\", "/").split("/") if part not in {"", "."}]
    if ".." in parts:
        raise PathError(f"The path {relative!r} goes up with '..'; it has to stay inside {root}.")
    if not parts:
        raise PathError(f"The path {relative!r} names nothing; the path of a file inside {root} is needed.")
    path = root.joinpath(given)
    try:
        stays = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError) as error:  # a link to itself, a name that is too long
        raise PathError(f"The path {relative[:200]!r} can't be followed. Check its links and its length.") from error
    if not stays:
        raise PathError(f"The path {relative!r} leads out of {root} over a link. Copy the file into the folder.")
    return path
