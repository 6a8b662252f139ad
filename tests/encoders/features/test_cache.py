"""The feature cache: keys that tell everything apart, and features that come back bit for bit."""

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ravlm.encoders.features.cache import FeatureCache, Features, cache_key

LIMIT = 10**7
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
SAME: dict[str, Any] = {"fingerprint": "f", "content": b"c", "kind": "image", "tokens": False}


def bits(tensor: Tensor | None) -> tuple[Any, ...] | None:
    if tensor is None:
        return None
    return tensor.dtype, tuple(tensor.shape), tensor.contiguous().flatten().view(torch.uint8).tolist()


def random_bits(chance: torch.Generator, dtype: torch.dtype, *shape: int) -> Tensor:
    """Any bits at all: not-a-numbers, infinities and subnormal numbers too."""
    count = dtype.itemsize * int(torch.tensor(shape).prod())
    return torch.randint(0, 256, (count,), dtype=torch.uint8, generator=chance).view(dtype).view(shape)


@pytest.mark.parametrize("pooled", DTYPES)
@pytest.mark.parametrize("tokens", [None, *DTYPES])
def test_features_come_back_bit_for_bit(tmp_path: Path, pooled: torch.dtype, tokens: torch.dtype | None) -> None:
    chance = torch.Generator().manual_seed(0)
    given = []
    for width, n in [(1, 1), (3, 5), (384, 7), (2048, 49)]:
        sequence = None if tokens is None else random_bits(chance, tokens, n, width + 1)
        given.append((bytes([width % 256]) * 32, Features(random_bits(chance, pooled, width), sequence)))
    with FeatureCache(tmp_path, limit=LIMIT) as cache:
        cache.put_many(given)
    with FeatureCache(tmp_path, limit=LIMIT) as cache:
        found = cache.get_many([key for key, _ in given])
    for (_, expected), features in zip(given, found, strict=True):
        assert features is not None
        assert bits(features.pooled) == bits(expected.pooled)
        assert bits(features.tokens) == bits(expected.tokens)


def test_no_tokens_and_no_width_are_kept_as_they_are(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, limit=LIMIT)
    cache.put_many([(b"k" * 32, Features(torch.zeros(0), torch.zeros(0, 5)))])
    (found,) = cache.get_many([b"k" * 32])
    assert found is not None
    assert found.tokens is not None
    assert (tuple(found.pooled.shape), tuple(found.tokens.shape)) == ((0,), (0, 5))


def test_what_is_found_stands_in_the_order_of_the_keys(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, limit=LIMIT)
    cache.put_many([(bytes([i]) * 32, Features(torch.tensor([float(i)]))) for i in range(1, 4)])
    found = cache.get_many([bytes([i]) * 32 for i in (3, 9, 1, 3)])
    assert [features and features.pooled.item() for features in found] == [3.0, None, 1.0, 3.0]
    assert cache.get_many([]) == []
    assert cache.info().entries == 3


def test_slices_and_tensors_that_learn_are_kept_by_value(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, limit=LIMIT)
    table = torch.arange(12.0).view(3, 4).requires_grad_()
    cache.put_many([(b"k" * 32, Features(table[:, 1], table.T))])
    (found,) = cache.get_many([b"k" * 32])
    assert found is not None
    assert found.tokens is not None
    assert found.pooled.tolist() == [1.0, 5.0, 9.0]
    assert torch.equal(found.tokens, table.detach().T)


def test_changing_what_was_read_changes_nothing_kept(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, limit=LIMIT)
    cache.put_many([(b"k" * 32, Features(torch.ones(3)))])
    for _ in range(2):
        (found,) = cache.get_many([b"k" * 32])
        assert found is not None
        assert found.pooled.tolist() == [1.0, 1.0, 1.0]
        found.pooled.zero_()


def test_another_dtype_is_refused(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, limit=LIMIT)
    with pytest.raises(ValueError, match="float64"):
        cache.put_many([(b"k" * 32, Features(torch.ones(3, dtype=torch.float64)))])
    assert cache.info().entries == 0


@pytest.mark.parametrize(
    "other",
    [
        {"fingerprint": "g"},
        {"content": b"d"},
        {"kind": "text"},
        {"tokens": True},
        {"view": 1},
        {"precision": "bfloat16"},
        {"fingerprint": "", "content": b"fc"},
        {"fingerprint": "fi", "content": b"c"},
    ],
)
def test_a_key_tells_all_parts_apart(other: dict[str, Any]) -> None:
    assert cache_key(**SAME) == cache_key(**SAME, view=0, precision="float32")
    assert cache_key(**(SAME | other)) != cache_key(**SAME)


PARTS = st.tuples(
    st.text("a0", max_size=3), st.binary(max_size=3), st.sampled_from(["image", "text"]), st.booleans(),
    st.integers(0, 11), st.text("a0", max_size=3),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(PARTS, PARTS)
def test_keys_are_the_same_only_for_the_same_parts(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    keys = [
        cache_key(fingerprint, content, kind=kind, tokens=tokens, view=view, precision=precision)
        for fingerprint, content, kind, tokens, view, precision in (one, other)
    ]
    assert (keys[0] == keys[1]) == (one == other)


def _pass_on(cache: FeatureCache) -> None:
    (found,) = cache.get_many([b"a" * 32])
    assert found is not None
    cache.put_many([(b"b" * 32, Features(found.pooled + 1))])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_cache_may_be_handed_to_other_processes(tmp_path: Path, method: str) -> None:
    cache = FeatureCache(tmp_path, limit=LIMIT)
    cache.put_many([(b"a" * 32, Features(torch.tensor([1.0])))])
    process = multiprocessing.get_context(method).Process(target=_pass_on, args=(cache,))  # type: ignore[attr-defined]
    process.start()
    process.join()
    assert process.exitcode == 0
    (found,) = cache.get_many([b"b" * 32])
    assert found is not None
    assert found.pooled.tolist() == [2.0]


def test_a_closed_cache_opens_again(tmp_path: Path) -> None:
    with FeatureCache(tmp_path, limit=LIMIT) as cache:
        cache.put_many([(b"a" * 32, Features(torch.ones(1)))])
    assert cache.info().entries == 1
