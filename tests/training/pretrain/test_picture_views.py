import pytest
import torch
from torch import Generator, Tensor

from ravlm.training.pretrain.config import ClassesConfig
from ravlm.training.pretrain.views import ORDERS, crops, permuted
from ravlm.training.pretrain.visual_stages import PictureViews


def drawn(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int, side: int = 12) -> Tensor:
    return torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8, generator=drawn(7))


def test_a_crop_of_all_of_a_picture_is_the_picture_and_its_mirrored_self():
    whole = {"least_area": 1.0, "strength": 0.0}
    some = images(5)
    assert torch.allclose(crops(some, 12, drawn(), mirror=0.0, **whole), some.float(), atol=1e-2)
    assert torch.allclose(crops(some, 12, drawn(), mirror=1.0, **whole), some.float().flip(-1), atol=1e-2)


def test_a_crop_lies_inside_and_has_the_area_and_the_sides_that_are_allowed():
    side, n = 64, 200
    x, y = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="xy")
    places = torch.stack([x, y, torch.zeros_like(x)]).expand(n, -1, -1, -1).to(torch.uint8)
    seen = crops(places, 32, drawn(), least_area=0.3, mirror=0.0, strength=0.0)
    width = (seen[:, 0, 0, -1] - seen[:, 0, 0, 0]) / side * 32 / 31  # between the middles of the outer pixels
    height = (seen[:, 1, -1, 0] - seen[:, 1, 0, 0]) / side * 32 / 31
    area, ratio = width * height, width / height
    assert 0.28 < area.min() < 0.4
    assert 0.9 < area.max() < 1.02
    assert 0.74 < ratio.min() < 0.8
    assert 1.25 < ratio.max() < 1.36


def test_the_same_generator_draws_the_same_views_and_values_stay_in_their_range():
    how = {"least_area": 0.3, "mirror": 0.5, "strength": 1.0}
    first, again, other = (crops(images(8), 16, drawn(seed), **how) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.min() >= 0.0
    assert first.max() <= 255.0


def test_permuted_pictures_have_the_channels_of_their_order():
    some = images(60).float()
    changed, order = permuted(some, 1.0, drawn())
    assert set(order.tolist()) == set(range(1, len(ORDERS)))
    for picture, found, place in zip(some, changed, order.tolist(), strict=True):
        assert torch.equal(picture[list(ORDERS[place])], found)
    same, none = permuted(some, 0.0, drawn())
    assert torch.equal(same, some)
    assert none.tolist() == [0] * 60
    assert sorted(ORDERS) == sorted({tuple(order) for order in ORDERS})
    assert ORDERS[0] == (0, 1, 2)


def views(own: list[int], batch: int = 8, share: float = 0.25, sizes: tuple[int, ...] = (8,)) -> PictureViews:
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 0, 1])
    mask = torch.zeros(8, dtype=torch.bool)
    mask[own] = True
    settings = ClassesConfig(batch=batch, own_pictures=share, steps=4)
    return PictureViews(images(8), labels, mask, sizes, settings, torch.device("cpu"))


def test_a_batch_has_its_share_of_own_pictures_and_none_twice_before_all():
    some = views([6, 7])
    for seed in range(20):
        places = some.draw(drawn(seed)).tolist()
        assert len(places) == 8
        assert sorted(place for place in places if place > 5) == [6, 7]
        assert sorted(place for place in places if place < 6) == list(range(6))
    assert sorted(views([], batch=16).draw(drawn()).tolist()) == sorted([*range(8)] * 2)


def test_partners_are_other_pictures_of_the_class_where_there_are_any():
    some = views([])
    everyone = torch.arange(8)
    met = [set() for _ in range(8)]
    for seed in range(60):
        for place, partner in enumerate(some.partners(everyone, drawn(seed)).tolist()):
            met[place].add(partner)
    assert met == [{1, 2, 6}, {0, 2, 6}, {0, 1, 6}, {4, 7}, {3, 7}, {5}, {0, 1, 2}, {3, 4}]


@pytest.mark.parametrize(("step", "side"), [(0, 8), (1, 8), (2, 12), (3, 12)])
def test_each_size_has_an_equal_part_of_the_steps(step: int, side: int):
    seen = views([], sizes=(8, 12)).look(torch.arange(3), step, drawn())
    assert seen.shape == (3, 3, side, side)
