"""METEOR of captions: the program of its authors, version 1.5, which `pycocoevalcap` brings and Java runs.

Denkowski and Lavie 2014, Meteor Universal: Language Specific Translation Evaluation for Any Target Language.
"""

import shutil
from collections.abc import Sequence

from ravlm.errors import ConfigError, MissingExtra, words_of
from ravlm.optional import require

EXTRA = "captions"


def why_no_meteor() -> str | None:
    """What METEOR lacks here, None where it can be asked."""
    if shutil.which("java") is None:
        return "METEOR is left out: its program needs Java, and there is no `java` on the PATH"
    try:
        require("pycocoevalcap.meteor.meteor", EXTRA)
    except MissingExtra as missing:
        return f"METEOR is left out. {missing}"
    return None


def meteor(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> tuple[float, list[float]]:
    """METEOR of all captions and of each, in [0, 1]. That of all is worked out of summed counts; it is no mean.

    Args:
        candidates: captions as tokens, a space between them.
        references: for each, its references as tokens, one at least.

    Raises:
        MissingExtra: `pycocoevalcap` is not installed.
        ConfigError: there is no Java, or the program ended.
    """
    if shutil.which("java") is None:
        raise ConfigError("METEOR was asked for, and its program needs Java. Install Java, or leave METEOR out.")
    scorer = require("pycocoevalcap.meteor.meteor", EXTRA).Meteor()
    said = {i: [text] for i, text in enumerate(candidates)}
    right = {i: list(some) for i, some in enumerate(references)}
    try:
        whole, each = scorer.compute_score(right, said)
    except (OSError, ValueError) as error:
        raise ConfigError(f"METEOR's program ended before its scores ({words_of(error)}). Leave METEOR out.") from error
    return float(whole), [float(score) for score in each]
