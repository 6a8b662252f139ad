"""Emoji in two drawings each, where they are beside the project: as `ravlm dataset make emoji` reads them."""

from pathlib import Path

from ravlm.data.emoji.source import LANGUAGES, Emoji, read_source, unseen

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "emoji"

__all__ = ["FOLDER", "LANGUAGES", "Emoji", "emojis", "unseen"]


def emojis(folder: Path = FOLDER) -> list[Emoji]:
    """Those that have both drawings and a name in each language, sorted by code point."""
    return read_source(folder)
