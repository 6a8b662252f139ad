"""Wikitext, the language that Wikipedia's articles are written in, becomes plain text in sections.

Written after https://www.mediawiki.org/wiki/Help:Formatting and the specification of MediaWiki's preprocessor
(https://www.mediawiki.org/wiki/Preprocessor_ABNF). Three passes, each of which looks at every character a bounded
number of times: tags (`tags`), brackets (`brackets`), lines (`lines`). Full parsers build a tree and are many times
slower; `benchmarks/wikitext_fidelity.py` says what the difference costs.

What a reader gets:

- Paragraphs with an empty line between, list items and table rows as lines `- item` and `- cell | cell`.
- Templates left out, but for those that say something within a sentence (`templates`); references, galleries, files and
  their captions, categories and links to other languages left out; formulas and source code kept as they are written.
- Sections that only help to look further (references, external links, see also) left out where they hold nothing but
  lists; where someone wrote a paragraph in one, it stays.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ravlm.knowledge.sources.wikipedia import templates
from ravlm.knowledge.sources.wikipedia.brackets import resolved
from ravlm.knowledge.sources.wikipedia.lines import sections_of, tidied
from ravlm.knowledge.sources.wikipedia.tags import GONE, restored, without_tags
from ravlm.knowledge.sources.wikipedia.titles import Names, is_disambiguation
from ravlm.knowledge.sources.wikipedia.vocabulary import LOOK_FURTHER, PICTURE_KEYS
from ravlm.records import Section

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_FIRST_HEADING = re.compile(r"^==", re.MULTILINE)
_ICON = re.compile(r"(?:([1-9]|[1-3]\d)(?:x\d+)?|x([1-9]|[1-3]\d))px")  # narrower or lower than 40 pixels
_DISAMBIGUATION_WORD = "__DISAMBIG__"
_WITH_VARIANTS = frozenset({"zh", "gan", "wuu", "sr", "sh", "kk", "ku", "iu", "tg", "uz", "shi", "crh"})
_PREFERRED = ("zh-hans", "zh-cn", "zh", "zh-sg", "zh-my", "sr-el", "sr-ec")
_PAGE_NAMES = frozenset({"pagename", "fullpagename", "basepagename", "subjectpagename", "subpagename"})


@dataclass(frozen=True, slots=True)
class Article:
    """What a page's wikitext says. `lead_image` is the name of a file as Wikipedia writes it."""

    sections: tuple[Section, ...]
    lead_image: str | None
    disambiguation: bool


class Wikitext:
    """Reads the wikitext of one wiki."""

    def __init__(self, language: str = "en", namespaces: Mapping[int, str] | None = None) -> None:
        """Take the wiki's language (a code such as `zh`) and the names of its namespaces by their keys."""
        self._names = Names(namespaces or {})
        self._variants = language.partition("-")[0].lower() in _WITH_VARIANTS

    def read(self, wikitext: str, title: str = "") -> Article:
        """An article's sections without markup; those without text are left out.

        Any text is read, well formed or not; the time it takes grows with its length. Carriage returns, control
        characters and lone surrogates are left out.
        """
        kept: list[str] = []
        text = without_tags(_CONTROL.sub("", wikitext), kept)
        heading = _FIRST_HEADING.search(text)
        page = _Page(self._names, title, heading.start() if heading else len(text))
        text = resolved(text, page, self._variants)
        sections = []
        further = 0  # the level of a section that only helps to look further, while within it
        for name, level, content in sections_of(text):
            name, content = tidied(restored(name, kept)), restored(content, kept)
            if further and level <= further:
                further = 0
            if not further and name.lower() in LOOK_FURTHER:
                further = level
            if content and not (further and _only_lists(content)):
                sections.append(Section(name, content))
        return Article(
            tuple(sections), page.image or page.first_file, page.disambiguation or _DISAMBIGUATION_WORD in wikitext
        )


def _only_lists(content: str) -> bool:
    return all(line.startswith("- ") or not line for line in content.split("\n"))


class _Page:
    """Renders one page's links and templates, and keeps what it sees of its picture on the way."""

    def __init__(self, names: Names, title: str, lead: int) -> None:
        self._names = names
        self._title = title
        self._lead = lead
        self.image: str | None = None
        self.first_file: str | None = None
        self.disambiguation = False

    def link(self, parts: Sequence[str], place: int) -> str | None:
        target = parts[0]
        if "\n" in target or len(target) > 600 or not target.strip(" :"):
            return None
        prefix, colon, rest = target.partition(":")
        if colon:
            kind = self._names.kind(prefix)
            if kind == "file":
                if place < self._lead and self.first_file is None and not any(map(_ICON.fullmatch, parts[1:])):
                    self.first_file = self._names.picture(rest)
                return GONE
            if kind:
                return GONE
        if len(parts) == 1:
            return target.strip().removeprefix(":").removeprefix("#")
        label = parts[1] if len(parts) == 2 else "|".join(parts[1:])
        return label if label.strip() else self._without_qualifier(target)

    def template(self, name: str, arguments: Callable[[], list[str]], place: int) -> str:
        plain = templates.plain_name(name) if len(name) < 200 else ""
        if (render := templates.template(plain)) is not None:
            return render(templates.arguments_of(arguments()))
        if plain in _PAGE_NAMES:
            return self._title
        if ":" in name and (text := templates.function(name)) is not None:
            return text
        if is_disambiguation(plain):
            self.disambiguation = True
        if place < self._lead and self.image is None:
            self._look_for_picture(arguments())
        return GONE

    def variant(self, parts: Sequence[str]) -> str:
        """`-{zh-hans:计算机;zh-hant:電腦}-` and its like; see https://www.mediawiki.org/wiki/Writing_systems/Syntax."""
        flags, text = ("", parts[0]) if len(parts) == 1 else (parts[0].strip(), "|".join(parts[1:]))
        if flags in ("H", "T", "-", "N", "D"):
            return ""
        given = {}
        for rule in text.split(";"):
            code, colon, value = rule.partition(":")
            if colon:
                given[code.strip().rpartition("=>")[2].lower()] = value.strip()
        if not given or flags == "R" or not all("-" in code or code in _WITH_VARIANTS for code in given):
            return text
        return next((given[code] for code in _PREFERRED if given.get(code)), next(iter(given.values())))

    def _without_qualifier(self, target: str) -> str:
        """The pipe trick: `[[Help:Ant (animal)|]]` shows "Ant"."""
        name = target.strip().removeprefix(":")
        prefix, colon, rest = name.partition(":")
        name = rest if colon and self._names.known(prefix) else name
        return name.partition(" (")[0].partition("（")[0].strip()

    def _look_for_picture(self, arguments: Sequence[str]) -> None:
        """Take the picture that an infobox names: of a parameter known for it, else the first that is one."""
        found = None
        for argument in arguments:
            key, equals, value = argument.partition("=")
            if equals and "." in value and len(value) < 400 and (name := self._names.picture(value)):
                if key.strip().lower() in PICTURE_KEYS:
                    self.image = name
                    return
                found = found or name
        self.image = found
