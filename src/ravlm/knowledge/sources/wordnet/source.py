"""WordNet as a source of knowledge: a folder of database files, or one file in WN-LMF."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ravlm.errors import PathError, UnknownChoice
from ravlm.knowledge.sources.part import Part, Place, Source
from ravlm.knowledge.sources.wordnet.lmf import read_lmf
from ravlm.knowledge.sources.wordnet.lmf_words import normal_language
from ravlm.knowledge.sources.wordnet.wndb import FILES, read_wndb, sizes


class WordNetSource(Source):
    """One entry a synset. What the path is, it finds out itself.

    A folder with WNDB files (or whose `dict` has them) gives ids like `wordnet:02084071-n`: position in the data file
    and type as it stands there: n, v, a, r, and s for adjective satellites. A WN-LMF file (versions 1.0 to 1.4, also
    compressed with gzip, bzip2 or xz) gives the synsets of all its lexicons under their own ids.
    """

    kind = "wordnet"
    expansion = 2.7  # measured with WordNet 3.0
    memory = 300_000_000  # measured: 48 MB with WNDB, 220 MB with the same content as XML

    def __init__(self, path: Path | str, name: str | None = None, *, language: str | None = None) -> None:
        """A source over a folder or a file; nothing of it is read yet.

        Args:
            path: the folder, or the file.
            name: the `source` of its entries; without it, `wordnet`.
            language: only lexicons of this language (BCP 47 or ISO 639-3: `zh` and `cmn` are the same).

        Raises:
            PathError: there is nothing, or the folder has not all of WNDB's data files.
            UnknownChoice: another language than English of WNDB files, which are English.
        """
        self.name = name or "wordnet"
        self._language = normal_language(language) if language else None
        self.path = Path(path)
        self._sizes: dict[str, int]
        if self.path.is_dir():
            if (self.path / "dict" / FILES["n"]).is_file():
                self.path = self.path / "dict"
            self._sizes = sizes(self.path)
            self._wndb = True
            if self._language and self._language.partition("-")[0] != "en":
                raise UnknownChoice("language in WNDB files", str(language), ["en"])
        elif self.path.is_file() and self.path.name not in FILES.values():
            self._sizes = {self.path.name: self.path.stat().st_size}
            self._wndb = False
        else:
            found = "one of WNDB's files; give its folder" if self.path.is_file() else "nothing there. Check the path"
            raise PathError(
                f"{self.path} is no WordNet: found {found}. Needed: a folder with {', '.join(FILES.values())}, or a "
                "file in the Global WordNet Association's XML (.xml, .xml.gz, .xml.xz)."
            )
        self.size = sum(self._sizes[file] for file in FILES.values()) if self._wndb else sum(self._sizes.values())

    def settings(self) -> dict[str, Any]:
        """What the entries depend on: format, name, language and the files' sizes."""
        return {
            "format": "wndb" if self._wndb else "lmf",
            "language": self._language,
            "sizes": self._sizes,
        }

    def parts(self, after: Place | None = None) -> Iterator[Part]:
        """The entries, by the thousand.

        Raises:
            PathError: a file can't be read.
            FormatError: a file is damaged or not of its format.
            UnknownChoice: no lexicon of the file has the language.
        """
        if self._wndb:
            return read_wndb(self.path, self.name, after)
        return read_lmf(self.path, self.name, self._language, after)

    def picture(self, name: str) -> bytes:
        """WordNet has no pictures.

        Raises:
            PathError: always.
        """
        raise PathError(f"WordNet has no pictures; there is none named {name!r}.")
