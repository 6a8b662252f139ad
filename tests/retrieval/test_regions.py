"""Boxes of pictures: the middle, grids, and where a saliency lies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from ravlm.retrieval.regions import grid_boxes, least_cells, middle, salient_box


@pytest.mark.parametrize(("size", "kept"), [((80, 40), (70, 36)), ((1, 1), (1, 1)), ((2, 1000), (2, 876))])
def test_the_margins_go_and_something_is_always_left(size, kept):
    assert middle(Image.new("RGB", size)).size == kept


def test_it_is_the_middle_that_is_kept():
    photo = Image.new("RGB", (80, 80), "red")
    photo.paste("blue", (5, 5, 75, 75))
    assert middle(photo).getcolors() == [(70 * 70, (0, 0, 255))]


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_a_grid_covers_the_picture_and_its_neighbours_overlap(n, overlap):
    boxes = grid_boxes((700, 480), n, overlap)
    assert len(boxes) == n * n
    assert boxes[0][:2] == (0, 0)
    assert boxes[-1][2:] == (700, 480)
    covered = np.zeros((480, 700), dtype=int)
    for left, top, right, bottom in boxes:
        covered[top:bottom, left:right] += 1
    assert covered.min() == 1
    if n > 1:
        (left, _, right, _), (after, *_) = boxes[0], boxes[1]
        assert (right - after) / (right - left) == pytest.approx(overlap, abs=0.01)


def brute(saliency, share, least):
    """The same by trying every box."""
    rows, columns = saliency.shape
    total = saliency.sum() or 1.0
    shares = saliency / total if saliency.sum() > 0 else np.full(saliency.shape, 1 / saliency.size)
    best = None
    for top in range(rows):
        for bottom in range(top + min(least[0], rows), rows + 1):
            for left in range(columns):
                for right in range(left + min(least[1], columns), columns + 1):
                    held = round(float(shares[top:bottom, left:right].sum()), 6)
                    found = (bottom - top) * (right - left), -held, top, bottom, left, right
                    if held >= share and (best is None or found < best):
                        best = found
    assert best is not None
    return best[4], best[2], best[5], best[3]


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.int64, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(0, 8)),
    st.sampled_from([0.25, 0.5, 0.75, 0.9]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_no_smaller_box_holds_the_share(saliency, share, least):
    assert salient_box(saliency.astype(float), share, least) == brute(saliency.astype(float), share, least)


def test_a_saliency_of_nothing_takes_as_many_cells_as_the_share():
    assert salient_box(np.zeros((4, 4)), 0.5) == (0, 0, 4, 2)
    assert salient_box(np.ones((3, 3)), 1.0) == (0, 0, 3, 3)


def test_the_least_is_of_the_whole_side_though_a_part_is_seen():
    assert least_cells(12, 1.0, 1 / 3) == 4
    assert least_cells(12, 0.5, 1 / 3) == 8
    assert least_cells(7, 0.2, 1 / 3) == 7
