"""CACM: 3,204 abstracts, its topics and judgements, read from the files as they are distributed."""

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

from ravlm.records import Entry, Query

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "ir" / "cacm"
_TEXT = re.compile(r"<pre>(.*?)</pre>", re.DOTALL)
_LINKS = re.compile(r"\n(?:\d+\t\d+\t\d+\n?)+\s*$")  # citations by number, at the end of each document
_TOPIC = re.compile(r"<DOCNO>\s*(\d+)\s*</DOCNO>(.*?)</DOC>", re.DOTALL)


def entries(folder: Path = FOLDER, *, whole: bool = False) -> Iterator[Entry]:
    """A document each: its first paragraph is the title, the rest (abstract, date, authors, keywords) the text.

    The numbers by which it cites others are left out; with `whole` they stay, as in what was published of the words.
    """
    with tarfile.open(folder / "cacm.tar.gz") as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            file = archive.extractfile(member)
            found = _TEXT.search(file.read().decode("latin-1")) if file else None
            if found:
                told = found[1] if whole else _LINKS.sub("\n", found[1])
                title, _, text = told.strip().partition("\n\n")
                yield Entry(Path(member.name).stem, " ".join(title.split()), text=text.strip(), source="cacm")


def topics(folder: Path = FOLDER) -> list[Query]:
    """The topics; their ids are those of the judgements."""
    text = (folder / "topics.cacm.txt").read_text(encoding="latin-1")
    return [Query(" ".join(words.split()), language="en", id=number) for number, words in _TOPIC.findall(text)]


def judgements(folder: Path = FOLDER) -> dict[str, dict[str, int]]:
    """How relevant a document is to a topic: by topic, by document."""
    found: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels.cacm.txt").read_text(encoding="utf-8").splitlines():
        topic, _, document, grade = line.split()
        found.setdefault(topic, {})[document] = int(grade)
    return found
