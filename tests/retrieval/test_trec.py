import gzip
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.errors import FormatError, PathError
from ravlm.records import Hit
from ravlm.retrieval.interchange.fields import Qrel
from ravlm.retrieval.interchange.trec import (
    RunLine,
    by_entry,
    read_qrels,
    read_run,
    strictly_falling,
    write_qrels,
    write_run,
)


def test_a_run_is_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.txt"
    assert (
        write_run(path, [("q1", [("b", 2.5), ("a", 2.5), ("c", -0.25)]), ("q2", []), ("问", [("d", 1e-9)])], "x") == 4
    )
    assert path.read_text(encoding="utf-8").splitlines() == [
        "q1 Q0 b 1 2.500000 x",
        "q1 Q0 a 2 2.499999 x",
        "q1 Q0 c 3 -0.250000 x",
        "问 Q0 d 1 0.000000 x",
    ]
    assert list(read_run(path))[1] == RunLine("q1", "a", 2.499999, 2, "x")
    assert [p.name for p in path.parent.iterdir()] == ["run.txt"]
    packed = tmp_path / "run.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert list(read_run(packed)) == list(read_run(path))


def test_judgements_are_written_and_read(tmp_path: Path) -> None:
    wanted = [Qrel("q1", "b", 1), Qrel("q1", "a", 0), Qrel("q2", "d", -1)]
    write_qrels(tmp_path / "qrels", wanted)
    assert (tmp_path / "qrels").read_text() == "q1 0 b 1\nq1 0 a 0\nq2 0 d -1\n"
    assert list(read_qrels(tmp_path / "qrels")) == wanted
    (tmp_path / "tabs").write_text("q1\t0\tb   1\r\n\n  \nq2 0 d 2")
    assert list(read_qrels(tmp_path / "tabs")) == [Qrel("q1", "b", 1), Qrel("q2", "d", 2)]


def test_a_scorer_sees_the_order_of_the_hits_though_they_tie(tmp_path: Path) -> None:
    """trec_eval breaks ties by the last id first, where ours come first: only the scores may decide."""
    hits = [(f"d{n:02}", 0.5) for n in range(20)]
    write_run(tmp_path / "run", [("q", hits)], "x")
    for right in (0, 7, 19):
        judged = [Qrel("q", f"d{right:02}", 1)]
        measured = ir_measures.calc_aggregate([ir_measures.RR], judged, list(read_run(tmp_path / "run")))
        assert measured[ir_measures.RR] == pytest.approx(1 / (right + 1))
        other = ir_measures.calc_aggregate([ir_measures.RR], judged, ir_measures.read_trec_run(str(tmp_path / "run")))
        assert other == measured


@given(st.lists(st.floats(-1e5, 1e5) | st.sampled_from([0.0, 1.0, 8.0, 16.0, 25.123456, 1 / 61]), max_size=40))
def test_written_scores_fall_also_as_32_bit_floats(scores: list[float]) -> None:
    ranked = sorted(scores, reverse=True)
    written = strictly_falling(ranked)
    seen = np.array(written, dtype=np.float64).astype(np.float32)
    assert (np.diff(seen) < 0).all()
    assert all(len(text.partition(".")[2]) == 6 for text in written)
    moved = np.array(ranked) - np.array(written, dtype=float)
    spacing = max((float(np.spacing(np.float32(abs(score) + 1))) for score in ranked), default=0)
    assert (np.abs(moved) <= len(scores) * (2e-6 + 2 * spacing)).all()


def test_scores_that_differ_enough_stay_as_they_are() -> None:
    assert strictly_falling([12.3456784, 12.34, 0.0163934, 0.016129, 0, -1.5]) == [
        "12.345678",
        "12.340000",
        "0.016393",
        "0.016129",
        "0.000000",
        "-1.500000",
    ]
    assert strictly_falling([]) == []


def test_an_entry_stands_where_its_best_hit_does() -> None:
    hits = [Hit("b", "b#1", None, 1, {"bm25": 3.0}), Hit("a", "a#0", None, 2, {"bm25": 2.0})]
    hits += [Hit("b", "b#0", None, 3, {"bm25": 1.0}), Hit("c", None, None, 4, {"bm25": 0.5})]
    assert by_entry(hits, "bm25") == [("b", 3.0), ("a", 2.0), ("c", 0.5)]
    behind = [*hits, Hit("d", None, "p", 5, {"image": 9.0})]
    assert by_entry(behind, "bm25")[-1] == ("d", 0.5), "not scored by the stage: behind the others"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"q Q0 d 1 2.0", "line 1"),
        (b"q Q0 d 1 2.0 x\nq Q0 d one 2.0 x", "line 2"),
        (b"q Q0 d 1 high x", "high"),
        (b"q Q0 d 1 nan x", "nan"),
        (b"q Q0 d 1 inf x", "inf"),
        (b"q Q0 a document 1 2.0 x", "a document"),
        (b"q Q0 d 1 2.0 \xff", "not UTF-8"),
        (b"\x1f\x8b\x08damaged", "damaged"),
    ],
)
def test_a_line_that_is_none_of_a_run_is_refused(tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / "run").write_bytes(text)
    with pytest.raises(FormatError, match=said):
        list(read_run(tmp_path / "run"))


@pytest.mark.parametrize("line", ["q 0 d", "q 0 d 1.5", "q 0 d 1 2", "q\t0\td\tyes"])
def test_a_line_that_is_no_judgement_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "qrels").write_text(f"q 0 d 1\n{line}\n")
    with pytest.raises(FormatError, match="line 2"):
        list(read_qrels(tmp_path / "qrels"))


@pytest.mark.parametrize("name", ["", "two words", " a", "a\n", "a\tb", "a\u3000b"])
def test_an_id_that_would_break_a_line_is_refused_and_nothing_is_left(tmp_path: Path, name: str) -> None:
    for found, tag in (([("q", [("d", 1.0), (name, 0.5)])], "x"), ([(name, [])], "x"), ([], name)):
        with pytest.raises(FormatError, match="white space"):
            write_run(tmp_path / "run", found, tag)
    with pytest.raises(FormatError, match="white space"):
        write_qrels(tmp_path / "run", [Qrel("q", name, 1)])
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_there_or_are_not(tmp_path: Path) -> None:
    with pytest.raises(PathError, match="found nothing"):
        list(read_run(tmp_path / "run"))
    (tmp_path / "run").write_text("mine")
    with pytest.raises(PathError, match="is there already"):
        write_run(tmp_path / "run", [], "x")
    assert (tmp_path / "run").read_text() == "mine"
