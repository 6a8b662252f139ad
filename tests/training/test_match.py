import math

import pytest
import torch

from ravlm.training.augment import change_identity, view
from ravlm.training.match import PicturePairs, augmented_pairs, contrastive_loss


def test_equal_keys_cost_log_b_and_right_ones_nothing():
    entry = torch.arange(4)
    same = torch.ones(4, 3)
    assert float(contrastive_loss(same, same, entry, torch.tensor(20.0))) == pytest.approx(math.log(4), abs=1e-5)
    apart = torch.eye(4)
    assert float(contrastive_loss(apart, apart, entry, torch.tensor(50.0))) == pytest.approx(0.0, abs=1e-5)


def test_pairs_of_the_same_entry_are_no_negatives():
    queries = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    twice = contrastive_loss(queries, queries, torch.tensor([7, 7, 8]), torch.tensor(50.0))
    assert float(twice) == pytest.approx(0.0, abs=1e-5)
    distinct = contrastive_loss(queries, queries, torch.tensor([7, 9, 8]), torch.tensor(50.0))
    assert float(distinct) == pytest.approx(2 / 3 * math.log(2), abs=1e-4)


def pairs() -> PicturePairs:
    generator = torch.Generator().manual_seed(0)
    photos = torch.randint(0, 256, (6, 3, 18, 18), dtype=torch.uint8, generator=generator)
    pictures = torch.randint(0, 256, (3, 3, 18, 18), dtype=torch.uint8, generator=generator)
    none = torch.full((6,), -1)
    return PicturePairs(photos, torch.tensor([0, 0, 0, 1, 1, 2]), pictures, torch.tensor([0, 1, 2]), none)


def test_a_photo_is_paired_with_itself_only_where_its_entry_has_no_other_picture():
    photos = torch.zeros(3, 3, 8, 8, dtype=torch.uint8)
    own = PicturePairs(photos, torch.tensor([0, 0, 1]), photos, torch.tensor([0, 0, 1]), torch.tensor([0, 1, 2]))
    drawn = [own.sample(2, torch.Generator().manual_seed(seed)) for seed in range(20)]
    assert {(int(p), int(q)) for photo, picture, _ in drawn for p, q in zip(photo, picture, strict=True)} == {
        (0, 1),
        (1, 0),
        (2, 2),
    }


def test_every_entry_is_drawn_once_before_any_twice():
    photo, picture, entry = pairs().sample(6, torch.Generator().manual_seed(1))
    assert sorted(entry[:3].tolist()) == [0, 1, 2]
    assert sorted(entry[3:].tolist()) == [0, 1, 2]
    assert torch.equal(pairs().photo_entry[photo], entry)
    assert torch.equal(pairs().picture_entry[picture], entry)


def test_the_same_generator_draws_the_same_views():
    first = augmented_pairs(pairs(), 16, 4, torch.Generator().manual_seed(5), torch.device("cpu"))
    second = augmented_pairs(pairs(), 16, 4, torch.Generator().manual_seed(5), torch.device("cpu"))
    other = augmented_pairs(pairs(), 16, 4, torch.Generator().manual_seed(6), torch.device("cpu"))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0], other[0])


def test_a_view_of_no_strength_is_the_picture_and_every_view_stays_in_range():
    picture = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(view(picture, 16, torch.Generator(), 0.0), picture.float(), atol=1e-3, rtol=0)
    strong = view(picture, 16, torch.Generator(), 1.0)
    assert 0.0 <= float(strong.min()) <= float(strong.max()) <= 255.0


def test_identity_changes_in_both_views_alike():
    first = torch.rand(64, 3, 8, 8) * 255
    changed, with_it = change_identity(first, first, torch.Generator().manual_seed(2))
    assert torch.equal(changed, with_it)
    kept = (changed == first).flatten(1).all(1).float().mean()
    assert 0.2 < float(kept) < 0.7
