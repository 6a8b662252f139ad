"""WordNet's noun glosses as knowledge about other things, to make text retrieval hard."""

from collections.abc import Iterator
from pathlib import Path

from ravlm.errors import FormatError, PathError
from ravlm.lines import EntryLine


def gloss_entries(data_noun: Path) -> Iterator[EntryLine]:
    """One entry a noun synset of a WNDB `data.noun`: its words are title and aliases, its gloss the text.

    Raises:
        PathError: there is no such file.
        FormatError: a line is not in the WNDB format.
    """
    if not data_noun.is_file():
        raise PathError(
            f"There is no file {data_noun}. Expected WordNet's `data.noun`; Debian's package wordnet-base installs it "
            "as /usr/share/wordnet/data.noun. Give its path, or leave the distractors out."
        )
    with data_noun.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.startswith("  "):  # the licence
                continue
            synset, bar, gloss = line.partition(" | ")
            parts = synset.split()
            if not bar or len(parts) < 6 or parts[2] != "n":
                raise FormatError(
                    f"{data_noun}, line {number}: found {line[:60]!r}, expected a noun synset `offset file n words ... "
                    "| gloss` of the WNDB format. Give WordNet's own `data.noun`."
                )
            words = [word.replace("_", " ") for word in parts[4 : 4 + 2 * int(parts[3], 16) : 2]]
            yield EntryLine(
                id=f"wordnet-{parts[0]}",
                title=words[0],
                text=gloss.strip(),
                aliases=words[1:],
                source="WordNet",
                licence="WordNet",
            )
