"""What the titles of pages say: namespaces, language prefixes, names of picture files, disambiguation.

Namespaces as MediaWiki has them: 6 is File, 14 Category (https://www.mediawiki.org/wiki/Manual:Namespace). A dump names
those of its own wiki; names that work in every wiki, and older names, stand in `vocabulary`.
"""

import re
from collections.abc import Mapping

from ravlm.knowledge.sources.wikipedia.vocabulary import CATEGORY_NAMES, DISAMBIGUATION, FILE_NAMES, LANGUAGES

FILE, CATEGORY = 6, 14

_PICTURE = re.compile(r"[^\x00-\x1f/\\<>\[\]{}|#:]{1,240}\.(?:jpe?g|png|gif|webp|svg|tiff?)", re.IGNORECASE)


class Names:
    """The namespaces of one wiki: what stands before the colon of a link."""

    def __init__(self, namespaces: Mapping[int, str]) -> None:
        """Take the wiki's own names: key -> name, as its dump has them."""
        own = {_plain(name): key for key, name in namespaces.items() if name and key in (FILE, CATEGORY)}
        self._kinds: dict[str, str] = dict.fromkeys(LANGUAGES, "language")
        self._kinds |= {name.replace("_", " "): "category" for name in CATEGORY_NAMES}
        self._kinds |= {name.replace("_", " "): "file" for name in FILE_NAMES}
        self._kinds |= {name: "file" if key == FILE else "category" for name, key in own.items()}
        self._others = {_plain(name) for name in namespaces.values() if name}

    def kind(self, prefix: str) -> str | None:
        """`file`, `category` or `language` for what a link begins with, else None."""
        return self._kinds.get(_plain(prefix))

    def known(self, prefix: str) -> bool:
        """Whether this is a namespace or a language at all."""
        plain = _plain(prefix)
        return plain in self._kinds or plain in self._others

    def picture(self, value: str) -> str | None:
        """The name of the picture that an infobox's parameter or a link names, as Wikipedia writes it; None if none.

        Names with slashes or control characters are no names of files on Wikipedia and give None.
        """
        name = value.strip().strip('"').replace("_", " ").strip()
        prefix, colon, rest = name.partition(":")
        if colon and self.kind(prefix) == "file":
            name = rest.strip()
        name = name.partition("|")[0].strip()
        if not _PICTURE.fullmatch(name) or name.startswith("."):
            return None
        return name[0].upper() + name[1:]


def is_disambiguation(template: str) -> bool:
    """Whether a page with this template (its name in lower case, spaces for underscores) only tells meanings apart."""
    if template.replace(" ", "_") in DISAMBIGUATION:
        return True
    if "needed" in template or "cleanup" in template:
        return template == "disambiguation cleanup"
    return template.startswith("disambig") or template.endswith(("disambiguation", "disambig", "disambiguation page"))


def _plain(prefix: str) -> str:
    return prefix.strip().lower().replace("_", " ")
