"""Every kind of source by its name: what it reads, which options it takes, how it is opened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ravlm.errors import ConfigError, UnknownChoice
from ravlm.knowledge.sources.part import Source


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of source: what it reads, the options that it takes, and what opens one."""

    reads: str
    options: tuple[str, ...]
    opened: Callable[..., Source]


def open_source(kind: str, path: Path, name: str | None = None, **options: Any) -> Source:
    """The source of a kind at a path; options that are None are left out.

    Raises:
        UnknownChoice: there is no such kind.
        ConfigError: an option that the kind does not take.
        PathError: there is nothing at `path`.
        FormatError: what is there is not of this kind.
    """
    if kind not in KINDS:
        raise UnknownChoice("kind of source", kind, list(KINDS))
    given = {option: value for option, value in options.items() if value is not None}
    if strange := [option for option in given if option not in KINDS[kind].options]:
        taken = ", ".join(_flag(option) for option in KINDS[kind].options) or "none"
        raise ConfigError(f"The kind {kind!r} takes no {_flag(strange[0])}. Its options: {taken}.")
    return KINDS[kind].opened(path, **({} if name is None else {"name": name}), **given)


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def _dataset(path: Path, **options: Any) -> Source:
    from ravlm.knowledge.sources.dataset import DatasetSource

    return DatasetSource(path, **options)


def _wordnet(path: Path, **options: Any) -> Source:
    from ravlm.knowledge.sources.wordnet.source import WordNetSource

    return WordNetSource(path, **_one_language(options))


def _conceptnet(path: Path, **options: Any) -> Source:
    from ravlm.knowledge.sources.conceptnet.source import ConceptNetSource

    return ConceptNetSource(path, **options)


def _wikipedia(path: Path, **options: Any) -> Source:
    from ravlm.knowledge.sources.wikipedia.source import WikipediaSource

    return WikipediaSource(path, **_one_language(options))


def _folder(path: Path, **options: Any) -> Source:
    from ravlm.knowledge.sources.folder.source import FolderSource

    return FolderSource(path, **_one_language(options))


def _table(path: Path, **options: Any) -> Source:
    from ravlm.knowledge.sources.table import TableSource

    column = options.pop("language_column", None)
    return TableSource(path, language=column, **options)


def _beir(path: Path, **options: Any) -> Source:
    from ravlm.knowledge.sources.beir import BeirSource

    return BeirSource(path, **options)


def _evqa(path: Path, **options: Any) -> Source:
    from ravlm.knowledge.sources.evqa import EncyclopedicVqaSource

    return EncyclopedicVqaSource(path, **options)


def _infoseek(path: Path, **options: Any) -> Source:
    from ravlm.knowledge.sources.infoseek import InfoSeekSource

    return InfoSeekSource(path, **options)


def _one_language(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options whose languages, of which there may be several for other kinds, are at most one.

    Raises:
        ConfigError: there are more.
    """
    languages = options.get("language", ())
    if len(languages) > 1:
        raise ConfigError(f"This kind takes one --language; found {', '.join(languages)}. Give one.")
    return {**options, "language": languages[0]} if languages else dict(options)


KINDS: dict[str, Kind] = {
    "dataset": Kind("a dataset's folder, or its knowledge.jsonl", (), _dataset),
    "folder": Kind("your own folder: Markdown, text, HTML, PDF, pictures", ("language",), _folder),
    "table": Kind(
        "CSV, JSON Lines or Parquet, a row an entry", ("id", "title", "text", "image", "language_column"), _table
    ),
    "wikipedia": Kind("a dump, pages-articles.xml.bz2", ("language", "images", "workers"), _wikipedia),
    "wordnet": Kind("WordNet's database folder, or Open English WordNet's XML", ("language",), _wordnet),
    "conceptnet": Kind(
        "the assertions, conceptnet-assertions-5.7.0.csv.gz", ("language", "minimum_weight"), _conceptnet
    ),
    "beir": Kind("a BEIR folder with corpus.jsonl", (), _beir),
    "evqa": Kind("Encyclopedic-VQA's encyclopedic_kb_wiki.json", ("images",), _evqa),
    "infoseek": Kind("InfoSeek's Wiki6M_ver_1_0.jsonl", ("images",), _infoseek),
}
"""Every kind, in the order of the help."""
