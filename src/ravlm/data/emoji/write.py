"""Writes emoji in the dataset format: an article a code point, and drawings to be described."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ravlm.data.emoji.source import LANGUAGES, NOTO, TWO, Emoji, read_source, unseen
from ravlm.data.writing import Progress, append_lines, link, new_folder, write_card
from ravlm.lines import SPLITS, DatasetCard, EntryLine, ExampleLine, SectionLine

Part = Literal["learnt", "asked", "val", "unseen"]

_CREDIT = "Unicode CLDR annotations"
_DRAWN = {NOTO: "Noto Emoji", TWO: "EmojiTwo"}
_TITLES = {"en": "English", "zh": "中文"}
_MARKS = {"en": (". Keywords: ", ", ", "."), "zh": ("。关键词：", "、", "。")}  # before, between and behind keywords
_VALIDATED, _ASKED = 10, 5  # of so many base code points that are not unseen, one


@dataclass(frozen=True)
class _Shown:
    """A drawing of an emoji, and to which split and group it belongs."""

    emoji: Emoji
    drawn: str
    group: str

    @property
    def path(self) -> Path:
        return self.emoji.noto if self.drawn == NOTO else self.emoji.two


def write_emoji(source: Path, out: Path, progress: Progress | None = None) -> None:
    """Turn a folder of emoji into a dataset: a drawing is described, in English and in Chinese, with nothing asked.

    An entry of the knowledge base is a code point that training knows: its name, its keywords, and EmojiTwo's drawing.
    What is to be described is mostly Noto's. The captions of an example are the name, and the keywords as a list.

    Code points are split, never drawings alone, and genders and ages of one person stay together:

    - one base code point in three is `unseen`: in test alone, and in no entry, so that its words stand nowhere;
    - of the others, one in ten is the split val, in no entry either;
    - of the rest, one in five is `seen` in test: its entry is there, and training describes EmojiTwo's drawing of it,
      test Noto's; of all others, training describes both drawings.

    Variants in skin tones are left out. They are the same drawing in five colours under the same name, more than a
    quarter of all, and would make the others count for less. So are flags of countries: nobody could tell the name of
    one that was never seen from those that were, and the world of flags asks about them. What is left is small enough
    to be learnt on one processor in minutes.

    Args:
        source: the folder that holds `noto72`, `emojitwo64` and `cldr`.
        out: the folder to write; it must not hold anything yet. It appears when it is whole.
        progress: told what goes on.

    Raises:
        PathError: the source lacks drawings or names, or something is in the way at `out`.
        DatasetError: every fault of the names.
    """
    read = read_source(source)
    emojis = [emoji for emoji in read if not (emoji.toned or emoji.flag)]
    part_of = _parts(emojis, unseen(read))
    with new_folder(out) as folder:
        write_card(
            folder,
            DatasetCard(
                format=1,
                name="emoji",
                licence="Apache-2.0 AND CC-BY-4.0 AND Unicode-3.0",
                languages=list(LANGUAGES),
                sources=[_CREDIT, *(f"{name} drawings" for name in _DRAWN.values())],
                description="Drawings of emoji, to be described by their names and keywords in English and Chinese.",
            ),
        )
        known = [emoji for emoji in emojis if part_of[emoji.code] in ("learnt", "asked")]
        append_lines(folder / "knowledge.jsonl", map(_entry, known))
        used = {emoji.two for emoji in known}
        for split in SPLITS:
            shown = list(_shown(emojis, part_of, split))
            examples = (_example(one, language) for one in shown for language in LANGUAGES)
            append_lines(folder / f"{split}.jsonl", examples)
            used |= {one.path for one in shown}
        link(((path, folder / _target(path)) for path in used), progress or (lambda what, done, total: None))


def _parts(emojis: Sequence[Emoji], held: Set[str]) -> dict[str, Part]:
    """Which part each code belongs to, those `held` out to the unseen; all codes of a base to the same one."""
    bases = sorted({emoji.base for emoji in emojis if emoji.code not in held})
    validated = set(bases[_VALIDATED - 1 :: _VALIDATED])
    asked = set([base for base in bases if base not in validated][_ASKED - 1 :: _ASKED])

    def part(emoji: Emoji) -> Part:
        if emoji.code in held:
            return "unseen"
        return "val" if emoji.base in validated else "asked" if emoji.base in asked else "learnt"

    return {emoji.code: part(emoji) for emoji in emojis}


def _shown(emojis: Sequence[Emoji], part_of: dict[str, Part], split: str) -> Iterator[_Shown]:
    """The drawings that a split describes."""
    for emoji in emojis:
        part = part_of[emoji.code]
        if split == "train" and part in ("learnt", "asked"):
            yield _Shown(emoji, TWO, "seen")
        if (split, part) in (("train", "learnt"), ("test", "asked")):
            yield _Shown(emoji, NOTO, "seen")
        if (split, part) in (("val", "val"), ("test", "unseen")):
            yield _Shown(emoji, NOTO, "unseen")


def _entry(emoji: Emoji) -> EntryLine:
    points = " ".join(f"U+{point.upper()}" for point in emoji.code.split("_"))
    return EntryLine(
        id=emoji.code,
        title=emoji.names[LANGUAGES[0]],
        sections=[SectionLine(title=_TITLES[n], text=_prose(emoji, n), language=n) for n in LANGUAGES],
        images=[_target(emoji.two)],
        facts=[("code points", points)],
        aliases=[emoji.names[language] for language in LANGUAGES[1:]],
        source=_CREDIT,
        licence="Unicode-3.0; drawing CC-BY-4.0",
    )


def _prose(emoji: Emoji, language: str) -> str:
    before, between, behind = _MARKS[language]
    name, keywords = emoji.names[language], emoji.keywords[language]
    return f"{name}{before}{between.join(keywords)}{behind}" if keywords else f"{name}{behind}"


def _example(shown: _Shown, language: str) -> ExampleLine:
    emoji = shown.emoji
    keywords = _MARKS[language][1].join(emoji.keywords[language])
    return ExampleLine(
        id=f"{emoji.code}/{shown.drawn}/{language}",
        images=[_target(shown.path)],
        kind="captions",
        captions=list(dict.fromkeys(filter(None, (emoji.names[language], keywords)))),
        entries=[] if shown.group == "unseen" else [emoji.code],
        language=language,
        groups=[shown.group, language, f"{shown.group}:{language}"],
    )


def _target(path: Path) -> str:
    """Where a drawing stands in the dataset."""
    return f"images/{path.parent.name}/{path.name}"
