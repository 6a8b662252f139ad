"""Every exception a user can meet.

Each says four things: what was asked, what was found, what is allowed, what to do. The command line prints the
message alone and exits with 2; `code` is a fixed word for programs.
"""

from collections.abc import Sequence
from difflib import get_close_matches

_MOST_WORDS = 300  # characters of a library's own words that are shown


class RavlmError(Exception):
    """The base of all errors that a user can mend."""

    code = "error"


class ImageError(RavlmError):
    """A picture that can't be decoded, or that is too large to be decoded safely."""

    code = "image"


class QuestionError(RavlmError):
    """A question that can't be asked: empty, or far too long."""

    code = "question"


class PathError(RavlmError):
    """A file or folder that is missing, is in the way, or lies outside the folder it must stay in."""

    code = "path"


class FormatError(RavlmError):
    """A file in a format, or of a format version, that this release does not read."""

    code = "format"


class HubError(RavlmError):
    """A model that the hub does not give: it can't be reached, or has none of that name."""

    code = "hub"


class ConfigError(RavlmError):
    """A configuration with faults; the message lists them all."""

    code = "config"


class DatasetError(RavlmError):
    """A dataset with faults; `faults` holds one line each (file, line, field, found, expected)."""

    code = "dataset"

    def __init__(self, message: str, faults: Sequence[str] = ()) -> None:
        super().__init__("\n".join([message, *faults]))
        self.faults = list(faults)


class KnowledgeError(RavlmError):
    """A request that a knowledge base can't fulfil: no such entry, a base already there."""

    code = "knowledge"


class KnowledgeCorrupt(KnowledgeError):
    """An entry or a picture whose stored hash does not fit its content."""

    code = "knowledge-corrupt"


class ConflictError(KnowledgeError):
    """Two writers changed the base at once and this one lost after its retries."""

    code = "conflict"


class IndexStale(RavlmError):
    """An index made from another knowledge base version or by another encoder."""

    code = "index-stale"


class TrainingError(RavlmError):
    """A training run that can't start or go on."""

    code = "training"


class MissingExtra(RavlmError):
    """A part that needs packages which are not installed."""

    code = "missing-extra"


class UnknownChoice(RavlmError):
    """A name that is not among the valid ones; the message lists them and the nearest."""

    code = "unknown-choice"

    def __init__(self, what: str, asked: str, allowed: Sequence[str]) -> None:
        near = get_close_matches(asked, allowed, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"There is no {what} {asked!r}. Choose one of: {', '.join(allowed)}.{hint}")


def words_of(error: BaseException) -> str:
    """What an error of a library says, on one line and not too long."""
    words = " ".join(str(error).split()) or "no reason given"
    return f"{words[:_MOST_WORDS]}..." if len(words) > _MOST_WORDS else words
