"""Import a package of an extra, or say how to install it."""

from importlib import import_module
from types import ModuleType

from ravlm.errors import MissingExtra


def require(module: str, extra: str) -> ModuleType:
    """The module, imported.

    Raises:
        MissingExtra: the module, or a package that it needs, is not installed; the message has the install command.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        raise MissingExtra(
            f"This needs the package {module.partition('.')[0]!r}, and {missing.name!r} is not installed. "
            f"It comes with the extra {extra!r}: pip install 'ravlm[{extra}]'"
        ) from missing
