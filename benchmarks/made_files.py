"""Large files in the exact formats of ConceptNet and Wikipedia, made by lot, for the benchmarks of the builders."""

import bz2
import gzip
import random
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

_WORDS = """
stone river green house music summer paper glass window market letter garden mountain winter bridge engine harbour
village silver copper animal forest island theatre station teacher history science picture language kingdom army border
church castle railway factory museum library hospital school student author painter composer battle treaty
"""
WORDS = _WORDS.split()
CHINESE = "水火木金土山河湖海石城市学校音乐书画工厂车站历史科学语言王国军队边界教堂城堡铁路博物馆"
_RELATIONS = """
Antonym AtLocation CapableOf Causes Desires DerivedFrom EtymologicallyRelatedTo FormOf HasContext HasProperty IsA MadeOf
MannerOf PartOf RelatedTo SimilarTo Synonym UsedFor
"""
RELATIONS = _RELATIONS.split()
# Languages with about their share of the release's edges, estimated from the sizes of its vocabularies.
LANGUAGES = {
    "en": 30,
    "fr": 22,
    "de": 9,
    "it": 8,
    "es": 6,
    "ru": 5,
    "la": 5,
    "pt": 4,
    "ja": 4,
    "zh": 3,
    "nl": 2,
    "fi": 2,
}


def conceptnet(path: Path, lines: int, seed: int = 0) -> None:
    """Write assertions as in release 5.7, sorted by relation: about 3 edges a concept, 290 bytes a line."""
    rng = random.Random(seed)
    codes, weights = list(LANGUAGES), list(accumulate(LANGUAGES.values()))
    datasets = [
        ("/d/wiktionary/en", "cc:by-sa/4.0"),
        ("/d/conceptnet/4/en", "cc:by/4.0"),
        ("/d/wiktionary/fr", "cc:by-sa/4.0"),
    ]
    concepts = {code: 1 + lines * share // 240 for code, share in LANGUAGES.items()}
    with gzip.open(path, "wb", compresslevel=6) as file:
        for relation in RELATIONS:
            rows = []
            for _ in range(lines // len(RELATIONS)):
                language = rng.choices(codes, cum_weights=weights)[0]
                start, end = (_concept(rng, language, concepts[language]) for _ in range(2))
                dataset, licence = rng.choice(datasets)
                weight = rng.choice(("1.0", "0.5", "2.0", "1.0", "3.464"))
                info = (
                    f'{{"dataset": "{dataset}", "license": "{licence}", "sources": [{{"contributor": '
                    f'"/s/resource/wiktionary/{language}", "process": "/s/process/wikiparsec/2"}}], '
                    f'"weight": {weight}}}'
                )
                uri = f"/a/[/r/{relation}/,{start}/,{end}/]"
                rows.append(f"{uri}\t/r/{relation}\t{start}\t{end}\t{info}\n")
            file.write("".join(sorted(rows)).encode())


def _concept(rng: random.Random, language: str, concepts: int) -> str:
    number = int(concepts * rng.random() ** 2)  # some are named often
    if language == "zh":
        word = "".join(CHINESE[number // len(CHINESE) ** k % len(CHINESE)] for k in range(3))
    else:
        word = f"{WORDS[number % len(WORDS)]}_{WORDS[number // len(WORDS) % len(WORDS)]}_{number % 997}"
    return f"/c/{language}/{word}" + rng.choice(("", "", "/n", "/v"))


HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>madewiki</dbname>
    <base>https://made.example.org/wiki/Main_Page</base>
    <case>first-letter</case>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">File</namespace>
      <namespace key="10" case="first-letter">Template</namespace>
      <namespace key="14" case="first-letter">Category</namespace>
    </namespaces>
  </siteinfo>
"""


def wikipedia(path: Path, pages: int, seed: int = 0) -> None:
    """Write a multistream dump, 100 pages a stream; about 10 KB of wikitext an article, one page in four a redirect."""
    rng = random.Random(seed)
    with path.open("wb") as file:
        file.write(bz2.compress(HEAD.encode()))
        for first in range(0, pages, 100):
            stream = "".join(_page(rng, number) for number in range(first, min(first + 100, pages)))
            file.write(bz2.compress(stream.encode()))
        file.write(bz2.compress(b"</mediawiki>\n"))


def _page(rng: random.Random, number: int) -> str:
    title = f"{rng.choice(WORDS).title()} {rng.choice(WORDS)} {number}"
    redirect = number % 4 == 3
    text = f"#REDIRECT [[Stone river {number - 1}]]" if redirect else _article(rng, title)
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    target = f'\n    <redirect title="Stone river {number - 1}" />' if redirect else ""
    return (
        f"  <page>\n    <title>{title}</title>\n    <ns>0</ns>\n    <id>{number + 1}</id>{target}\n    <revision>\n"
        f"      <id>{number + 10_000_000}</id>\n      <timestamp>2026-01-02T03:04:05Z</timestamp>\n"
        "      <contributor>\n"
        f"        <username>Maker</username>\n        <id>7</id>\n      </contributor>\n      <model>wikitext</model>\n"
        f'      <format>text/x-wiki</format>\n      <text bytes="{len(text)}" sha1="0" xml:space="preserve">{escaped}'
        "</text>\n      <sha1>0</sha1>\n    </revision>\n  </page>\n"
    )


def _article(rng: random.Random, title: str) -> str:
    parts = [
        f"{{{{Infobox settlement\n| name = {title}\n| image_skyline = {title}.jpg\n"
        f"| population = {rng.randrange(10**6)}\n"
        f"| area = {{{{convert|{rng.randrange(900)}|km2|sqmi}}}}\n| coordinates = {{{{coord|{rng.random() * 90:.3f}|N|"
        f"{rng.random() * 90:.3f}|E|display=inline,title}}}}\n}}}}\n'''{title}''' is "
    ]
    for section in range(rng.randrange(3, 9)):
        if section:
            parts.append(f"\n\n== {rng.choice(WORDS).title()} of {rng.choice(WORDS)} ==\n")
        parts.extend(_sentence(rng) for _ in range(rng.randrange(5, 16)))
        if rng.random() < 0.3:
            rows = "\n|-\n".join(
                f"| {rng.choice(WORDS)} || {rng.randrange(999)} || [[{rng.choice(WORDS)}]]" for _ in range(8)
            )
            parts.append(f'\n{{| class="wikitable"\n! Name !! Number !! Place\n|-\n{rows}\n|}}\n')
        if rng.random() < 0.3:
            parts.append(
                f"\n[[File:{rng.choice(WORDS)}.jpg|thumb|left|A [[{rng.choice(WORDS)}]] in {rng.choice(WORDS)}]]\n"
            )
        if rng.random() < 0.3:
            parts.append("\n" + "\n".join(f"* [[{rng.choice(WORDS)}]], {rng.choice(WORDS)}" for _ in range(5)) + "\n")
    parts.append("\n\n== References ==\n{{Reflist|30em}}\n\n[[Category:Made things]]\n[[Category:Stones]]\n")
    return "".join(parts)


def _sentence(rng: random.Random) -> str:
    words: Iterator[str] = (rng.choice(WORDS) for _ in range(rng.randrange(8, 24)))
    told = [
        f"[[{w.title()} {w}|{w}]]" if rng.random() < 0.15 else f"''{w}''" if rng.random() < 0.03 else w for w in words
    ]
    cited = (
        f'<ref name="r{rng.randrange(99)}">{{{{cite web |url=https://example.org/{rng.randrange(9999)} |title='
        f"{rng.choice(WORDS)} |access-date=2 May 2025 |publisher=[[{rng.choice(WORDS)}]]}}}}</ref>"
        if rng.random() < 0.35
        else ""
    )
    return f"The {' '.join(told)} in {rng.randrange(1500, 2026)}.{cited} "
