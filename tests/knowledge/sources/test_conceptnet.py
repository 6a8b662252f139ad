"""ConceptNet's assertions file: what becomes of each line, of each concept, and of a build that is taken up again."""

import bz2
import gzip
import io
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravlm.errors import FormatError, KnowledgeError, PathError
from ravlm.knowledge.passages import passages
from ravlm.knowledge.rows import canonical, parse
from ravlm.knowledge.sources.conceptnet import buckets as buckets_module
from ravlm.knowledge.sources.conceptnet import edges as edges_module
from ravlm.knowledge.sources.conceptnet import source as source_module
from ravlm.knowledge.sources.conceptnet.edges import EdgeReader, LeftOut, line_lists, read_info, surface_sentence
from ravlm.knowledge.sources.conceptnet.entries import entries_of
from ravlm.knowledge.sources.conceptnet.relations import known_relations, relation_of
from ravlm.knowledge.sources.conceptnet.source import ConceptNetSource
from ravlm.knowledge.sources.part import Part
from ravlm.records import Entry
from ravlm.safe import streams

RELATIONS_OF_5_7 = [
    "RelatedTo",
    "FormOf",
    "IsA",
    "PartOf",
    "HasA",
    "UsedFor",
    "CapableOf",
    "AtLocation",
    "Causes",
    "HasSubevent",
    "HasFirstSubevent",
    "HasLastSubevent",
    "HasPrerequisite",
    "HasProperty",
    "MotivatedByGoal",
    "ObstructedBy",
    "Desires",
    "CreatedBy",
    "Synonym",
    "Antonym",
    "DistinctFrom",
    "DerivedFrom",
    "SymbolOf",
    "DefinedAs",
    "MannerOf",
    "LocatedNear",
    "HasContext",
    "SimilarTo",
    "EtymologicallyRelatedTo",
    "EtymologicallyDerivedFrom",
    "CausesDesire",
    "MadeOf",
    "ReceivesAction",
    "InstanceOf",
    "Entails",
    "NotDesires",
    "NotCapableOf",
    "NotHasProperty",
    "NotUsedFor",
    "dbpedia/capital",
    "dbpedia/field",
    "dbpedia/genre",
    "dbpedia/genus",
    "dbpedia/influencedBy",
    "dbpedia/knownFor",
    "dbpedia/language",
    "dbpedia/leader",
    "dbpedia/occupation",
    "dbpedia/product",
]


def info(weight: float = 1.0, dataset: str = "/d/wiktionary/en", licence: str = "cc:by-sa/4.0", **more: Any) -> str:
    values = {"dataset": dataset, "license": licence, "sources": [{"contributor": "/s/x"}], "weight": weight, **more}
    return json.dumps(dict(sorted(values.items())), ensure_ascii=False)


def edge(relation: str, start: str, end: str, said: str | None = None) -> str:
    last = end if end.startswith("/") else "/" + end
    return f"/a/[/r/{relation}/,{start}/,{last}/]\t/r/{relation}\t{start}\t{end}\t{said or info()}"


def write(folder: Path, *lines: str | bytes, name: str = "assertions.csv") -> Path:
    path = folder / name
    path.write_bytes(b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines))
    return path


def gathered(parts: list[Part]) -> tuple[dict[str, Entry], Counter[str], int]:
    skipped: Counter[str] = Counter()
    for part in parts:
        skipped.update(part.skipped)
    entries = [entry for part in parts for entry in part.entries]
    assert len({entry.id for entry in entries}) == len(entries)
    return {entry.id: entry for entry in entries}, skipped, sum(part.read for part in parts)


def entries(folder: Path, *lines: str | bytes, **options: Any) -> dict[str, Entry]:
    return gathered(list(ConceptNetSource(write(folder, *lines), **options).parts()))[0]


def skipped(folder: Path, line: str | bytes, **options: Any) -> dict[str, int]:
    good = edge("IsA", "/c/en/dog", "/c/en/animal")
    _, reasons, read = gathered(list(ConceptNetSource(write(folder, good, line), **options).parts()))
    assert read == 2
    return dict(reasons)


def many(concepts: int = 60, seed: int = 1) -> list[str]:
    """Edges in the file's own order."""
    chosen = random.Random(seed)
    names = [f"/c/{chosen.choice(['en', 'zh', 'fr'])}/word_{i}" for i in range(concepts)]
    lines = []
    for start in names:
        for _ in range(chosen.randint(1, 6)):
            relation, sense = chosen.choice(RELATIONS_OF_5_7), chosen.choice(["", "/n", "/n/wn/animal"])
            lines.append(
                edge(relation, start + sense, chosen.choice(names), info(chosen.choice([0.5, 1.0, 2.0, 2.828])))
            )
    return sorted(set(lines))


# --- an entry


def test_a_concept_becomes_an_entry_with_all_its_edges(tmp_path: Path) -> None:
    made = entries(
        tmp_path,
        edge("CapableOf", "/c/en/dog", "/c/en/bark", info(2.0, "/d/conceptnet/4/en", "cc:by/4.0")),
        edge("ExternalURL", "/c/en/dog", "http://dbpedia.org/resource/Dog", info(0.5, "/d/dbpedia/en")),
        edge("IsA", "/c/en/dog/n/wn/animal", "/c/en/canine/n/wn/animal", info(2.0, "/d/wordnet/3.1", "cc:by/4.0")),
        edge("IsA", "/c/en/dog/n", "/c/en/house_pet", info(3.5)),
        edge("Synonym", "/c/en/dog/n", "/c/fr/chien/n"),
    )
    assert list(made) == ["conceptnet:/c/en/dog"]
    assert made["conceptnet:/c/en/dog"] == Entry(
        id="conceptnet:/c/en/dog",
        title="dog",
        text="Dog is a kind of house pet. Dog is a kind of canine. Dog can bark. Dog means the same as chien (French).",
        facts=(
            ("IsA", "house pet"),
            ("IsA", "canine"),
            ("CapableOf", "bark"),
            ("Synonym", "chien (French)"),
        ),
        source="conceptnet",
        licence="cc:by-sa/4.0, cc:by/4.0",
        url="https://conceptnet.io/c/en/dog",
        language="en",
        meta={
            "relations": ["IsA", "IsA", "CapableOf", "Synonym", "ExternalURL"],
            "ends": [
                "/c/en/house_pet",
                "/c/en/canine/n/wn/animal",
                "/c/en/bark",
                "/c/fr/chien/n",
                "http://dbpedia.org/resource/Dog",
            ],
            "weights": [3.5, 2.0, 2.0, 1.0, 0.5],
            "from": [0, 1, 2, 0, 3],
            "sources": [
                ["/d/wiktionary/en", "cc:by-sa/4.0"],
                ["/d/wordnet/3.1", "cc:by/4.0"],
                ["/d/conceptnet/4/en", "cc:by/4.0"],
                ["/d/dbpedia/en", "cc:by-sa/4.0"],
            ],
            "senses": ["n", "n/wn/animal", "", "n", ""],
        },
    )


def test_an_entry_can_be_kept_as_it_is(tmp_path: Path) -> None:
    for entry in entries(tmp_path, *many()).values():
        assert parse(canonical(entry)) == entry


def test_chinese_concepts_speak_chinese(tmp_path: Path) -> None:
    made = entries(
        tmp_path,
        edge("AtLocation", "/c/zh/狗", "/c/zh/公園"),
        edge("IsA", "/c/zh/狗", "/c/zh/動物"),
        edge("Synonym", "/c/zh/狗/n", "/c/en/dog"),
        edge("dbpedia/birthPlace", "/c/zh/狗", "/c/zh/家"),
    )["conceptnet:/c/zh/狗"]
    assert made.language == "zh"
    assert made.title == "狗"
    assert made.text == "狗是一种動物。狗可以在公園找到。狗和dog（英语）意思相同。狗与家的关系是“birth place”。"
    assert made.url == "https://conceptnet.io/c/zh/狗"


def test_other_languages_have_an_english_section(tmp_path: Path) -> None:
    made = entries(tmp_path, edge("Synonym", "/c/fr/gros_chien", "/c/en/dog"))["conceptnet:/c/fr/gros_chien"]
    assert (made.language, made.title, made.text) == ("fr", "gros chien", "")
    assert [(s.text, s.language) for s in made.sections] == [("Gros chien means the same as dog (English).", "en")]
    assert [p.language for p in passages(made)] == ["en"]


@pytest.mark.parametrize("relation", RELATIONS_OF_5_7)
def test_every_relation_of_the_release_has_its_sentences(tmp_path: Path, relation: str) -> None:
    made = entries(
        tmp_path,
        edge(relation, "/c/en/big_dog", "/c/en/old_cat"),
        edge(relation, "/c/zh/大狗", "/c/zh/老貓"),
    )
    english, chinese = made["conceptnet:/c/en/big_dog"].text, made["conceptnet:/c/zh/大狗"].text
    assert english.startswith("Big dog ")
    assert english.endswith("old cat.")
    assert chinese.startswith("大狗")
    assert "老貓" in chinese
    assert chinese.endswith("。")
    assert "relation" not in english
    assert "关系" not in chinese


def test_no_two_relations_say_the_same() -> None:
    known = known_relations()
    assert set(known) == set(RELATIONS_OF_5_7)
    assert len({relation.en for relation in known.values()}) == len(known)
    assert len({relation.zh for relation in known.values()}) == len(known)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dbpedia/birthPlace", "birth place"),
        ("HasURLOf", "has URL of"),
        ("x_y", "x y"),
        ("关系", "关系"),
        ("---", "---"),
        ("/", "/"),
    ],
)
def test_unknown_relations_are_readable(name: str, words: str) -> None:
    assert relation_of(name).en == (f" has the relation “{words}” to ", ".")
    assert relation_of(name).zh == ("与", f"的关系是“{words}”。")


def test_what_says_the_same_is_said_once_with_all_its_edges(tmp_path: Path) -> None:
    made = entries(
        tmp_path,
        edge("IsA", "/c/en/dog", "/c/en/animal"),
        edge("IsA", "/c/en/dog/n", "/c/en/animal/n", info(2.0)),
        edge("IsA", "/c/en/dog", "/c/en/pet", info(1.5)),
    )["conceptnet:/c/en/dog"]
    assert made.text == "Dog is a kind of animal. Dog is a kind of pet."
    assert made.facts == (("IsA", "animal"), ("IsA", "pet"))
    assert made.meta["weights"] == [2.0, 1.5, 1.0]
    assert made.meta["ends"] == ["/c/en/animal/n", "/c/en/pet", "/c/en/animal"]


def test_strongest_first_whatever_the_number(tmp_path: Path) -> None:
    weights = [0.0, 1e-9, 0.5, 3, 10.0, 1e300, -1.0, 2.9999999999999996]
    made = entries(
        tmp_path, *[edge("IsA", "/c/en/x", f"/c/en/w{i}", info(w)) for i, w in enumerate(weights)], minimum_weight=-5
    )
    assert made["conceptnet:/c/en/x"].meta["weights"] == sorted(weights, reverse=True)


def test_a_surface_text_in_english_is_the_sentence(tmp_path: Path) -> None:
    text = "*Something you find at [[the zoo]] is [[a lion]]"
    made = entries(
        tmp_path,
        edge("AtLocation", "/c/en/lion", "/c/en/zoo", info(surfaceText=text, surfaceStart="a", surfaceEnd="b")),
        edge("AtLocation", "/c/zh/獅子", "/c/zh/動物園", info(surfaceText="[[獅子]]在[[動物園]]裡")),
    )
    assert made["conceptnet:/c/en/lion"].text == "Something you find at the zoo is a lion."
    assert made["conceptnet:/c/en/lion"].facts == (("AtLocation", "zoo"),)
    assert made["conceptnet:/c/zh/獅子"].text == "獅子可以在動物園找到。"


@pytest.mark.parametrize(
    "text", ["", "no marks", "[[one]] only", "[[a]] [[b]] [[c]]", "[[a]] [[b]]" + "x" * 300, "[[]] [[]]"]
)
def test_a_surface_text_that_is_no_sentence_is_not_used(text: str) -> None:
    assert surface_sentence(text) == ""


def test_relations_stand_in_paragraphs_that_fit_a_passage(tmp_path: Path) -> None:
    lines = [edge("IsA", "/c/en/dog", f"/c/en/thing_{i}") for i in range(12)]
    lines += [edge("HasA", "/c/en/dog", f"/c/en/part_{i}") for i in range(3)]
    lines += [edge("Desires", "/c/en/dog", f"/c/en/wish_{i}") for i in range(3)]
    made = entries(tmp_path, *lines)["conceptnet:/c/en/dog"]
    first, second = made.text.split("\n\n")
    assert first.count("is a kind of") == 12
    assert (second.count(" has "), second.count(" wants ")) == (3, 3)
    assert sum(p.text.count(".") for p in passages(made)) == 18


def test_a_concept_with_links_alone_has_no_entry(tmp_path: Path) -> None:
    link = edge("ExternalURL", "/c/en/cat", "http://dbpedia.org/resource/Cat")
    assert skipped(tmp_path, link) == {"no text": 1}


def test_of_a_concept_with_too_many_edges_the_strongest_are_taken(tmp_path: Path) -> None:
    lines = [edge("IsA", "/c/en/dog", f"/c/en/w{i}", info(float(i % 7))) for i in range(20)]
    path = write(tmp_path, *lines, edge("IsA", "/c/en/cat", "/c/en/animal"))
    made, reasons, _ = gathered(list(ConceptNetSource(path, most_edges=5).parts()))
    assert made["conceptnet:/c/en/dog"].meta["weights"] == [6.0, 6.0, 5.0, 5.0, 5.0]
    assert reasons == {"beyond the 5 strongest of a concept": 15}
    assert len(made) == 2


# --- lines


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "not five columns"),
        ("a\tb\tc", "not five columns"),
        (edge("IsA", "/c/en/a", "/c/en/b") + "\tmore", "not five columns"),
        (edge("IsA", "/c/en/a", "/c/en/b").encode() + b"\xff", "not UTF-8"),
        (edge("IsA", "/c/en/a", "/c/en/b").encode().replace(b"/c/en/a", b"/c/en/\xe9"), "not UTF-8"),
        (edge("IsA", "/c/en/a", "/c/en/b", "{}"), "no weight"),
        (edge("IsA", "/c/en/a", "/c/en/b", '{"weight": "1.0"}'), "no weight"),
        (edge("IsA", "/c/en/a", "/c/en/b", '{"weight": true}'), "no weight"),
        (edge("IsA", "/c/en/a", "/c/en/b", '{"weight": NaN}'), "no weight"),
        (edge("IsA", "/c/en/a", "/c/en/b", '{"weight": 1' + "0" * 400 + "}"), "no weight"),
        (edge("IsA", "/c/en/a", "/c/en/b", "[1]"), "info is not JSON"),
        (edge("IsA", "/c/en/a", "/c/en/b", "not JSON"), "info is not JSON"),
        (edge("IsA", "/c/en/a", "/c/en/b", "[" * 100_000), "info is not JSON"),
        (edge("IsA", "/c/en/a", "/c/en/b", '{"weight": ' + "1" * 5000 + "}"), "info is not JSON"),
        (edge("IsA", "dog", "/c/en/b"), "not a concept"),
        (edge("IsA", "/c/en", "/c/en/b"), "not a concept"),
        (edge("IsA", "/c/en/", "/c/en/b"), "not a concept"),
        (edge("IsA", "/c//a", "/c/en/b"), "not a concept"),
        (edge("IsA", "/d/en/a", "/c/en/b"), "not a concept"),
        (edge("IsA", "/c/en/a", "/c/en//n"), "not a concept"),
        (edge("IsA", "/c/en/a", "b"), "not a concept"),
        (edge("IsA", "/c/en/a", "/c/en/b").replace("\t/r/IsA", "\tIsA"), "not a relation"),
        (edge("IsA", "/c/en/" + "a" * 600, "/c/en/b"), "name over 500 bytes"),
        (edge("IsA", "/c/en/a", "/c/en/" + "b" * 2000), "name over 500 bytes"),
    ],
)
def test_a_bad_line_is_left_out_and_counted(tmp_path: Path, line: str | bytes, reason: str) -> None:
    assert skipped(tmp_path, line) == {reason: 1}


def test_bad_utf8_among_lines_that_need_no_closer_look(tmp_path: Path) -> None:
    good = edge("IsA", "/c/en/dog", "/c/en/animal").encode()
    path = write(tmp_path, good, good.replace(b"animal", b"pet"), good.replace(b"animal", b"p\xe9t"))
    made, reasons, _ = gathered(list(ConceptNetSource(path).parts()))
    assert made["conceptnet:/c/en/dog"].facts == (("IsA", "animal"), ("IsA", "pet"))
    assert reasons == {"not UTF-8": 1}


def test_a_light_edge_is_left_out(tmp_path: Path) -> None:
    line = edge("IsA", "/c/en/dog", "/c/en/pet", info(0.99))
    assert skipped(tmp_path, line, minimum_weight=1) == {"weight below 1": 1}
    assert skipped(tmp_path, line, minimum_weight=0.99) == {}


def test_languages(tmp_path: Path) -> None:
    lines = [
        edge("IsA", "/c/en/dog", "/c/en/animal"),
        edge("RelatedTo", "/c/en/dog", "/c/fr/os"),
        edge("Synonym", "/c/en/dog", "/c/fr/chien"),
        edge("ExternalURL", "/c/en/dog", "http://dbpedia.org/resource/Dog"),
        edge("Synonym", "/c/fr/chien", "/c/en/dog"),
        edge("IsA", "/c/zh/狗", "/c/zh/動物"),
    ]
    path = write(tmp_path, *lines)
    made, reasons, read = gathered(list(ConceptNetSource(path, language="en").parts()))
    assert list(made) == ["conceptnet:/c/en/dog"]
    assert made["conceptnet:/c/en/dog"].meta["relations"] == ["IsA", "Synonym", "ExternalURL"]
    assert (reasons, read) == ({"language not wanted": 3}, 6)
    assert len(gathered(list(ConceptNetSource(path, language={"en", "zh"}).parts()))[0]) == 2
    assert len(gathered(list(ConceptNetSource(path).parts()))[0]) == 3


def test_control_characters_are_taken_out(tmp_path: Path) -> None:
    said = info(surfaceText="[[a\x00 \x85dog]]\tis\n[[an animal]]", dataset="/d/\x07x")
    made = entries(
        tmp_path,
        edge("IsA", "/c/en/d\x00og\x01", "/c/en/an\x7fim\x85al", said) + "\r",
        edge("IsA", "/c/en/dog", "/c/en/p\x0bet"),
    )["conceptnet:/c/en/dog"]
    assert made.facts == (("IsA", "animal"), ("IsA", "pet"))
    assert made.text == "A dog is an animal. Dog is a kind of pet."
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in canonical(made))


def test_half_a_surrogate_is_no_reason_to_fail(tmp_path: Path) -> None:
    made = entries(tmp_path, edge("IsA", "/c/en/dog", "/c/en/pet", r'{"weight": 1, "dataset": "\ud800", "license": 3}'))
    assert made["conceptnet:/c/en/dog"].meta["sources"] == [[" ", ""]]


def test_a_line_over_16_mb_is_not_held(tmp_path: Path) -> None:
    good = edge("IsA", "/c/en/dog", "/c/en/animal")
    long = edge("IsA", "/c/en/dog", "/c/en/pet", info(surfaceText="x" * 16_000_001))
    made, reasons, read = gathered(list(ConceptNetSource(write(tmp_path, good, long, good)).parts()))
    assert made["conceptnet:/c/en/dog"].facts == (("IsA", "animal"),)
    assert (reasons, read) == ({"line over 16 MB": 1}, 3)


@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=8), st.integers(1, 9))
def test_lines_are_those_of_the_stream_however_it_is_cut(lines: list[bytes], size: int) -> None:
    controls = bytes([*range(9), *range(11, 32), 127])
    kept = [line.translate(None, controls) for line in lines]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edges_module, "chunks", lambda stream: streams.chunks(stream, size))
        patch.setattr(edges_module, "LONGEST_LINE", 20)
        reasons: Counter[str] = Counter()
        found = [line for some in line_lists(io.BytesIO(b"".join(x + b"\n" for x in lines)), reasons) for line in some]
    assert found == [line for line in kept if len(line) <= 20]
    assert reasons["line over 16 MB"] == sum(len(line) > 20 for line in kept)


PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)


@given(
    PLAIN,
    PLAIN,
    st.lists(st.dictionaries(st.sampled_from(["activity", "contributor", "process"]), PLAIN, min_size=1), max_size=3),
    st.none() | PLAIN,
    st.floats(0, 1e9) | st.integers(0, 9),
)
def test_the_pattern_and_the_json_parser_say_the_same(
    dataset: str, licence: str, sources: list[dict[str, str]], surface: str | None, weight: float
) -> None:
    values: dict[str, Any] = {"dataset": dataset, "license": licence, "sources": sources}
    if surface is not None:
        values |= {"surfaceEnd": "b", "surfaceStart": "a", "surfaceText": surface}
    text = json.dumps(values | {"weight": weight}, ensure_ascii=False).encode()
    spaced = json.dumps(values | {"weight": weight}, indent=1).replace("\n", " ").encode()
    assert edges_module._INFO.fullmatch(spaced) is None
    assert read_info(text) == read_info(spaced) == (weight, dataset, licence, surface or "")


@given(st.binary(max_size=80) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_for_info(data: bytes) -> None:
    try:
        read_info(data)
    except LeftOut:
        return
    assert isinstance(json.loads(data), dict)


PIECE = st.sampled_from(
    ["/", "c", "en", "zh", "dog", "狗", "_", "n", "[[", "http://x", "r", "IsA", "\x85", "\x00", " ", "\t"]
)
URI = st.lists(PIECE, max_size=6).map("".join) | st.sampled_from(["/c/en/dog", "/c/zh/狗/n", "/c/en/dog/n/wn/animal"])
LINES = st.lists(
    st.binary(max_size=40)
    | st.tuples(
        URI, URI | st.sampled_from(["/r/IsA", "/r/x"]), URI, URI, st.sampled_from([info(), "{", info(2.0)])
    ).map(lambda columns: "\t".join(columns).encode()),
    max_size=12,
)


@settings(deadline=None)
@given(LINES, st.sampled_from([None, {"en"}]))
def test_any_bytes_for_lines(lines: list[bytes], languages: set[str] | None) -> None:
    """Every line is in an entry or counted, and entries are what a base takes."""
    data = b"\n".join(lines)
    reader = EdgeReader(languages)
    spread: list[list[bytes]] = [[]]
    read = 0
    for some in line_lists(io.BytesIO(data), reader.skipped):
        reader.spread(some, spread)
        read += len(some)
    dropped: Counter[str] = Counter()
    made = list(entries_of(sorted(spread[0]), "s", 3, dropped))
    assert read == sum(len(e.meta["ends"]) for e in made) + sum(reader.skipped.values()) + sum(dropped.values())
    for entry in made:
        assert parse(canonical(entry)) == entry
        assert entry.title.strip()
        assert entry.text or entry.sections[0].text
        assert set(map(len, (entry.meta[k] for k in ("relations", "ends", "weights", "from")))) == {
            len(entry.meta["ends"])
        }


@settings(deadline=None)
@given(LINES)
def test_the_fast_way_and_the_careful_way_make_the_same_records(lines: list[bytes]) -> None:
    clean = [line for line in lines if b"\n" not in line]
    fast, careful = EdgeReader(), EdgeReader()
    for line in clean:  # so that everything is known
        fast.record(line)
    fast.skipped.clear()
    spread: list[list[bytes]] = [[]]
    fast.spread(clean, spread)
    found = [record[1] for line in clean if (record := careful.record(line))]
    valid = [record for record in spread[0] if edges_module.is_text(record)]
    assert valid == found


# --- the file


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress, bz2.compress])
def test_compressed_or_not(tmp_path: Path, pack: Any) -> None:
    plain = write(tmp_path, *many())
    packed = tmp_path / "packed"
    packed.write_bytes(pack(plain.read_bytes()))
    assert gathered(list(ConceptNetSource(packed).parts()))[0] == gathered(list(ConceptNetSource(plain).parts()))[0]


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    for lines in ([], [""], ["a,b,c"] * 2000, ["x" * 17_000_000]):
        with pytest.raises(FormatError, match="no assertions file"):
            list(ConceptNetSource(write(tmp_path, *lines)).parts())
    late = ["a,b,c"] * 1500 + [edge("IsA", "/c/en/a", "/c/en/b")]
    with pytest.raises(FormatError, match="1,000 x not five columns"):
        list(ConceptNetSource(write(tmp_path, *late)).parts())
    assert entries(tmp_path, *["a,b,c"] * 999, edge("IsA", "/c/en/a", "/c/en/b"))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    packed = tmp_path / "x.gz"
    packed.write_bytes(gzip.compress("\n".join(many(500)).encode())[:-2000])
    with pytest.raises(FormatError, match="damaged or cut off"):
        list(ConceptNetSource(packed).parts())


def test_a_missing_file_and_bad_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PathError, match="found nothing"):
        ConceptNetSource(tmp_path / "none.csv")
    path = write(tmp_path, *many(2))
    for options in ({"minimum_weight": float("nan")}, {"most_edges": 0}, {"language": ""}):
        with pytest.raises(KnowledgeError):
            ConceptNetSource(path, **options)  # type: ignore[arg-type]
    with pytest.raises(PathError, match="no picture"):
        ConceptNetSource(path).picture("x.jpg")


def test_settings_tell_files_and_options_apart(tmp_path: Path) -> None:
    path, other = write(tmp_path, *many()), write(tmp_path, *many(seed=2), name="other.csv")
    made = [
        ConceptNetSource(path),
        ConceptNetSource(other),
        ConceptNetSource(path, language="en"),
        ConceptNetSource(path, minimum_weight=1),
        ConceptNetSource(path, most_edges=7),
        ConceptNetSource(path, "mine"),
    ]
    assert len({json.dumps(source.settings(), sort_keys=True) for source in made}) == len(made)
    assert (
        ConceptNetSource(path, language={"zh", "en"}).settings()
        == ConceptNetSource(path, language=["en", "zh"]).settings()
    )


# --- parts


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many buckets, small parts."""
    monkeypatch.setattr(source_module, "_ENTRIES", 4)
    monkeypatch.setattr(source_module, "_LISTS", 2)
    monkeypatch.setattr(source_module, "_LISTS_HELD", 3)
    monkeypatch.setattr(buckets_module, "_BUCKET", 900)
    monkeypatch.setattr(edges_module, "chunks", lambda stream: iter(lambda: stream.read(500), b""))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kept", [True, False])
def test_resumed_at_every_part_it_ends_the_same(tmp_path: Path, kept: bool) -> None:
    path = write(tmp_path, *many(), "bad line")
    workspace = tmp_path / "work" if kept else None

    def source() -> ConceptNetSource:
        return ConceptNetSource(path, workspace=workspace)

    whole = list(source().parts())
    assert sum(part.place is None for part in whole) > 3
    assert len({part.place["bucket"] for part in whole if part.place}) > 3
    assert len(gathered(whole)[0]) == 60
    for i, part in enumerate(whole):
        rest = list(source().parts(json.loads(json.dumps(part.place))))
        if part.place is None:
            assert gathered(rest) == gathered(whole)
            continue
        following = [p for p in rest if p.place != part.place or p.entries]
        assert following == whole[i + 1 :]
        for other in rest[: len(rest) - len(following)]:
            assert (other.entries, other.read, other.skipped) == ((), 0, {})
        assert kept == (len(rest) == len(following))


@pytest.mark.usefixtures("small")
def test_progress_goes_up_to_the_size(tmp_path: Path) -> None:
    source = ConceptNetSource(write(tmp_path, *many()))
    done = [part.done for part in source.parts()]
    assert done == sorted(done)
    assert len(set(done)) > 8
    assert done[-1] == source.size


@pytest.mark.usefixtures("small")
def test_bucket_files_that_are_not_whole_are_made_anew(tmp_path: Path) -> None:
    path, workspace = write(tmp_path, *many()), tmp_path / "work"
    whole = gathered(list(ConceptNetSource(path).parts()))

    stopped = ConceptNetSource(path, workspace=workspace).parts()
    next(stopped)
    stopped.close()  # type: ignore[attr-defined]
    assert not (workspace / "buckets.json").exists()
    assert gathered(list(ConceptNetSource(path, workspace=workspace).parts())) == whole
    assert len(list(ConceptNetSource(path, workspace=workspace).parts())) < len(list(ConceptNetSource(path).parts()))

    bucket = workspace / "0001.tsv"
    bucket.write_bytes(bucket.read_bytes()[:-40])
    assert gathered(list(ConceptNetSource(path, workspace=workspace).parts())) == whole
    (workspace / "buckets.json").write_text("{")
    assert gathered(list(ConceptNetSource(path, workspace=workspace).parts())) == whole


def test_bucket_files_of_another_file_or_setting_are_not_used(tmp_path: Path) -> None:
    workspace = tmp_path / "work"
    for seed, options in ((1, {}), (2, {}), (2, {"language": "en"})):
        path = write(tmp_path, *many(seed=seed))
        made = gathered(list(ConceptNetSource(path, workspace=workspace, **options).parts()))  # type: ignore[arg-type]
        assert made == gathered(list(ConceptNetSource(path, **options).parts()))  # type: ignore[arg-type]


def test_a_workspace_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(PathError, match=r"file can't be written"):
        list(ConceptNetSource(write(tmp_path, *many()), workspace=blocked).parts())


def test_a_very_large_bucket_is_read_in_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = [edge("IsA", "/c/en/hub", f"/c/en/w{i}", info(float(i % 13))) for i in range(200)]
    path = write(tmp_path, *many(), *hub)
    whole = gathered(list(ConceptNetSource(path, most_edges=10).parts()))
    monkeypatch.setattr(buckets_module, "_AT_ONCE", 3000)
    assert gathered(list(ConceptNetSource(path, most_edges=10).parts())) == whole
    assert whole[1]["beyond the 10 strongest of a concept"] == 190


def test_the_order_of_lines_does_not_matter(tmp_path: Path) -> None:
    lines = many()
    whole = gathered(list(ConceptNetSource(write(tmp_path, *lines)).parts()))
    random.Random(3).shuffle(lines)
    assert gathered(list(ConceptNetSource(write(tmp_path, *lines)).parts())) == whole
