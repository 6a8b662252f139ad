"""WordNet: database files (WNDB) and WN-LMF, made here; and the whole of WordNet 3.0 where Debian installed it."""

import gzip
import lzma
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ravlm.errors import FormatError, PathError, RavlmError, UnknownChoice
from ravlm.knowledge.passages import passages
from ravlm.knowledge.rows import canonical
from ravlm.knowledge.sources.part import Part
from ravlm.knowledge.sources.wordnet import lmf, wndb
from ravlm.knowledge.sources.wordnet.frames import FRAMES, with_verb
from ravlm.knowledge.sources.wordnet.lmf_words import normal_language
from ravlm.knowledge.sources.wordnet.relations import _CHINESE, _ENGLISH, POINTERS, sentence
from ravlm.knowledge.sources.wordnet.senses import split_gloss
from ravlm.knowledge.sources.wordnet.source import WordNetSource
from ravlm.records import Entry

DEBIAN = Path("/usr/share/wordnet")
LICENCE = "".join(
    f"  {number} {text}  \n"
    for number, text in enumerate(
        ["This software is provided", "WordNet 3.0 Copyright 2006 by Princeton University."], 1
    )
)


@dataclass
class Line:
    """A synset to write: pointers are (symbol, key of the target, source/target)."""

    key: str
    words: Sequence[tuple[str, int]]
    gloss: str
    type: str = "n"
    file: int = 5
    pointers: Sequence[tuple[str, str, str]] = ()
    frames: str = ""
    offset: int = field(default=0)


def write_wndb(folder: Path, lines: Sequence[Line], top: str = LICENCE) -> Path:
    """The four data files; offsets are computed, since fields have fixed widths."""
    folder.mkdir(parents=True, exist_ok=True)
    by_key = {line.key: line for line in lines}
    groups = {"noun": "n", "verb": "v", "adj": "as", "adv": "r"}

    def said(line: Line) -> str:
        words = " ".join(f"{word} {number:x}" for word, number in line.words)
        pointers = "".join(
            f" {symbol} {by_key[key].offset:08d} {by_key[key].type} {ends}" for symbol, key, ends in line.pointers
        )
        return (
            f"{line.offset:08d} {line.file:02d} {line.type} {len(line.words):02x} {words} {len(line.pointers):03d}"
            f"{pointers}{' ' if line.frames else ''}{line.frames} | {line.gloss}  \n"
        )

    for types in groups.values():
        position = len(top.encode())
        for line in (line for line in lines if line.type in types):
            line.offset = position
            position += len(said(line).encode())
    for name, types in groups.items():
        text = top + "".join(said(line) for line in lines if line.type in types)
        (folder / f"data.{name}").write_bytes(text.encode())
    return folder


def world() -> list[Line]:
    return [
        Line("animal", [("animal", 0)], "a living organism", file=3, pointers=[("~", "dog", "0000")]),
        Line(
            "dog",
            [("dog", 0), ("domestic_dog", 0), ("Canis_familiaris", 0)],
            'a member of the genus Canis; occurs in many breeds; "the dog barked; it ran"; "good dog"- Anon',
            pointers=[("@", "animal", "0000"), ("%p", "tail", "0000"), ("+", "doglike", "0101"), ("~i", "Rex", "0000")],
        ),
        Line("tail", [("tail", 11)], 'the hind part; as in "tail end"', pointers=[("#p", "dog", "0000")]),
        Line("Rex", [("Rex", 0)], "", file=18, pointers=[("@i", "dog", "0000")]),
        Line(
            "bark",
            [("bark", 0), ("bark_out", 1)],
            "make barking sounds",
            "v",
            39,
            [("*", "breathe", "0000"), ("$", "breathe", "0000"), ("^", "breathe", "0201")],
            "02 + 02 00 + 08 02",
        ),
        Line("breathe", [("breathe", 0)], "draw air", "v", 29, [("!", "bark", "0101")], "01 + 36 00"),
        Line("able", [("able", 2)], "having power", "a", 0, [("=", "tail", "0000"), ("&", "doglike", "0000")]),
        Line("doglike", [("doglike(p)", 0), ("canine(ip)", 3)], "like a dog", "s", 0, [("&", "able", "0000")]),
        Line("ably", [("ably", 0)], "with ability", "r", 2, [("\\", "able", "0101"), (";u", "tail", "0000")]),
    ]


def read(source: WordNetSource) -> dict[str, Entry]:
    return {entry.title: entry for part in source.parts() for entry in part.entries}


def texts(entry: Entry) -> dict[str, str]:
    return {section.title: section.text for section in entry.sections}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_wndb(tmp_path / "wn", world())


# WNDB


def test_a_synset_of_wndb_in_full(small: Path) -> None:
    lines = {line.key: line.offset for line in world_written(small)}
    dog = read(WordNetSource(small))["dog"]
    assert dog.id == f"wordnet:{lines['dog']:08d}-n"
    assert (dog.source, dog.language, dog.licence) == ("wordnet", "en", "WordNet 3.0 License")
    assert dog.aliases == ("domestic dog", "Canis familiaris")
    assert texts(dog) == {
        "Definition": "dog, domestic dog, Canis familiaris (noun): a member of the genus Canis; occurs in many breeds.",
        "Examples": '"the dog barked; it ran". "good dog"- Anon.',
        "Relations": (
            "Dog is a kind of animal. Parts of dog: tail. Instances of dog: Rex. Related in form to dog: doglike."
        ),
    }
    assert dog.facts == (
        ("hypernym", "animal"),
        ("mero_part", "tail"),
        ("derivation", "doglike"),
        ("instance_hyponym", "Rex"),
    )
    satellite = f"wordnet:{lines['doglike']:08d}-s"
    assert dog.meta == {
        "pos": "n",
        "lexname": "noun.animal",
        "offset": f"{lines['dog']:08d}",
        "sense_keys": ["dog%1:05:00::", "domestic_dog%1:05:00::", "canis_familiaris%1:05:00::"],
        "relations": {
            "hypernym": [f"wordnet:{lines['animal']:08d}-n"],
            "mero_part": [f"wordnet:{lines['tail']:08d}-n"],
            "derivation": [satellite],
            "instance_hyponym": [f"wordnet:{lines['Rex']:08d}-n"],
        },
        "word_relations": [["derivation", "dog", "doglike", satellite]],
    }


def world_written(folder: Path) -> list[Line]:
    """The small world with its offsets."""
    lines = world()
    write_wndb(folder, lines)
    return lines


def test_verbs_have_sentence_frames_and_infinitives(small: Path) -> None:
    entries = read(WordNetSource(small))
    assert entries["bark"].meta["frames"] == ["Somebody barks", "Somebody barks out something"]
    assert entries["breathe"].meta["frames"] == ["frame 36"]
    assert texts(entries["bark"])["Relations"] == (
        "Verbs close in meaning to bark: breathe. To bark entails: to breathe. Bark out: see also breathe."
    )
    assert texts(entries["breathe"])["Relations"] == "The opposite of breathe is bark."


def test_satellites_keep_their_type_their_markers_and_their_head(small: Path) -> None:
    entries = read(WordNetSource(small))
    assert entries["doglike"].id.endswith("-s")
    assert entries["doglike"].aliases == ("canine",)
    assert entries["doglike"].meta["markers"] == {"doglike": "p", "canine": "ip"}
    assert entries["doglike"].meta["sense_keys"] == ["doglike%5:00:00:able:02", "canine%5:00:03:able:02"]
    assert entries["able"].meta["sense_keys"] == ["able%3:00:02::"]
    assert texts(entries["doglike"])["Definition"] == "doglike, canine (adjective): like a dog."
    assert entries["tail"].meta["sense_keys"] == ["tail%1:05:11::"], "lex_ids are hexadecimal"


def test_a_satellites_key_keeps_the_marker_of_its_head(tmp_path: Path) -> None:
    lines = [
        Line("afraid", [("Afraid(p)", 0)], "filled with fear", "a", 0, [("&", "aghast", "0000")]),
        Line("aghast", [("aghast", 0)], "struck with fear", "s", 0, [("&", "afraid", "0000")]),
    ]
    entries = read(WordNetSource(write_wndb(tmp_path, lines)))
    assert entries["aghast"].meta["sense_keys"] == ["aghast%5:00:00:afraid(p):00"]
    assert entries["Afraid"].meta["sense_keys"] == ["afraid%3:00:00::"]


def test_adverbs_and_odd_glosses(small: Path) -> None:
    entries = read(WordNetSource(small))
    assert texts(entries["ably"])["Relations"] == "Ably is the adverb of able. Ably is an example of tail."
    assert texts(entries["tail"])["Definition"] == 'tail (noun): the hind part; as in "tail end".'
    assert texts(entries["Rex"]) == {"Definition": "Rex (noun).", "Relations": "Rex is an instance of dog."}


def test_index_sense_is_believed_where_it_fits(small: Path) -> None:
    offset = {line.key: line.offset for line in world_written(small)}
    index = f"dog%1:05:17:: {offset['dog']:08d} 1 42\nother%1:05:00:: {offset['tail']:08d} 1 0\n"
    (small / "index.sense").write_text(index)
    entries = read(WordNetSource(small))
    assert entries["dog"].meta["sense_keys"] == [
        "dog%1:05:17::",
        "domestic_dog%1:05:00::",
        "canis_familiaris%1:05:00::",
    ]
    assert entries["tail"].meta["sense_keys"] == ["tail%1:05:11::"]
    (small / "index.sense").write_text("dog\n")
    with pytest.raises(FormatError, match=r"index\.sense, line 1"):
        read(WordNetSource(small))


def test_a_sentence_says_twenty_and_the_facts_say_all(tmp_path: Path) -> None:
    kinds = [Line(f"k{i}", [(f"kind_{i}", 0)], "a kind") for i in range(23)]
    top = Line("top", [("top", 0)], "all", pointers=[("~", kind.key, "0000") for kind in kinds])
    entry = read(WordNetSource(write_wndb(tmp_path, [top, *kinds])))["top"]
    assert texts(entry)["Relations"].endswith("kind 18, kind 19 and 3 more.")
    assert len(entry.facts) == 23
    assert len(entry.meta["relations"]["hyponym"]) == 23


def test_an_unknown_pointer_symbol_keeps_its_name(tmp_path: Path) -> None:
    lines = [Line("a", [("a", 0)], "x", pointers=[("{}", "b", "0000")]), Line("b", [("b{0}", 0)], "y")]
    entry = read(WordNetSource(write_wndb(tmp_path, lines)))["a"]
    assert entry.facts == (("pointer {}", "b{0}"),)
    assert texts(entry)["Relations"] == "Related to a (pointer {}): b{0}."


@pytest.mark.parametrize(
    ("top", "licence"),
    [
        ("  1 WordNet 3.1 Copyright 2011 by Princeton University.\n", "WordNet 3.1 License"),
        (
            "  1 under the Creative Commons Attribution 4.0  \n  2 International License.\n  3 Open English WordNet"
            " 2021 Copyright 2021\n  4 WordNet 3.1 Copyright 2011\n",
            "CC BY 4.0 (see the top of data.noun)",
        ),
        ("", "see the top of data.noun"),
    ],
)
def test_the_licence_is_the_one_on_top_of_the_file(tmp_path: Path, top: str, licence: str) -> None:
    assert read(WordNetSource(write_wndb(tmp_path, world(), top)))["dog"].licence == licence


def test_control_characters_and_other_scripts(tmp_path: Path) -> None:
    lines = [Line("a", [("naïve_café", 0)], "fr\x00om\tFrench \x1b[31m 法语")]
    entry = read(WordNetSource(write_wndb(tmp_path, lines)))["naïve café"]
    assert texts(entry)["Definition"] == "naïve café (noun): fr om French [31m 法语."
    assert entry.meta["sense_keys"] == ["naïve_café%1:05:00::"]


def damaged(folder: Path, what: str) -> None:
    path = folder / "data.noun"
    text = path.read_bytes()
    lines = text.splitlines(keepends=True)
    first = len(LICENCE.encode())
    path.write_bytes(
        {
            "crlf": text.replace(b"\n", b"\r\n"),
            "edited": text.replace(b"a living organism", b"a living thing"),
            "cut": text[:-10],
            "not utf-8": text.replace(b"living", b"liv\xffng"),
            "no gloss": text.replace(b" | a living", b" + a living"),
            "two words announced": text.replace(b" 01 animal", b" 02 animal"),
            "pointers announced": text.replace(b" 001 ~", b" 007 ~"),
            "more fields": text.replace(b" 001 ~", b" 000 ~"),
            "count of letters": text.replace(b" 001 ~", b" zzz ~"),
            "dangling": re.sub(rb"~ \d{8} n", b"~ 00000001 n", text),
            "pointer to part of speech": re.sub(rb"(~ \d{8}) n", rb"\1 q", text),
            "words that are not there": text.replace(b"n 0000 |", b"n 0909 |", 1),
            "indented": text[:first] + b"  " + text[first + 2 :],
            "type of another file": text.replace(b" 03 n ", b" 03 v "),
            "empty line": text + b"\n",
            "zero words": lines[0] + lines[1] + b"%08d 03 n 00 000 | x\n" % first,
            "empty": b"",
            "null bytes": text[:first] + b"\0" * 50 + b"\n",
        }[what]
    )


@pytest.mark.parametrize(
    "what",
    [
        "crlf",
        "edited",
        "cut",
        "not utf-8",
        "no gloss",
        "two words announced",
        "pointers announced",
        "more fields",
        "count of letters",
        "dangling",
        "pointer to part of speech",
        "words that are not there",
        "indented",
        "type of another file",
        "empty line",
        "zero words",
        "empty",
        "null bytes",
    ],
)
def test_damage_is_an_error_that_names_the_file(small: Path, what: str) -> None:
    damaged(small, what)
    with pytest.raises(FormatError, match=r"data\.noun(, line \d+: |.* is empty)") as caught:
        read(WordNetSource(small))
    assert "again" in str(caught.value)


def test_an_error_names_the_line(small: Path) -> None:
    path = small / "data.verb"
    path.write_bytes(path.read_bytes().replace(b"08 02", b"08 09"))
    with pytest.raises(FormatError, match=r"data\.verb, line 3: .*word 09"):
        read(WordNetSource(small))


def test_a_line_without_end_is_not_held(small: Path) -> None:
    with (small / "data.adv").open("ab") as file:
        file.write(b"9" * (wndb.LONGEST_LINE + 1) + b"\n")
    with pytest.raises(FormatError, match="more than 1,000,000 bytes"):
        read(WordNetSource(small))


def test_what_is_no_wordnet(tmp_path: Path, small: Path) -> None:
    with pytest.raises(PathError, match="nothing there"):
        WordNetSource(tmp_path / "none")
    with pytest.raises(PathError, match="give its folder"):
        WordNetSource(small / "data.noun")
    (small / "data.adv").unlink()
    with pytest.raises(PathError, match=r"has no data\.adv"):
        WordNetSource(small)
    with pytest.raises(PathError, match="no pictures"):
        WordNetSource(write_wndb(tmp_path / "x", world())).picture("dog.jpg")


def test_princetons_archive_is_found_by_its_folder(tmp_path: Path) -> None:
    write_wndb(tmp_path / "WordNet-3.0" / "dict", world())
    assert "dog" in read(WordNetSource(str(tmp_path / "WordNet-3.0")))


def test_wndb_is_english(small: Path) -> None:
    assert "dog" in read(WordNetSource(small, language="eng"))
    with pytest.raises(UnknownChoice, match="Choose one of: en"):
        WordNetSource(small, language="zh")


def test_settings_tell_two_sources_apart(small: Path, tmp_path: Path) -> None:
    source = WordNetSource(small, "mine")
    assert source.name == "mine"
    assert source.settings() == WordNetSource(small, "mine").settings()
    other = write_wndb(tmp_path / "other", [*world()[:1], Line("dog", [("dog", 0)], "x")])
    assert WordNetSource(other, "mine").settings() != source.settings()
    assert {entry.source for entry in read(source).values()} == {"mine"}


# WN-LMF


HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE LexicalResource SYSTEM "http://globalwordnet.github.io/schemas/WN-LMF-1.4.dtd">\n'
    '<LexicalResource xmlns:dc="https://globalwordnet.github.io/schemas/dc/">\n'
)
ENGLISH = """
<Lexicon id="oewn" label="Open English" language="en" email="a@b" version="2024" url="https://en-word.net/"
    license="https://creativecommons.org/licenses/by/4.0">
  <LexicalEntry id="oewn-domestic_dog-n"><Lemma writtenForm="domestic dog" partOfSpeech="n"/>
    <Sense id="oewn-domestic_dog__1.05.00.." synset="oewn-1-n"><Example>a domestic dog</Example></Sense></LexicalEntry>
  <LexicalEntry id="oewn-dog-n"><Lemma writtenForm="dog" partOfSpeech="n"><Pronunciation>dɒɡ</Pronunciation></Lemma>
    <Form writtenForm="dogs"/>
    <Sense id="oewn-dog__1.05.00.." synset="oewn-1-n">
      <SenseRelation relType="derivation" target="oewn-o-apos-doggish__5.00.00.big-sp-able.02"/>
      <SenseRelation relType="other" dc:type="nickname" target="gone"/></Sense></LexicalEntry>
  <LexicalEntry id="oewn-doggish-s"><Lemma writtenForm="O'doggish" partOfSpeech="s"/>
    <Sense id="oewn-o-apos-doggish__5.00.00.big-sp-able.02" synset="oewn-3-s" adjposition="p"/></LexicalEntry>
  <LexicalEntry id="oewn-animal-n"><Lemma writtenForm="animal" partOfSpeech="n"/>
    <Sense id="k1" synset="oewn-2-n" dc:identifier="animal%1:03:00::"/></LexicalEntry>
  <LexicalEntry id="oewn-bark-v"><Lemma writtenForm="bark" partOfSpeech="v"/>
    <Sense id="k2" synset="oewn-4-v" subcat="via vtai"/></LexicalEntry>
  <Synset id="oewn-1-n" ili="i46360" members="oewn-dog-n oewn-domestic_dog-n" partOfSpeech="n" lexfile="noun.animal">
    <Definition>a member of the genus Canis &amp; a
       friend</Definition><ILIDefinition>not read, as there is a definition</ILIDefinition>
    <SynsetRelation relType="hypernym" target="oewn-2-n"/>
    <SynsetRelation relType="hypernym" target="pwn-elsewhere"/>
    <Example>"good dog"</Example><Example dc:source="x">the dog barked.</Example></Synset>
  <Synset id="oewn-2-n" ili="in" partOfSpeech="n"><ILIDefinition>a living organism</ILIDefinition>
    <SynsetRelation relType="hyponym" target="oewn-1-n"/></Synset>
  <Synset id="oewn-3-s" ili="" members="oewn-doggish-s" dc:subject="adj.all"/>
  <Synset id="oewn-4-v" ili="" partOfSpeech="v"><Definition>make sounds</Definition></Synset>
  <Synset id="oewn-5-n" ili="" partOfSpeech="n"><Definition>nobody has a word for it</Definition></Synset>
  <SyntacticBehaviour id="via" subcategorizationFrame="Somebody ----s"/>
  <SyntacticBehaviour id="vtai" subcategorizationFrame="Somebody ----s something"/>
</Lexicon>"""
CHINESE = """
<Lexicon id="cow" label="中文" language="cmn" email="a@b" version="1.0" license="wordnet">
  <LexicalEntry id="c1"><Lemma writtenForm="狗" partOfSpeech="n"/><Sense id="cs1" synset="cow-1-n"/></LexicalEntry>
  <LexicalEntry id="c2"><Lemma writtenForm="犬" partOfSpeech="n"/><Sense id="cs2" synset="cow-1-n"/></LexicalEntry>
  <LexicalEntry id="c3"><Lemma writtenForm="动物" partOfSpeech="n"/><Sense id="cs3" synset="cow-2-n">
    <SenseRelation relType="antonym" target="cs1"/></Sense></LexicalEntry>
  <Synset id="cow-1-n" ili="i46360" partOfSpeech="n"><Definition>被人类驯养的犬科动物</Definition>
    <Definition language="eng">a tame wolf</Definition>
    <SynsetRelation relType="hypernym" target="cow-2-n"/><Example>狗在叫</Example></Synset>
  <Synset id="cow-2-n" ili="" partOfSpeech="n"><SynsetRelation relType="hyponym" target="cow-1-n"/></Synset>
</Lexicon>"""


def write_lmf(path: Path, *lexicons: str, head: str = HEAD) -> Path:
    text = (head + "".join(lexicons) + "\n</LexicalResource>\n").encode()
    path.write_bytes({".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)(text))
    return path


@pytest.fixture
def both(tmp_path: Path) -> Path:
    return write_lmf(tmp_path / "wn.xml", ENGLISH, CHINESE)


def test_a_synset_of_lmf_in_full(both: Path) -> None:
    dog = read(WordNetSource(both))["dog"]
    assert dog == Entry(
        id="oewn-1-n",
        title="dog",
        sections=dog.sections,
        facts=(("hypernym", "animal"), ("derivation", "O'doggish")),
        aliases=("domestic dog",),
        source="wordnet",
        licence="https://creativecommons.org/licenses/by/4.0",
        url="https://en-word.net/",
        language="en",
        meta={
            "pos": "n",
            "lexicon": "oewn:2024",
            "lexname": "noun.animal",
            "ili": "i46360",
            "senses": ["oewn-dog__1.05.00..", "oewn-domestic_dog__1.05.00.."],
            "sense_keys": ["dog%1:05:00::", "domestic_dog%1:05:00::"],
            "relations": {"hypernym": ["oewn-2-n", "pwn-elsewhere"], "derivation": ["oewn-3-s"], "nickname": ["gone"]},
            "word_relations": [
                ["derivation", "dog", "O'doggish", "oewn-3-s"],
                ["nickname", "dog", "", "gone"],
            ],
        },
    )
    assert texts(dog) == {
        "Definition": "dog, domestic dog (noun): a member of the genus Canis & a friend.",
        "Examples": '"good dog". "the dog barked." "a domestic dog".',
        "Relations": "Dog is a kind of animal. Related in form to dog: O'doggish.",
    }


def test_lmf_keys_markers_frames_and_definitions_of_the_ili(both: Path) -> None:
    entries = read(WordNetSource(both))
    assert entries["O'doggish"].meta["sense_keys"] == ["o'doggish%5:00:00:big_able:02"]
    assert entries["O'doggish"].meta["markers"] == {"O'doggish": "p"}
    assert entries["O'doggish"].meta["lexname"] == "adj.all"
    assert texts(entries["O'doggish"]) == {"Definition": "O'doggish (adjective)."}
    assert entries["animal"].meta["sense_keys"] == ["animal%1:03:00::"]
    assert texts(entries["animal"])["Definition"] == "animal (noun): a living organism."
    assert entries["bark"].meta["frames"] == ["Somebody barks", "Somebody barks something"]


def test_chinese_is_said_in_chinese(both: Path) -> None:
    dog = read(WordNetSource(both))["狗"]
    assert (dog.language, dog.licence, dog.url) == ("zh", "wordnet", "")
    assert [(section.title, section.text, section.language) for section in dog.sections] == [
        ("定义", "狗、犬（名词）：被人类驯养的犬科动物。", None),
        ("定义", "狗, 犬 (noun): a tame wolf.", "en"),
        ("例句", "“狗在叫”。", None),
        ("关系", "狗是一种动物。", None),
    ]
    animal = read(WordNetSource(both))["动物"]
    assert texts(animal) == {"定义": "动物（名词）。", "关系": "动物的反义词是狗。动物的种类有狗。"}
    assert animal.facts == (("hyponym", "狗, 犬"), ("antonym", "狗"))


def test_the_language_picks_lexicons(both: Path) -> None:
    for language in ("zh", "cmn", "ZHO"):
        assert set(read(WordNetSource(both, language=language))) == {"狗", "动物"}
    assert "狗" not in read(WordNetSource(both, language="eng"))
    with pytest.raises(UnknownChoice, match="Choose one of: en, zh"):
        read(WordNetSource(both, language="fr"))


def test_synsets_without_words_and_with_long_ids_are_counted(tmp_path: Path) -> None:
    long = "x" * 513
    text = ENGLISH.replace("oewn-4-v", long)
    source = WordNetSource(write_lmf(tmp_path / "a.xml", text))
    (part,) = source.parts()
    assert (part.read, len(part.entries)) == (5, 3)
    assert part.skipped == {"no words": 1, "an id of more than 512 characters": 1}
    assert part.done == source.size


def test_frames_as_lmf_1_0_has_them(tmp_path: Path) -> None:
    lexicon = """<Lexicon id="x" label="x" language="sv" email="" license="l" version="1">
      <LexicalEntry id="e"><Lemma writtenForm="pay" partOfSpeech="v"/>
        <Sense id="s1" synset="y1"/><Sense id="s2" synset="y2"/>
        <SyntacticBehaviour subcategorizationFrame="Somebody ----s somebody"/>
        <SyntacticBehaviour subcategorizationFrame="Sam ----s Sue" senses="s2 unknown"/></LexicalEntry>
      <Synset id="y1" ili="" partOfSpeech="v"><SynsetRelation relType="entail" target="y2"/></Synset>
      <Synset id="y2" ili=""><SynsetRelation relType="part_holonym" target="y1"/></Synset></Lexicon>"""
    first, second = (e for p in WordNetSource(write_lmf(tmp_path / "a.xml", lexicon)).parts() for e in p.entries)
    assert first.meta["frames"] == ["Somebody pays somebody"]
    assert second.meta["frames"] == ["Somebody pays somebody", "Sam pays Sue"]
    assert (first.facts, second.facts) == ((("entails", "pay"),), (("holo_part", "pay"),))
    assert (first.language, second.meta["pos"]) == ("sv", "v")


def test_words_that_another_lexicon_gives_a_synset_come_last(tmp_path: Path) -> None:
    swedish = """<Lexicon id="sv" label="x" language="sv" email="" license="l" version="1"><LexicalEntry id="w4">
      <Lemma writtenForm="hund" partOfSpeech="n"/><Sense id="sv1" synset="oewn-1-n">
      <SenseRelation relType="also" target="k1"/></Sense></LexicalEntry></Lexicon>"""
    dog = read(WordNetSource(write_lmf(tmp_path / "a.xml", swedish, ENGLISH)))["dog"]
    assert dog.aliases == ("domestic dog", "hund")
    assert dog.meta["senses"] == ["oewn-dog__1.05.00..", "oewn-domestic_dog__1.05.00..", "sv1"]
    assert ["also", "hund", "animal", "oewn-2-n"] in dog.meta["word_relations"]


def test_sentences_about_another_language_are_marked_as_english(tmp_path: Path) -> None:
    french = CHINESE.replace('"cmn"', '"fra"')
    dog = read(WordNetSource(write_lmf(tmp_path / "a.xml", french)))["狗"]
    assert dog.language == "fr"
    assert [section.language for section in dog.sections] == [None, "en", None, "en"]


def test_an_extension_gives_its_own_synsets(tmp_path: Path) -> None:
    extension = """<LexiconExtension id="more" label="x" language="en" email="" license="l" version="1">
      <Extends id="oewn" version="2024"/>
      <LexicalEntry id="m1"><Lemma writtenForm="doge" partOfSpeech="n"/><Sense id="m" synset="more-1-n"/></LexicalEntry>
      <ExternalLexicalEntry id="oewn-dog-n"><ExternalSense id="oewn-dog__1.05.00.."><Example>x</Example></ExternalSense>
      </ExternalLexicalEntry>
      <ExternalSynset id="oewn-1-n"><SynsetRelation relType="hyponym" target="more-1-n"/></ExternalSynset>
      <Synset id="more-1-n" ili=""><SynsetRelation relType="hypernym" target="oewn-1-n"/></Synset></LexiconExtension>"""
    source = WordNetSource(write_lmf(tmp_path / "a.xml", ENGLISH, extension))
    (part,) = source.parts()
    assert part.skipped == {"no words": 1, "adds to another lexicon's synset": 1}
    assert part.entries[-1].facts == (("hypernym", "dog, domestic dog"),)
    assert part.entries[0].facts == (("hypernym", "animal"), ("derivation", "O'doggish"))


@pytest.mark.parametrize("name", ["wn.xml.gz", "wn.xml.xz", "named-otherwise"])
def test_compressed_lmf(tmp_path: Path, both: Path, name: str) -> None:
    source = WordNetSource(write_lmf(tmp_path / name, ENGLISH, CHINESE))
    assert read(source) == read(WordNetSource(both))
    assert [part.done for part in source.parts()] == [source.size]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not well-formed"),
        ("<html><body/></html>", "is not WN-LMF: found <html>"),
        (HEAD + "</LexicalResource>", "holds no lexicon"),
        (HEAD + ENGLISH, "not well-formed"),
        (HEAD + '<Lexicon id="x" label="x"/></LexicalResource>', "a <Lexicon> without `language`"),
        (
            HEAD + '<Lexicon id="x" language="en"><LexicalEntry id="e7"><Sense id="s"/></LexicalEntry>',
            "a <Sense> without `synset` in the entry 'e7'",
        ),
        (
            HEAD + '<Lexicon id="x" language="en"><LexicalEntry id="e"><Sense id="s" synset="y"/></LexicalEntry>',
            "an entry without a word",
        ),
        (HEAD + '<Lexicon id="x" language="en"><Synset ili=""/>', "a <Synset> without `id`"),
        (HEAD + '<Lexicon id="x" language="en"><Synset id="y"><SynsetRelation relType="a"/>', "without `target`"),
        ('<!DOCTYPE LexicalResource [<!ENTITY a "aaa">]><LexicalResource>&a;</LexicalResource>', "which is refused"),
        ("<!DOCTYPE LexicalResource [<!ELEMENT a ANY>]><LexicalResource/>", "a document type, which is refused"),
    ],
)
def test_what_is_no_lmf(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(FormatError, match=re.escape(message)):
        read(WordNetSource(path))


def test_a_cut_archive_is_damaged(tmp_path: Path) -> None:
    path = write_lmf(tmp_path / "a.xml.gz", ENGLISH)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FormatError, match="damaged or cut off"):
        read(WordNetSource(path))


def test_the_same_world_in_both_formats_says_the_same(tmp_path: Path, small: Path) -> None:
    """WNDB's small world written as LMF: the same words, texts, facts and keys come out."""
    wanted = [entry for part in WordNetSource(small).parts() for entry in part.entries]
    entries, synsets, key_of = [], [], {}
    for entry in wanted:
        key_of |= dict(zip(((entry.id, w) for w in words(entry)), entry.meta["sense_keys"], strict=True))
    escaped = {ord("<"): "&lt;", ord("&"): "&amp;", ord('"'): "&quot;"}
    for entry in wanted:
        between = entry.meta.get("word_relations", [])
        for word in words(entry):
            key = key_of[entry.id, word]
            related = "".join(
                f'<SenseRelation relType="{name}" target="{key_of[target, other]}"/>'
                for name, source, other, target in between
                if source == word
            )
            entries.append(
                f'<LexicalEntry id="e-{key}"><Lemma writtenForm="{word}" partOfSpeech="{entry.meta["pos"]}"/>'
                f'<Sense id="{key}" synset="{entry.id}" dc:identifier="{key}">{related}</Sense></LexicalEntry>'
            )
        lexical = {(name, target) for name, _, _, target in between}
        relations = "".join(
            f'<SynsetRelation relType="{name}" target="{target}"/>'
            for name, targets in entry.meta.get("relations", {}).items()
            for target in targets
            if (name, target) not in lexical
        )
        definition = texts(entry)["Definition"].partition("): ")[2].translate(escaped)
        examples = "".join(
            f"<Example>{example.translate(escaped)}</Example>"
            for example in re.findall(r'"[^"]*"[^".]*', texts(entry).get("Examples", ""))
            if example.strip()
        )
        synsets.append(
            f'<Synset id="{entry.id}" ili="" partOfSpeech="{entry.meta["pos"]}" lexfile="{entry.meta["lexname"]}">'
            f"<Definition>{definition}</Definition>{relations}{examples}</Synset>"
        )
    lexicon = '<Lexicon id="w" label="w" language="en" email="" license="WordNet 3.0 License" version="3.0">'
    path = write_lmf(tmp_path / "w.xml", lexicon, *entries, *synsets, "</Lexicon>")
    found = [entry for part in WordNetSource(path).parts() for entry in part.entries]
    assert [(e.id, e.title, e.aliases, e.sections, set(e.facts), e.licence) for e in found] == [
        (e.id, e.title, e.aliases, e.sections, set(e.facts), e.licence) for e in wanted
    ]
    assert [e.meta["sense_keys"] for e in found] == [e.meta["sense_keys"] for e in wanted]


def words(entry: Entry) -> tuple[str, ...]:
    return (entry.title, *entry.aliases)


# Both


@pytest.fixture(params=["wndb", "lmf", "chinese"])
def in_small_parts(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, small: Path, both: Path
) -> WordNetSource:
    monkeypatch.setattr(wndb, "_IN_PART", 2)
    monkeypatch.setattr(lmf, "_IN_PART", 2)
    return {
        "wndb": WordNetSource(small),
        "lmf": WordNetSource(both),
        "chinese": WordNetSource(both, language="zh"),
    }[request.param]


def test_reading_goes_on_after_any_part(in_small_parts: WordNetSource) -> None:
    whole = list(in_small_parts.parts())
    assert len(whole) > 1 or in_small_parts.settings()["language"] == "zh"
    for number, part in enumerate(whole):
        assert list(in_small_parts.parts(part.place)) == whole[number + 1 :]


def test_progress_moves_to_the_end_and_counts_add_up(in_small_parts: WordNetSource) -> None:
    parts = list(in_small_parts.parts())
    done = [part.done for part in parts]
    assert done == sorted(done)
    assert done[-1] == in_small_parts.size
    assert all(part.read == len(part.entries) + sum(part.skipped.values()) for part in parts)


def test_entries_can_be_kept_and_cut_into_passages(small: Path, both: Path) -> None:
    for path in (small, both):
        for entry in read(WordNetSource(path)).values():
            assert canonical(entry)
            assert passages(entry)


def test_every_symbol_has_a_sentence_in_both_languages() -> None:
    assert set(POINTERS.values()) <= set(_ENGLISH)
    assert {name for name in _ENGLISH if not name.endswith("/n") or "attribute" in name} - {"pertainym/r"} <= set(
        _CHINESE
    )
    for relation in _ENGLISH:
        name, _, pos = relation.partition("/")
        for language in ("en", "zh"):
            said = sentence(name, "{s} a", ["b{t}", "c"], pos or "a", language)
            assert "{s} a" in said.replace("{S}", "{s}")
            assert "b{t}" in said
            assert said.endswith("." if language == "en" else "。")


@pytest.mark.parametrize(
    ("verb", "third", "ing"),
    [
        ("rain", "rains", "raining"),
        ("be", "is", "being"),
        ("go", "goes", "going"),
        ("try", "tries", "trying"),
        ("play", "plays", "playing"),
        ("miss", "misses", "missing"),
        ("lie", "lies", "lying"),
        ("blaze up", "blazes up", "blazing up"),
        ("drip", "drips", "dripping"),
        ("agree", "agrees", "agreeing"),
        ("have", "has", "having"),
    ],
)
def test_verbs_take_the_form_that_a_frame_asks_for(verb: str, third: str, ing: str) -> None:
    assert with_verb("Somebody ----s something", verb) == f"Somebody {third} something"
    assert with_verb("It is ----ing", verb) == f"It is {ing}"
    assert with_verb("Sam cannot ---- Sue", verb) == f"Sam cannot {verb} Sue"


def test_there_are_thirty_five_frames_each_with_one_gap() -> None:
    assert len(FRAMES) == 35
    assert all(frame.count("----") == 1 for frame in FRAMES)


@pytest.mark.parametrize(
    ("tag", "normal"), [("cmn-Hans", "zh-Hans"), ("EN_us", "en-us"), ("jpn", "ja"), ("", ""), ("tlh", "tlh")]
)
def test_language_tags(tag: str, normal: str) -> None:
    assert normal_language(tag) == normal


@given(st.text(alphabet="ab ;\"(`'"))
def test_a_gloss_is_split_without_losing_anything(gloss: str) -> None:
    definition, examples = split_gloss(gloss)
    kept = Counter(re.sub(r"[\s;]", "", definition + "".join(examples)))
    assert kept == Counter(re.sub(r"[\s;]", "", gloss))
    assert all(example.startswith('"') for example in examples[:1])


def unharmed(source: WordNetSource) -> None:
    """Reading gives entries that can be kept, or an error for the user; nothing else."""
    try:
        for part in source.parts():
            for entry in part.entries:
                canonical(entry)
    except RavlmError:
        pass


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_bytes_in_wndb_crash_the_reader(small: Path, data: st.DataObject) -> None:
    write_wndb(small, world())
    name = data.draw(st.sampled_from(["data.noun", "data.verb", "data.adj", "index.sense"]))
    path = small / name
    text = path.read_bytes() if path.exists() else b"dog%1:05:00:: 00000099 1 0\n"
    at = data.draw(st.integers(min(len(LICENCE), len(text)), len(text)))
    junk = data.draw(st.one_of(st.binary(max_size=30), st.text(alphabet='0123456789 -+_xnvas|~@\n"', max_size=20)))
    extra = junk if isinstance(junk, bytes) else junk.encode()
    path.write_bytes(text[:at] + extra + text[at + data.draw(st.sampled_from([0, len(extra)])) :])
    unharmed(WordNetSource(small))
    (small / "index.sense").unlink(missing_ok=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_bytes_in_lmf_crash_the_reader(both: Path, data: st.DataObject) -> None:
    text = HEAD + ENGLISH + CHINESE + "</LexicalResource>"
    if data.draw(st.booleans()):
        tags = [found.span() for found in re.finditer(r"<[^>]*>", text)]
        one, other = (data.draw(st.sampled_from(tags)) for _ in range(2))
        text = text[: one[0]] + text[other[0] : other[1]] + text[one[1] :]
    else:
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.text(alphabet="<>/=\"'& aSynset狗\n", max_size=12)) + text[at + 3 :]
    both.write_text(text)
    unharmed(WordNetSource(both))


# The whole of WordNet 3.0

needs_wordnet = pytest.mark.skipif(
    not (DEBIAN / "data.noun").is_file(), reason=f"no WordNet in {DEBIAN}; Debian's package wordnet-base installs it"
)


def simple_lines() -> Iterator[tuple[str, str]]:
    """(id, line) of every synset, read in the simplest way."""
    for name in ("noun", "verb", "adj", "adv"):
        for line in (DEBIAN / f"data.{name}").read_text().splitlines():
            if line[0] != " ":
                yield f"wordnet:{line[:8]}-{line[12]}", line


@needs_wordnet
def test_the_whole_of_wordnet() -> None:
    """Counts as in wnstats(7WN), the sense keys of cntlist.rev, all pointers, and parity with a second reading."""
    second = simple_lines()
    counts: Counter[str] = Counter()
    ids, targets, senses = set(), set(), set()
    longest = 0
    last = Part([], 0, 0, None)
    source = WordNetSource(DEBIAN)
    for last in source.parts():
        for entry in last.entries:
            identity, line = next(second)
            assert entry.id == identity
            if len(ids) % 10 == 0:
                same_as_simple(entry, line)
            counts[entry.meta["pos"]] += 1
            ids.add(entry.id)
            senses.update((key, entry.id) for key in entry.meta["sense_keys"])
            for found in entry.meta.get("relations", {}).values():
                targets.update(found)
            longest = max(longest, *(len(section.text) for section in entry.sections))
    assert next(second, None) is None
    assert counts == {"n": 82115, "v": 13767, "a": 7463, "s": 10693, "r": 3621}
    assert (counts.total(), len(ids)) == (117659, 117659)
    assert targets <= ids
    assert len({(key.partition("%")[0], synset) for key, synset in senses}) == 206941, "word-sense pairs"
    assert tagged_senses({key for key, _ in senses}) == {("last", "a"): 6}
    assert longest < 3000
    assert last.done == source.size


def tagged_senses(keys: set[str]) -> dict[tuple[str, str], int]:
    """Where the index files count other tagged senses of a word than cntlist.rev has keys that were made.

    cntlist.rev holds keys of older versions too, which no sense has any more; the index counts those that are left.
    For the adjective `last` it counts one with the head `dying(a)`, which data.adj has without a marker.
    """
    made: Counter[tuple[str, str]] = Counter()
    for line in (DEBIAN / "cntlist.rev").read_text().splitlines():
        key = line.partition(" ")[0]
        if key in keys:
            word, _, rest = key.partition("%")
            made[word, "nvara"[int(rest[0]) - 1]] += 1
    counted = {}
    for name in ("noun", "verb", "adj", "adv"):
        for line in (DEBIAN / f"index.{name}").read_text().splitlines():
            if line[0] != " ":
                fields = line.split()
                if (count := int(fields[-1 - int(fields[2])])) > 0:
                    counted[fields[0], fields[1]] = count
    assert sum(counted.values()) == 35_478
    return {word: made[word] for word in counted.keys() | made.keys() if made[word] != counted.get(word)}


def same_as_simple(entry: Entry, line: str) -> None:
    """An entry has the words, the pointers and the gloss that regular expressions find in its line."""
    head, _, gloss = line.partition(" | ")
    pointers = re.findall(r" \S{1,2} (\d{8}) ([nvasr]) ([0-9a-f]{4})(?= |$)", head)
    found = re.findall(r"(\S+) [0-9a-f](?= )", head[17:].split(f" {len(pointers):03d} ")[0] + " ")
    assert [re.sub(r"\((a|p|ip)\)$", "", word).replace("_", " ") for word in found] == list(words(entry))
    once = "".join(dict.fromkeys(re.split(r'; ?(?=")', gloss.strip())))
    assert re.sub(r'[\s;."]', "", once) == re.sub(r'[\s;."]', "", glossed(entry))
    relations = entry.meta.get("relations", {})
    assert {target[8:16] for ids in relations.values() for target in ids} == {offset for offset, _, _ in pointers}
    assert len(entry.meta.get("word_relations", [])) == sum(ends != "0000" for _, _, ends in pointers)


def glossed(entry: Entry) -> str:
    """The gloss as the entry has it."""
    parts = texts(entry)
    return parts["Definition"].partition("): ")[2] + parts.get("Examples", "")


@needs_wordnet
def test_reading_goes_on_in_the_middle_of_wordnet() -> None:
    place = {"file": "data.adv", "at": (DEBIAN / "data.adv").read_bytes().index(b"\n00516492 ") + 1}
    entry = next(WordNetSource(DEBIAN).parts(place)).entries[0]
    assert entry.id == "wordnet:00516492-r"
