import pytest
from PIL import Image

from ravlm.retrieval.regions import middle


@pytest.mark.parametrize(("size", "kept"), [((80, 40), (70, 36)), ((1, 1), (1, 1)), ((2, 1000), (2, 876))])
def test_the_margins_go_and_something_is_always_left(size, kept):
    assert middle(Image.new("RGB", size)).size == kept


def test_it_is_the_middle_that_is_kept():
    photo = Image.new("RGB", (80, 80), "red")
    photo.paste("blue", (5, 5, 75, 75))
    assert middle(photo).getcolors() == [(70 * 70, (0, 0, 255))]
