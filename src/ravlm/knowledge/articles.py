"""An entry's prose replaced by an article, or a new entry made of one."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ravlm.errors import KnowledgeError, PathError
from ravlm.knowledge.markdown import Article, read_markdown
from ravlm.knowledge.passages import guess_language
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Section
from ravlm.safe.images import read_image_bytes
from ravlm.safe.paths import inside

SOURCE = "article"  # the source of an entry that was made of an article


def set_article(
    base: KnowledgeBase,
    entry_id: str,
    markdown: str,
    *,
    folder: Path | None = None,
    language: str | None = None,
    title: str | None = None,
    images: Sequence[Path] = (),
) -> Entry:
    """Replace an entry's prose in one language by an article in Markdown, or make a new entry of it.

    Headings become section titles. `# Title` becomes the title; of an article in another language than the entry's,
    an alias. Pictures that the article or `images` name become the entry's; where none is named, it keeps its own.

    Args:
        base: the base to change.
        entry_id: the entry; an unknown id makes a new one.
        markdown: the article.
        folder: where the paths in its image links start; without it, an article has no image links.
        language: the article's language; sections in others stay. Without it, `zh` or `en`, as the text looks.
        title: the entry's title, before the article's own.
        images: more pictures, from anywhere.

    Returns:
        The entry as it is now in the base.

    Raises:
        KnowledgeError: the article has no text, or a new entry would have no title.
        PathError: a picture is missing or lies outside `folder`.
        ImageError: a picture can't be decoded.
    """
    article = read_markdown(markdown)
    if not article.sections:
        raise KnowledgeError(f"The article for {entry_id!r} has no text. Write what the model should read in it.")
    spoken = language or guess_language(article.prose)
    base.refresh()
    old = base.get(entry_id) if entry_id in base else None
    name = title or article.title
    if old is None:
        if not name:
            raise KnowledgeError(
                f"The entry {entry_id!r} is new, and has no title. Begin the article with a line '# Title', or give "
                "--title. (To change an entry, give its id: `ravlm knowledge show` shows entries.)"
            )
        old = Entry(entry_id, name, source=SOURCE, language=spoken)
    files = {link: _linked(folder, link) for link in article.pictures} | {str(path): path for path in images}
    entry = _with_prose(replace(old, images=tuple(files) or old.images), article, spoken)
    if title:
        entry = replace(entry, title=title)
    base.upsert([entry], (lambda link: read_image_bytes(files[link])) if files else None)
    return base.get(entry_id)


def _linked(folder: Path | None, link: str) -> Path:
    if folder is None or "://" in link:
        raise PathError(
            f"The article's picture {link!r} is no file beside it. Nothing is fetched: save the picture beside the "
            "article and link it by its name."
        )
    return inside(folder, link)


def _with_prose(entry: Entry, article: Article, language: str) -> Entry:
    same = _primary(language) == _primary(entry.language)
    own = None if same else language
    written = tuple(Section(section.title, section.text, own) for section in article.sections)
    whole = (Section("", entry.text),) if entry.text else ()
    others = tuple(
        section
        for section in whole + entry.sections
        if _primary(section.language or entry.language) != _primary(language)
    )
    sections = written + others if same else others + written
    name = article.title
    if name and same:
        entry = replace(entry, title=name)
    elif name and name not in (entry.title, *entry.aliases):
        entry = replace(entry, aliases=(*entry.aliases, name))
    if len(sections) == 1 and not sections[0].title and sections[0].language is None:
        return replace(entry, text=sections[0].text, sections=())
    return replace(entry, text="", sections=sections)


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()
