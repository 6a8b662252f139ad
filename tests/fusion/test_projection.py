"""What stands in for a missing modality, and the statistics of those that are there."""

import torch
from fusion_inputs import (
    LANGUAGE,
    NO_HITS,
    NO_PICTURE,
    NO_QUESTION,
    NOTHING,
    QUESTION,
    VISUAL,
    WIDTH,
    batch,
    make,
    rows,
)
from torch import nn

from ravlm.fusion.projection import ModalityProjection, project_rows


def projection():
    return make("attention").project


def test_missing_modalities_are_the_learned_vectors():
    project = projection().eval()
    projected = project(*batch())
    expected = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]).bool()
    assert torch.equal(projected.missing, expected)
    for row, modality in expected.nonzero().tolist():
        assert torch.equal(projected.vlk[row, modality], project.absent[modality])
    assert torch.equal(projected.tokens[[NO_QUESTION, NOTHING], 0], project.absent[[1, 1]])
    assert not (projected.vlk[~expected][:, None] == project.absent).all(-1).any()


def test_rows_that_lack_a_modality_are_no_part_of_its_statistics():
    """In training, rows without a picture change neither the others nor the running mean and variance."""
    inputs, whole = batch(), [row for row in range(5) if row not in (NO_PICTURE, NOTHING)]
    inputs[0].pooled[[NO_PICTURE, NOTHING]] = 1e4
    together, apart = projection().train(), projection().train()
    found = together(*inputs).vlk[whole, 0]
    torch.testing.assert_close(found, apart(*rows(inputs, whole)).vlk[:, 0])
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(getattr(together.visual[0], name), getattr(apart.visual[0], name))


def test_a_whole_batch_is_normalised_by_its_own_mean_and_variance():
    project = projection().train()
    pooled = batch()[0].pooled
    norm, linear = project.visual
    normed = (pooled - pooled.mean(0)) / (pooled.var(0, unbiased=False) + norm.eps).sqrt()
    found = project_rows(project.visual, pooled, torch.ones(5, dtype=torch.bool))
    torch.testing.assert_close(found, linear(normed * norm.weight + norm.bias))


def test_one_row_alone_is_normalised_by_the_running_statistics_and_leaves_them():
    project = projection().train()
    before = project.visual[0].running_mean.clone()
    pooled = batch()[0].pooled
    for there in ([True, False, False, False, False], [True]):
        mask = torch.tensor(there)
        found = project_rows(project.visual, pooled[: len(there)], mask)
        torch.testing.assert_close(found[:1], project.visual.eval()(pooled[:1]))
        project.train()
    assert torch.equal(project.visual[0].running_mean, before)
    assert not project_rows(project.visual, pooled, torch.zeros(5, dtype=torch.bool)).any()


def test_whole_rows_are_projected_as_ever():
    """Batch norm and a linear layer, a layer norm without weights; the new parameters take no random numbers."""
    torch.manual_seed(0)
    project = ModalityProjection(visual_width=VISUAL, language_width=LANGUAGE, question_width=QUESTION, width=WIDTH)
    following = nn.Linear(2, 2).weight
    torch.manual_seed(0)
    visual = nn.Sequential(nn.BatchNorm1d(VISUAL), nn.Linear(VISUAL, WIDTH))
    nn.Linear(QUESTION, WIDTH), nn.Linear(LANGUAGE, WIDTH)
    assert torch.equal(following, nn.Linear(2, 2).weight)
    inputs = batch(b=1)
    expected = nn.functional.layer_norm(visual.double().eval()(inputs[0].pooled), (WIDTH,))
    torch.testing.assert_close(project.double().eval()(*inputs).vlk[:, 0], expected, rtol=0, atol=0)


def test_a_hit_of_kind_nothing_is_none_whatever_its_mask_says():
    inputs = batch()
    expected = projection().eval()(*inputs)
    inputs[2].mask[NO_HITS] = True
    found = projection().eval()(*inputs)
    assert torch.equal(found.vlk, expected.vlk)
    assert not found.there[NO_HITS].any()
    assert (found.passage_weights[NO_HITS] == 0).all()
