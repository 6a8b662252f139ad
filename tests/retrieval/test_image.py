import numpy as np
import pytest

from ravlm.errors import FormatError, IndexStale
from ravlm.records import Entry
from ravlm.retrieval.image import KEYS, STAMP, ImageIndex, Stamp

STAMPED = Stamp("base", "encoder")
ENTRIES = [Entry("b", "B", images=("b1", "b2")), Entry("a", "A", images=("a1",)), Entry("text", "No picture")]
VECTORS = {"a1": [1.0, 0.0], "b1": [0.0, 1.0], "b2": [0.6, 0.8]}


def embed(image_ids):
    return np.array([VECTORS[image_id] for image_id in image_ids], dtype=np.float32)


def index() -> ImageIndex:
    return ImageIndex.build(ENTRIES, embed, STAMPED)


def test_search_ranks_entries_by_their_nearest_picture_and_ties_by_id():
    (row,) = index().search(np.array([[0.8, 0.6]], dtype=np.float32), 5)
    assert [(e, i) for e, i, _ in row] == [("b", "b2"), ("a", "a1")]
    assert row[0][2] == pytest.approx(0.96)
    (tied,) = index().search(np.array([[0.0, 0.0]], dtype=np.float32), 1)
    assert tied[0][0] == "a"


def test_compare_agrees_with_search():
    query = np.array([0.8, 0.6], dtype=np.float32)
    assert [index().compare(query, e) for e in ("b", "a")] == index().search(query[None], 2)[0]
    assert index().compare(query, "text") == ("text", "", 0.0)


def test_a_photo_is_not_compared_with_itself_where_there_is_another_picture():
    keys = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], dtype=np.float32)
    found = ImageIndex(keys, [("a", "itself"), ("a", "other"), ("b", "only")], STAMPED)
    assert found.compare(keys[0], "a", besides="itself") == ("a", "other", pytest.approx(0.6))
    assert found.compare(keys[0], "a", besides="another") == ("a", "itself", pytest.approx(1.0))
    assert found.compare(keys[2], "b", besides="only") == ("b", "only", pytest.approx(1.0))


def test_a_picture_is_its_own_where_its_entry_has_another():
    keys = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], dtype=np.float32)
    found = ImageIndex(keys, [("a", "itself"), ("a", "other"), ("b", "only")], STAMPED)
    assert (found.own("itself"), found.own("only"), found.own("unknown")) == ([0], [], [])


def test_nothing_is_found_among_no_pictures():
    empty = ImageIndex.build([ENTRIES[2]], embed, STAMPED)
    assert empty.search(np.zeros((2, 1), np.float32), 3) == [[], []]


def test_only_new_pictures_are_encoded_and_another_encoder_starts_anew():
    asked = []

    def counting(image_ids):
        asked.extend(image_ids)
        return embed(image_ids)

    before = ImageIndex.build(ENTRIES[:1], embed, STAMPED)
    ImageIndex.build(ENTRIES, counting, Stamp("later", "encoder"), before)
    assert asked == ["a1"]
    ImageIndex.build(ENTRIES, counting, Stamp("later", "another"), before)
    assert asked[1:] == ["a1", "b1", "b2"]


def test_a_saved_index_is_the_same_and_a_damaged_one_is_refused(tmp_path):
    assert ImageIndex.load(tmp_path) is None
    index().save(tmp_path)
    again = ImageIndex.load(tmp_path)
    assert again is not None
    assert again.owners == index().owners
    assert again.stamp == STAMPED
    np.testing.assert_array_equal(again.keys, index().keys)
    stamp = (tmp_path / STAMP).read_text()
    (tmp_path / STAMP).write_text(stamp.replace('"format": 1', '"format": 2'))
    with pytest.raises(FormatError, match="format 2"):
        ImageIndex.load(tmp_path)
    (tmp_path / STAMP).write_text(stamp[:10])
    with pytest.raises(IndexStale, match="no JSON"):
        ImageIndex.load(tmp_path)
    (tmp_path / STAMP).write_text(stamp)
    data = bytearray((tmp_path / KEYS).read_bytes())
    data[-1] ^= 1
    (tmp_path / KEYS).write_bytes(bytes(data))
    with pytest.raises(IndexStale, match="checksum"):
        ImageIndex.load(tmp_path)
