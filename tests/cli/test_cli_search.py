"""`ravlm search`: words, pictures and both; one query or a file of them; what happens with odd ones."""

import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import boto3
import pytest
import torch
from moto.server import ThreadedMotoServer
from transformers import BertConfig, BertForSequenceClassification

from command import Ravlm
from pictures import encoded, noise, picture
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.encoders.transformers_tokenizer import as_library_tokenizer
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Section
from ravlm.retrieval.folder import STAMP
from ravlm.retrieval.interchange.trec import read_run


def picture_of(name: str) -> bytes:
    """The picture of that number, as a base asks for it."""
    return picture(int(name))


LEGS = ("ant", "bee", "cat", "dog", "emu", "fox")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an encoder of each side, as a model has them."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    CompactVisualEncoder(image_size=16, channels=(4, 8), width=8).save_pretrained(folder / "visual")
    tokenizer = train_tokenizer(["An ant has 6 legs.", "How many legs has a bee?"], 80)
    CompactLanguageEncoder(tokenizer=tokenizer, width=16, layers=1, heads=2).save_pretrained(folder / "language")
    return folder


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """Six animals with a picture each, one without; indexes of a model's encoders. Leave it as it is."""
    from ravlm.cli.index import build

    place = tmp_path_factory.mktemp("zoo") / "kb"
    base = KnowledgeBase.create(place)
    entries = [
        Entry(
            f"zoo:{name}",
            name.title(),
            sections=(Section("Legs", f"The {name} has {n} legs."), Section("Home", f"The {name} lives in house {n}.")),
            images=(str(n),),
            source="zoo",
            meta={"house": n, "tame": name in ("cat", "dog")},
        )
        for n, name in enumerate(LEGS)
    ]
    base.upsert([*entries, Entry("gnu", "Gnu", text="角马有四条腿。", source="wild", language="zh")], picture_of)
    build(str(place), encoder=str(model))
    return place


@pytest.fixture
def kb(zoo: Path, tmp_path: Path) -> Path:
    """A copy of the zoo to change."""
    return Path(shutil.copytree(zoo, tmp_path / "kb"))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo of the cat."""
    path = tmp_path / "photo.png"
    path.write_bytes(picture(LEGS.index("cat")))
    return path


@pytest.fixture
def queries(tmp_path: Path, photo: Path) -> Path:
    path = tmp_path / "queries.jsonl"
    asked = [
        {"_id": "legs", "text": "legs of the bee"},
        {"_id": "家", "text": "Who lives in house 3?", "image": photo.name},
    ]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in asked), encoding="utf-8")
    return path


def test_words_are_found_at_once_and_the_index_is_kept(ravlm: Ravlm, kb: Path) -> None:
    first = ravlm("search", kb, "How many legs has the bee?", "-k", "2")
    assert first.code == 0
    assert first.out.splitlines()[0].startswith("  1. Bee, Legs   (zoo:bee#0)   bm25 ")
    assert first.out.splitlines()[1] == "     The bee has 1 legs."
    assert "There is no bm25 index" in first.err
    assert (kb / "index" / "bm25" / STAMP).is_file()
    again = ravlm("search", kb, "How many legs has the bee?", "-k", "2")
    assert (again.out, again.err) == (first.out, "")
    told = ravlm("search", kb, "How many legs has the bee?", "-k", "2", "--json").json
    assert told["retriever"] == "bm25"
    assert [hit["rank"] for hit in told["hits"]] == [1, 2]
    assert told["hits"][0] | {"scores": {}} == {
        "rank": 1,
        "entry_id": "zoo:bee",
        "title": "Bee",
        "passage_id": "zoo:bee#0",
        "image_id": None,
        "section": "Legs",
        "text": "The bee has 1 legs.",
        "scores": {},
    }


@pytest.mark.parametrize(
    ("arguments", "retriever", "stages"),
    [
        (("--image",), "image", {"image"}),
        (("bee legs", "--image"), "hybrid", {"bm25", "dense", "image", "hybrid"}),
        (("bee legs", "--retriever", "tfidf"), "tfidf", {"tfidf"}),
        (("bee legs", "--retriever", "dense"), "dense", {"dense"}),
        (("bee legs", "--retriever", "hybrid"), "hybrid", {"bm25", "dense", "hybrid"}),
        (("bee legs", "--titles", "1", "--image"), "bm25", {"bm25"}),
    ],
)
def test_the_retriever_follows_what_is_asked(
    ravlm: Ravlm, zoo: Path, photo: Path, arguments: tuple[str, ...], retriever: str, stages: set[str], tmp_path: Path
) -> None:
    shutil.copytree(zoo, tmp_path / "kb")
    given = [photo if before == "--image" else None for before in arguments]
    words = [part for argument, after in zip(arguments, given, strict=True) for part in (argument, after) if part]
    ran = ravlm("search", tmp_path / "kb", *words, "-k", "30", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["retriever"] == retriever
    assert {stage for hit in ran.json["hits"] for stage in hit["scores"]} == stages
    if "--image" in arguments:
        assert "zoo:cat" in [hit["entry_id"] for hit in ran.json["hits"][:3]]


def test_the_picture_speaks_through_titles(ravlm: Ravlm, kb: Path, photo: Path) -> None:
    asked = ("search", kb, "How many legs has it?", "--image", photo, "--titles", "1", "--retriever", "tfidf")
    ran = ravlm(*asked, "--explain", "-k", "1")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "tfidf, with these pieces:"
    assert any(line.split()[1:] == ["title", "'Cat'", "(zoo:cat)"] for line in lines)
    assert "1. Cat, Legs   (zoo:cat#0)" in ran.out
    assert "tfidf from title 'Cat' (zoo:cat)" in ran.out
    home = ravlm(*asked[:2], "house 3?", *asked[3:], "--explain", "-k", "20").out.split("Dog, Home")[1].splitlines()
    assert "tfidf from question" in home[2]
    assert "from title" not in home[3], "the title gave it nothing"
    [hit] = ravlm(*asked, "--explain", "-k", "1", "--json").json["hits"]
    assert sum(piece["amount"] for piece in hit["pieces"]) == pytest.approx(hit["scores"]["tfidf"], abs=1e-5)


def test_regions_and_key_terms_are_pieces(ravlm: Ravlm, kb: Path, photo: Path, model: Path) -> None:
    photo.write_bytes(encoded(noise(LEGS.index("cat")).resize((96, 64))))
    seen = ravlm("search", kb, "--image", photo, "--regions", "whole,centre", "--json").json
    assert [piece["origin"].split(" ")[0] for piece in seen["pieces"]] == ["whole", "centre"]
    assert seen["hits"][0]["entry_id"] == "zoo:cat"
    read = ravlm("search", kb, "Where does the emu live?", "--key-terms", "words", "--json").json
    assert [(piece["kind"], piece["text"]) for piece in read["pieces"]] == [
        ("question", "Where does the emu live?"),
        ("key term", "emu"),
        ("key term", "live"),
    ]
    attended = ravlm("search", kb, "Where does the emu live?", "--key-terms", model, "--json").json
    assert {piece["text"] for piece in attended["pieces"][1:]} <= {"emu", "live"}


def test_a_cross_encoder_has_the_last_word(ravlm: Ravlm, kb: Path, photo: Path, tmp_path: Path) -> None:
    tokenizer = as_library_tokenizer(train_tokenizer(["The bee has legs."], 80))
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, num_labels=1, **sizes)
    BertForSequenceClassification(config).save_pretrained(tmp_path / "cross")
    tokenizer.save_pretrained(tmp_path / "cross")
    ran = ravlm("search", kb, "bee legs", "--rerank", tmp_path / "cross", "-k", "3", "--json").json
    assert ran["retriever"] == "bm25+rerank"
    assert {stage for hit in ran["hits"] for stage in hit["scores"]} == {"bm25", "rerank"}
    scores = [hit["scores"]["rerank"] for hit in ran["hits"]]
    assert scores == sorted(scores, reverse=True)
    rerank = ("--rerank", tmp_path / "cross")
    assert "no text" not in ravlm("search", kb, "bee legs", *rerank).err
    seen = ravlm("search", kb, "legs", "--image", photo, "--retriever", "image", *rerank)
    assert (seen.code, "The hits are pictures alone, which have no text to rerank" in seen.err) == (0, True)
    lines = [{"_id": "1", "text": "legs", "image": photo.name}, {"_id": "2", "text": "legs", "image": photo.name}]
    (tmp_path / "both.jsonl").write_text("\n".join(map(json.dumps, lines)))
    many = ravlm("search", kb, "--queries", tmp_path / "both.jsonl", "--retriever", "image", *rerank, "--json")
    assert many.err.count("The hits of 2 queries are pictures alone") == 1


def test_what_hybrid_joins_is_said_once_it_has_searched(ravlm: Ravlm, kb: Path, photo: Path) -> None:
    joined = ravlm("search", kb, "legs", "--image", photo, "--retriever", "hybrid")
    assert (joined.code, "hybrid joins bm25, dense and image.\n" in joined.err) == (0, True)
    photo.write_text("no picture")
    refused = ravlm("search", kb, "legs", "--image", photo, "--retriever", "hybrid")
    assert (refused.code, "hybrid joins" in refused.err) == (2, False)


def test_one_question_is_called_the_question(ravlm: Ravlm, kb: Path, photo: Path) -> None:
    refused = ravlm("search", kb, "legs", "--retriever", "image").err
    assert "ravlm: The question has words, and retrieval by image needs a picture." in refused
    assert "number 1" not in refused


def test_a_search_of_all_kinds_keeps_to_the_encoder_that_is_named(ravlm: Ravlm, kb: Path, model: Path) -> None:
    ran = ravlm("search", kb, "bee legs", "--retriever", "hybrid", "--encoder", model / "language", "--json")
    assert ran.code == 0, ran.err
    assert {stage for hit in ran.json["hits"] for stage in hit["scores"]} == {"bm25", "dense", "hybrid"}
    shutil.rmtree(kb / "index")
    alone = ravlm("search", kb, "bee legs", "--retriever", "hybrid")
    assert (alone.code, "hybrid has bm25 alone to join" in alone.err) == (0, True)


def test_filters_come_before_ranking(ravlm: Ravlm, kb: Path) -> None:
    def found(*options: str) -> list[str]:
        ran = ravlm("search", kb, "legs 四条腿", *options, "--json")
        assert ran.code == 0
        return sorted({hit["entry_id"] for hit in ran.json["hits"]})

    assert found("-k", "20") == ["gnu", *(f"zoo:{name}" for name in LEGS)]
    assert found("--source", "wild", "-k", "1") == ["gnu"]
    assert found("--language", "zh", "-k", "1") == ["gnu"]
    assert found("--meta", "house=3", "-k", "2") == ["zoo:dog"]
    assert found("--meta", "tame=true") == ["zoo:cat", "zoo:dog"]
    assert found("--meta", 'house="3"') == []
    nothing = ravlm("search", kb, "legs", "--source", "moon")
    assert (nothing.code, nothing.out, "'wild', 'zoo'" in nothing.err) == (0, "", True)
    for options in (("--language", "zz"), ("--meta", "house=99"), ("--language", "zz", "--retriever", "hybrid")):
        shut = ravlm("search", kb, "legs", *options)
        assert (shut.code, shut.out, "the filters let nothing through" in shut.err) == (0, "", True)
        assert "the languages of what is indexed: 'en', 'zh'." in shut.err
    assert "Nothing was found.\n" in ravlm("search", kb, "zzz", "--language", "zh").err, "it lets some through"


def test_a_run_is_written_with_an_entry_a_line(ravlm: Ravlm, kb: Path, queries: Path, tmp_path: Path) -> None:
    run = tmp_path / "run.txt"
    ran = ravlm("search", kb, "--queries", queries, "--trec", run, "--retriever", "tfidf", "-k", "3", "--bare-ids")
    assert (ran.code, "6 lines for 2 queries" in ran.out) == (0, True)
    lines = list(read_run(run))
    assert [line.query_id for line in lines] == ["legs"] * 3 + ["家"] * 3
    assert [line.rank for line in lines] == [1, 2, 3] * 2
    assert {line.tag for line in lines} == {"ravlm-tfidf"}
    assert (lines[0].doc_id, lines[3].doc_id) == ("bee", "dog")
    for asked in ("legs", "家"):
        mine = [line for line in lines if line.query_id == asked]
        assert len({line.doc_id for line in mine}) == 3, "distinct entries, though each has two passages"
        assert all(a.score > b.score for a, b in pairwise(mine))
    whole = tmp_path / "whole.txt"
    ravlm("search", kb, "--queries", queries, "--trec", whole, "--retriever", "tfidf", "-k", "100", "--json")
    ids = [line.doc_id for line in read_run(whole) if line.query_id == "legs"]
    assert ids[0] == "zoo:bee"
    assert sorted(ids) == sorted(f"zoo:{name}" for name in LEGS)
    told = ravlm("search", kb, "--queries", queries, "--json", "-k", "1").json
    assert [(query["id"], query["retriever"]) for query in told["queries"]] == [("legs", "hybrid"), ("家", "hybrid")]


def test_a_run_looks_as_deep_as_it_takes(ravlm: Ravlm, kb: Path, queries: Path, tmp_path: Path) -> None:
    many = tuple(Section("Legs", "Legs of the bee, legs of the bee.") for _ in range(30))
    KnowledgeBase.open(kb).upsert([Entry("long", "Bee legs", sections=many)])
    ravlm("search", kb, "--queries", queries, "--trec", tmp_path / "run", "--retriever", "tfidf", "-k", "2")
    lines = [line for line in read_run(tmp_path / "run") if line.query_id == "legs"]
    assert [line.doc_id for line in lines] == ["long", "zoo:bee"]


def test_a_run_is_the_same_at_any_number_of_threads(ravlm: Ravlm, kb: Path, queries: Path, tmp_path: Path) -> None:
    ravlm("index", "build", kb, "--retriever", "bm25")
    command = [sys.executable, "-c", "from ravlm.cli.main import main; main()", "search", str(kb)]
    command += ["--queries", str(queries), "--retriever", "hybrid", "--trec"]
    running = [
        subprocess.Popen([*command, str(tmp_path / n)], env=os.environ | {"OMP_NUM_THREADS": n, "MKL_NUM_THREADS": n})
        for n in ("1", "2")
    ]
    assert [process.wait() for process in running] == [0, 0]
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes() != b""


def test_an_index_that_is_behind_follows_first(ravlm: Ravlm, kb: Path, photo: Path) -> None:
    ravlm("search", kb, "legs")
    base = KnowledgeBase.open(kb)
    base.delete(["zoo:cat"])
    base.upsert([Entry("new", "Hen", text="The hen has two legs.")])
    found = ravlm("search", kb, "hen legs", "--json")
    assert "The bm25 index is 2 entries behind, at version" in found.err
    assert found.json["hits"][0]["entry_id"] == "new"
    seen = ravlm("search", kb, "--image", photo, "--json")
    assert "The image index is 2 entries behind" in seen.err
    assert "zoo:cat" not in [hit["entry_id"] for hit in seen.json["hits"]]
    assert "behind" not in ravlm("search", kb, "--image", photo).err, "it was kept"


def test_no_more_than_there_is(ravlm: Ravlm, kb: Path, photo: Path) -> None:
    every = ravlm("search", kb, "--image", photo, "-k", "1000")
    assert every.code == 0
    assert "1,000 hits were asked for, and 6 are all that fit." in every.err
    assert "gnu" not in every.out, "it has no picture"
    assert ravlm("search", kb, "--image", photo).err == "", "none were asked for"


def test_stop_words_alone_find_nothing_and_are_named(ravlm: Ravlm, kb: Path) -> None:
    for retriever in ("bm25", "tfidf"):
        ran = ravlm("search", kb, "The of and?", "--retriever", retriever)
        assert (ran.code, ran.out) == (0, "")
        assert "(the, of, and)" in ran.err
    told = ravlm("search", kb, "The of and?", "--json").json
    assert (told["hits"], told["left_out"], told["empty"]) == ([], ["the", "of", "and"], True)
    marks = ravlm("search", kb, "!!!???").err
    assert ("no words to look for" in marks, "stop words" in marks) == (True, False)
    assert "Nothing was found." in ravlm("search", kb, "zzz").err


def test_without_an_index_of_pictures_the_question_stands_alone(ravlm: Ravlm, kb: Path, photo: Path) -> None:
    shutil.rmtree(kb / "index")
    ran = ravlm("search", kb, "bee legs", "--image", photo, "--json")
    assert (ran.code, ran.json["retriever"]) == (0, "bm25")
    assert "so bm25 looks at the question alone" in ran.err
    assert "ravlm index build" in ran.err
    for arguments in (
        ("--image", photo),
        ("legs", "--retriever", "dense"),
        ("legs", "--image", photo, "--titles", "1"),
    ):
        missing = ravlm("search", kb, *arguments)
        assert (missing.code, missing.out, "Build it: `ravlm index build" in missing.err) == (2, "", True)


def test_an_index_that_can_not_be_kept_is_used_from_memory(ravlm: Ravlm, kb: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = ravlm("search", kb, "bee legs", "--index", tmp_path / "file", "--json")
    assert (ran.code, ran.json["hits"][0]["entry_id"]) == (0, "zoo:bee")
    assert "It is used from memory alone" in ran.err


def test_a_base_on_storage_is_searched(
    ravlm: Ravlm, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys).create_bucket(Bucket="searched")
    told = {**keys, "aws_endpoint": url, "aws_region": "us-east-1", "aws_allow_http": "true"}
    for name, value in told.items():
        monkeypatch.setenv(name.upper(), value)
    try:
        KnowledgeBase.create("s3://searched/kb").upsert(
            [Entry("a", "Ant", text="Six legs.", images=("1",))], picture_of
        )
        words = ravlm("search", "s3://searched/kb", "legs", "--json")
        assert (words.code, [hit["entry_id"] for hit in words.json["hits"]]) == (0, ["a"])
        assert "It is not kept" in words.err
        refused = ravlm("index", "build", "s3://searched/kb")
        assert (refused.code, "--index DIR" in refused.err) == (2, True)
        there = ("--index", tmp_path / "there")
        assert ravlm("index", "build", "s3://searched/kb", "--encoder", model, *there).code == 0
        assert ravlm("search", "s3://searched/kb", "legs", "--retriever", "dense", *there).code == 0
        dense = ravlm("search", "s3://searched/kb", "legs", "--retriever", "dense")
        assert (dense.code, "say with --index DIR where they lie" in dense.err) == (2, True)
    finally:
        server.stop()


def test_two_encoders_of_one_kind_have_to_be_told_apart(ravlm: Ravlm, kb: Path, photo: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    CompactVisualEncoder(image_size=16, channels=(4, 8), width=8).save_pretrained(tmp_path / "other")
    assert ravlm("index", "build", kb, "--encoder", tmp_path / "other").code == 0
    which = ravlm("search", kb, "--image", photo)
    assert (which.code, "Say which with --encoder" in which.err, str(tmp_path / "other") in which.err) == (
        2,
        True,
        True,
    )
    assert ravlm("search", kb, "--image", photo, "--encoder", tmp_path / "other").code == 0
    torch.manual_seed(2)
    CompactVisualEncoder(image_size=16, channels=(4, 8), width=8).save_pretrained(tmp_path / "third")
    third = ravlm("search", kb, "--image", photo, "--encoder", tmp_path / "third")
    assert (third.code, "There is no image index of the encoder" in third.err) == (2, True)


def test_a_changed_encoder_is_refused(ravlm: Ravlm, kb: Path, photo: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    CompactVisualEncoder(image_size=16, channels=(4, 8), width=8).save_pretrained(tmp_path / "other")
    shutil.rmtree(kb / "index")
    ravlm("index", "build", kb, "--encoder", tmp_path / "other")
    torch.manual_seed(2)
    CompactVisualEncoder(image_size=16, channels=(4, 8), width=8).save_pretrained(tmp_path / "other")
    ran = ravlm("search", kb, "--image", photo)
    assert (ran.code, ran.out) == (2, "")
    assert "encoder" in ran.err


def test_a_damaged_index_is_refused_and_stays(ravlm: Ravlm, kb: Path) -> None:
    ravlm("search", kb, "legs")
    victim = max((p for p in (kb / "index" / "bm25").iterdir() if p.name != STAMP), key=lambda p: p.stat().st_size)
    victim.write_bytes(victim.read_bytes()[:-3])
    before = {path: path.read_bytes() for path in (kb / "index" / "bm25").iterdir()}
    ran = ravlm("search", kb, "legs")
    assert (ran.code, ran.out, "is damaged" in ran.err, "ravlm index build" in ran.err) == (2, "", True, True)
    assert {path: path.read_bytes() for path in (kb / "index" / "bm25").iterdir()} == before
    assert ravlm("index", "build", kb, "--retriever", "bm25").code == 0
    assert ravlm("search", kb, "legs").code == 0


def test_an_entry_can_not_draw_on_the_screen(ravlm: Ravlm, kb: Path) -> None:
    KnowledgeBase.open(kb).upsert([Entry("x", "\x1b[2JHen\n9. Fake", text="The hen\r\nhas \x9b31mtwo legs.")])
    shown = ravlm("search", kb, "hen two", "-k", "1").out
    assert shown.splitlines()[0].startswith("  1. [2JHen 9. Fake   (x#0)")
    assert not {"\x1b", "\x9b", "\r"} & set(shown)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("kb",), "Neither a question nor a picture"),
        (("kb", ""), "Neither a question nor a picture"),
        (("kb", "  "), "Neither a question nor a picture"),
        (("nowhere", "legs"), "found nothing"),
        (("kb", "legs", "-k", "0"), "-k"),
        (("kb", "legs", "--retriever", "bm52"), "Did you mean 'bm25'"),
        (("kb", "legs", "--retriever", "image"), "needs a picture"),
        (("kb", "--image", "photo.png", "--retriever", "bm25"), "needs words"),
        (("kb", "--image", "nowhere.png"), "nowhere.png"),
        (("kb", "--image", "text.md"), "is not a JPEG"),
        (("kb", "--image", "photo.png", "--regions", "middle"), "Choose one of"),
        (("kb", "legs", "--titles", "2"), "--titles needs a picture"),
        (("kb", "legs", "--regions", "whole"), "--regions needs a picture"),
        (("kb", "--image", "photo.png", "--key-terms", "words"), "--key-terms needs a question"),
        (("kb", "--image", "photo.png", "--rerank", "nowhere"), "--rerank needs a question"),
        (("kb", "legs", "--rerank", "no/where/at/all"), "There is no model"),
        (("kb", "legs", "--encoder", "model"), "bm25 search without one"),
        (("kb", "legs", "--meta", "house"), "KEY=VALUE"),
        (("kb", "legs", "--trec", "run.txt"), "--queries FILE"),
        (("kb", "legs", "--queries", "queries.jsonl"), "either QUESTION or --queries"),
        (("kb", "--queries", "queries.jsonl"), "Add --trec RUN, or --json"),
        (("kb", "--queries", "nowhere.jsonl"), "found nothing"),
        (("kb", "--queries", "half.jsonl", "--trec", "run.txt"), "half.jsonl, line 2: "),
        (("kb", "--queries", "queries.jsonl", "--trec", "text.md"), "is there already"),
        (("kb", "--queries", "queries.jsonl", "--trec", "run.txt", "--explain"), "--explain"),
        (("kb", "--queries", "nowhere.jsonl", "--trec", "run.txt"), "found nothing"),
        (("kb", "--queries", "text.md", "--trec", "run.txt"), "line 1"),
        (("kb", "--queries", "empty.jsonl", "--trec", "run.txt"), "no queries"),
        (("kb", "--queries", "sub/up.jsonl", "--trec", "run.txt"), "The query 'up': The path '../photo.png' goes up"),
        (("kb", "--queries", "sub/up.jsonl", "--trec", "run.txt"), "Put the picture beside the queries' file"),
        (("kb", "--queries", "lost.jsonl", "--trec", "run.txt"), "'lost'"),
        (("kb", "--queries", "spaced.jsonl", "--trec", "run.txt"), "white space"),
        (("kb", "--queries", "queries.jsonl", "--trec", "run.txt", "--retriever", "image"), "'legs'"),
        (("s3://bucket/kb", "legs"), "can't be reached"),
    ],
)
def test_bad_input_ends_in_2_and_writes_nothing(
    ravlm: Ravlm,
    kb: Path,
    model: Path,
    queries: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    Path("model").symlink_to(model)
    Path("text.md").write_text("Text.")
    Path("empty.jsonl").write_text("\n")
    Path("sub").mkdir()
    Path("sub/up.jsonl").write_text('{"_id": "up", "text": "a", "image": "../photo.png"}')
    Path("half.jsonl").write_text('{"_id": "fine", "text": "a"}\n{"_id": "half", "text": "ro\\ud800se"}')
    Path("lost.jsonl").write_text('{"_id": "fine", "text": "a"}\n{"_id": "lost", "image": "nowhere.png", "text": "b"}')
    Path("spaced.jsonl").write_text('{"_id": "two words", "text": "legs"}')
    ravlm("index", "build", kb, "--retriever", "bm25")
    before = sorted(Path().rglob("*"))
    outcome = ravlm("search", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert sorted(Path().rglob("*")) == before
