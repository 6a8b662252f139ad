import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from command import Ravlm
from pictures import picture
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.encoders.features.extract import Extractor
from ravlm.encoders.tokenizer import train_tokenizer

TEXTS = ["an ant", "", "a long text about many ants", "蜜蜂"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an encoder of each side, as a model has them."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    CompactVisualEncoder(image_size=16, channels=(4, 8), width=8).save_pretrained(folder / "visual")
    tokenizer = train_tokenizer(TEXTS, 60)
    language = CompactLanguageEncoder(tokenizer=tokenizer, width=16, layers=1, heads=2)
    language.save_pretrained(folder / "language")
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "one.png").write_bytes(picture(1))
    (folder / "c.JPG").write_bytes(picture(2, "JPEG"))
    (folder / "a.webp").write_bytes(picture(3, "WEBP"))
    (folder / "notes.md").write_text("No picture.")
    return folder


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return path


def matrix(path: Path) -> np.ndarray:
    return np.load(path, allow_pickle=False)


def test_a_folder_of_pictures_becomes_parquet(ravlm: Ravlm, model: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    ran = ravlm("encode", model, photos, "--out", out, "--precision", "float32", "--batch", 2)
    assert ran.code == 0
    assert f"Encoding with {model} on " in ran.err
    assert "in float32, 2 at once" in ran.err
    assert f"Wrote {out}: 3 pictures as 3 vectors of 8 numbers" in ran.out
    table = pq.read_table(out)
    assert table.column_names == ["id", "vector"]
    assert table["id"].to_pylist() == ["a.webp", "b/one.png", "c.JPG"]
    encoder = CompactVisualEncoder.from_pretrained(model / "visual")
    paths = [photos / name for name in table["id"].to_pylist()]
    expected = [f.pooled.numpy() for f in Extractor(encoder, precision="float32").images(paths)]
    assert np.allclose(np.array(table["vector"].to_pylist()), np.stack(expected), atol=1e-6)
    about = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert about["encoder"] == str(model)
    assert (about["fingerprint"], about["precision"]) == (encoder.fingerprint(), "float32")
    assert {"revision", "ravlm"} <= set(about)


def test_texts_become_a_matrix_with_their_ids(ravlm: Ravlm, model: Path, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.npy"
    told = ravlm("encode", model, texts, "--out", out, "--json").json
    assert (told["rows"], told["width"], told["kind"]) == (4, 16, "text")
    assert matrix(out).shape == (4, 16)
    assert (out.parent / "out.ids.txt").read_text().splitlines() == ["1", "2", "3", "4"]
    assert sorted(path.name for path in out.parent.iterdir()) == ["out.ids.txt", "out.npy"]
    unit = tmp_path / "unit.npy"
    ravlm("encode", model / "language", texts, "--out", unit, "--normalize")
    lengths = np.linalg.norm(matrix(out), axis=1, keepdims=True)
    assert np.allclose(matrix(unit), matrix(out) / np.maximum(lengths, 1e-12), atol=1e-6)


def test_tokens_are_lists_of_vectors(ravlm: Ravlm, model: Path, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    assert ravlm("encode", model, texts, "--out", out, "--tokens").code == 0
    language = CompactLanguageEncoder.from_pretrained(model / "language")
    lengths = language.tokenize(TEXTS).mask.sum(1).tolist()
    tokens = pq.read_table(out)["tokens"].to_pylist()
    assert [len(row) for row in tokens] == lengths
    assert all(len(token) == 16 for row in tokens for token in row)


def test_lines_of_beir_are_read_with_their_titles(ravlm: Ravlm, model: Path, tmp_path: Path) -> None:
    rows = [{"_id": "x", "title": "an", "text": "ant"}, {"_id": "y", "title": "", "text": "an ant", "metadata": {}}]
    lines = tmp_path / "corpus.jsonl"
    lines.write_text("\n".join(json.dumps(row) for row in rows))
    ravlm("encode", model, lines, "--out", tmp_path / "out.npy")
    assert (tmp_path / "out.ids.txt").read_text() == "x\ny\n"
    vectors = matrix(tmp_path / "out.npy")
    assert np.array_equal(vectors[0], vectors[1])


def test_views_and_a_cache(ravlm: Ravlm, model: Path, photos: Path, tmp_path: Path) -> None:
    vectors = []
    for name in ("first.parquet", "second.parquet"):
        options = ("--views", 2, "--cache", tmp_path / "cache", "--cache-limit", 0.01)
        assert ravlm("encode", model, photos, "--out", tmp_path / name, *options).code == 0
        table = pq.read_table(tmp_path / name)
        assert table["id"].to_pylist() == ["a.webp", "a.webp", "b/one.png", "b/one.png", "c.JPG", "c.JPG"]
        assert table["view"].to_pylist() == [0, 1] * 3
        vectors.append(table["vector"].to_pylist())
    assert vectors[0] == vectors[1]
    assert vectors[0][0] != vectors[0][1]


def test_a_damaged_picture_ends_it_or_is_listed(ravlm: Ravlm, model: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "b" / "bad.png").write_bytes(picture(1)[:99])
    out = tmp_path / "out.npy"
    ended = ravlm("encode", model, photos, "--out", out)
    assert (ended.code, "bad.png can't be decoded" in ended.err) == (2, True)
    assert not list(tmp_path.glob("*out*"))
    ran = ravlm("encode", model, photos, "--out", out, "--skip-damaged")
    assert (ran.code, "Left out 1 picture:" in ran.out, "bad.png can't be decoded" in ran.out) == (0, True, True)
    assert (tmp_path / "out.ids.txt").read_text().splitlines() == ["a.webp", "b/one.png", "c.JPG"]
    assert matrix(out).shape == (3, 8)
    told = ravlm("encode", model, photos, "--out", tmp_path / "o.parquet", "--skip-damaged", "--json").json
    assert list(told["damaged"]) == ["b/bad.png"]
    nothing = ravlm("encode", model, photos / "b" / "bad.png", "--out", tmp_path / "n.npy", "--skip-damaged")
    assert (nothing.code, "None of the 1 pictures" in nothing.err) == (2, True)
    assert not list(tmp_path.glob("*n.*npy*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("model", "photos", "--out", "o.csv"), ".parquet or .npy"),
        (("model", "photos", "--out", "o.npy", "--tokens"), "can't hold tokens"),
        (("model", "photos", "--out", "there.npy"), "is there already"),
        (("model", "photos", "--out", "other.npy"), "other.ids.txt is there already"),
        (("model", "photos", "--out", "photos"), "photos"),
        (("model", "nowhere", "--out", "o.npy"), "found nothing"),
        (("model", "there.npy", "--out", "o.npy"), "found a file .npy"),
        (("model", "empty", "--out", "o.npy"), "nothing to encode"),
        (("model", "empty.txt", "--out", "o.npy"), "nothing to encode"),
        (("model", "twice.jsonl", "--out", "o.npy"), "'x' more than once"),
        (("model", "wrong.jsonl", "--out", "o.npy"), "wrong.jsonl, line 1"),
        (("model/language", "photos", "--out", "o.npy"), "compact-language"),
        (("model/visual", "texts.txt", "--out", "o.npy"), "compact-visual"),
        (("nowhere/at/all", "texts.txt", "--out", "o.npy"), "There is no model"),
        (("model", "texts.txt", "--out", "o.npy", "--precision", "half"), "Choose one of"),
        (("model", "texts.txt", "--out", "o.npy", "--layer", "9"), "layer"),
        (("model", "texts.txt", "--out", "o.npy", "--batch", "0"), "--batch"),
        (("model", "texts.txt", "--out", "o.npy", "--cache", "photos"), "holds something else"),
        (("model", "texts.txt"), "--out"),
    ],
)
def test_bad_input_ends_in_2_and_writes_nothing(
    ravlm: Ravlm,
    model: Path,
    photos: Path,
    texts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model").symlink_to(model)
    Path("there.npy").write_bytes(b"")
    Path("other.ids.txt").write_text("")
    Path("empty").mkdir()
    Path("empty.txt").write_text("")
    Path("twice.jsonl").write_text('{"_id": "x", "text": "a"}\n' * 2)
    Path("wrong.jsonl").write_text('{"_id": 1, "text": "a"}\n')
    before = sorted(Path().rglob("*"))
    outcome = ravlm("encode", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert sorted(Path().rglob("*")) == before
