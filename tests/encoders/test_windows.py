"""Windows of long texts: every token keeps its place, and is taken from where it sees most."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ravlm.encoders.windows import Frame, cut, window_starts
from ravlm.tensors import TextBatch

FRAMES = st.builds(Frame, st.integers(9, 24), st.integers(0, 2), st.integers(0, 2), st.booleans())
LENGTHS = st.lists(st.integers(1, 90), min_size=1, max_size=3)


def numbered(lengths: list[int]) -> TextBatch:
    """Texts whose ids are all different."""
    width = max(lengths)
    mask = torch.arange(width) < torch.tensor(lengths)[:, None]
    ids = (torch.arange(len(lengths) * width).view(len(lengths), width) + 1).masked_fill(~mask, 0)
    return TextBatch(ids, mask, torch.zeros(len(lengths), width, 2, dtype=torch.long))


@settings(max_examples=200, deadline=None)
@given(FRAMES, LENGTHS)
def test_every_token_has_a_place_of_its_own_id(frame: Frame, lengths: list[int]) -> None:
    texts = numbered(lengths)
    windows = cut(texts, frame)
    assert torch.equal(windows.ids.flatten()[windows.place][texts.mask], texts.ids[texts.mask])
    assert windows.mask.flatten()[windows.place][texts.mask].all()
    tokens = torch.stack([windows.ids, -windows.ids], dim=-1).float()
    assert torch.equal(windows.together(tokens)[..., 0][texts.mask], texts.ids[texts.mask].float())


@settings(max_examples=200, deadline=None)
@given(FRAMES, LENGTHS)
def test_windows_of_a_long_text_are_full_framed_and_overlap(frame: Frame, lengths: list[int]) -> None:
    texts = numbered(lengths)
    windows = cut(texts, frame)
    for row, n in enumerate(lengths):
        mine = windows.ids[windows.row == row]
        there = windows.mask[windows.row == row]
        if n <= frame.size:
            assert mine.shape[0] == 1
            assert torch.equal(mine[0][there[0]], texts.ids[row, :n])
            continue
        assert there.all()
        for window in mine:
            assert torch.equal(window[: frame.before], texts.ids[row, : frame.before])
            assert torch.equal(window[frame.size - frame.after :], texts.ids[row, n - frame.after : n])
        inner = mine[:, frame.before : frame.size - frame.after]
        assert inner[0, 0] == texts.ids[row, frame.before]
        assert inner[-1, -1] == texts.ids[row, n - frame.after - 1]
        assert (inner.diff(dim=1) == 1).all()
        shared = inner[:-1, -1] - inner[1:, 0] + 1
        assert (shared[:-1] == frame.room // 4).all()
        assert shared[-1] >= frame.room // 4
        assert (inner[:, 0].diff() > 0).all()


@settings(max_examples=200, deadline=None)
@given(FRAMES, st.integers(1, 120))
def test_a_token_is_taken_from_where_it_sees_most(frame: Frame, more: int) -> None:
    n = frame.size + more
    windows = cut(numbered([n]), frame)
    m = n - frame.before - frame.after
    starts = window_starts(m, frame)
    for k in range(m):
        window, at = divmod(int(windows.place[0, frame.before + k]), frame.size)
        left = at - frame.before
        assert left == k - starts[window]
        seen = [
            (k - start) if frame.causal else min(k - start, start + frame.room - 1 - k)
            for start in starts
            if start <= k < start + frame.room
        ]
        assert (left if frame.causal else min(left, frame.room - 1 - left)) == max(seen)


def test_the_mean_is_over_each_text_s_own_windows() -> None:
    frame = Frame(size=10, before=1, after=1, causal=False)
    windows = cut(numbered([4, 30, 10]), frame)
    assert windows.row.tolist() == [0, 1, 1, 1, 1, 1, 2]
    pooled = torch.arange(7.0).unsqueeze(1)
    assert windows.mean(pooled).squeeze(1).tolist() == [0.0, 3.0, 6.0]
