"""The contract of every fusion, whatever a row lacks."""

import pytest
import torch
from fusion_inputs import (
    FUSIONS,
    NO_HITS,
    NO_PICTURE,
    NO_QUESTION,
    NOTHING,
    WHOLE,
    WIDTH,
    batch,
    change_what_is_masked,
    make,
    outputs,
    pad,
    rows,
)

from ravlm.protocols import FusionModule
from ravlm.tensors import Encoded, Knowledge

every_fusion = pytest.mark.parametrize("name", FUSIONS)


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}")


def total(fused):
    """A number that depends on all that is given, other than by a sum that is always the same."""
    return sum(x.double().square().sum() for x in (fused.pooled, fused.tokens, fused.evidence))


@every_fusion
def test_shapes_and_weights(name):
    fusion = make(name)
    assert isinstance(fusion, FusionModule)
    inputs = batch()
    fused = fusion(*inputs)
    assert fusion.width == WIDTH
    assert fused.pooled.shape == (5, WIDTH)
    assert fused.tokens.shape == (5, 4, WIDTH)
    assert fused.evidence.shape == (5, 3, 5, WIDTH)
    assert fused.scores is inputs[3]
    if fused.weights is not None:
        assert fused.weights.dtype == torch.float32
        torch.testing.assert_close(fused.weights.sum(1), torch.ones(5))
        assert (fused.weights >= 0).all()
    assert fused.passage_weights.dtype == torch.float32
    there = inputs[2].mask.any(-1)
    assert (fused.passage_weights[~there] == 0).all()
    assert (fused.passage_weights[there] > 0).all()
    torch.testing.assert_close(fused.passage_weights.sum(1), there.any(1).float())


def test_the_modes_with_weights_over_modalities():
    assert {name for name in FUSIONS if make(name)(*batch()).weights is None} == {"concatenation", "interaction"}


@every_fusion
def test_gradients_are_finite_and_reach_every_weight_and_the_scores(name):
    fusion, (visual, language, found, scores) = make(name).train(), batch()
    scores.requires_grad_()
    total(fusion(visual, language, found, scores)).backward()
    for parameter_name, parameter in fusion.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.any(), parameter_name
    assert scores.grad.isfinite().all()
    hits = found.mask.any(-1)
    assert (scores.grad[hits] != 0).all(), "no way back to the query encoder"
    assert (scores.grad[~hits] == 0).all()


@every_fusion
def test_no_way_from_the_scores_is_cut(name):
    """Gradients are those of central differences; a part taken out of the graph would be missing."""
    fusion, (visual, language, found, scores) = make(name).eval(), batch()
    scores.requires_grad_()
    total(fusion(visual, language, found, scores)).backward()
    step = 1e-2
    with torch.no_grad():
        for b, j in ((0, 0), (0, 1), (1, 2), (2, 1)):
            there = torch.zeros_like(scores)
            there[b, j] = step
            up, down = (total(fusion(visual, language, found, scores + s * there)) for s in (1, -1))
            torch.testing.assert_close(scores.grad[b, j], (up - down) / (2 * step), rtol=1e-2, atol=1e-3)


@every_fusion
def test_the_one_vector_alone_has_a_way_back_to_every_weight(name):
    """An output layer that reads no tokens still trains all of the fusion."""
    fusion = make(name)
    fusion(*batch()).pooled.square().sum().backward()
    unused = {n for n, parameter in fusion.named_parameters() if parameter.grad is None or not parameter.grad.any()}
    assert unused == set()


@every_fusion
def test_the_order_of_the_hits_is_that_of_their_weights_and_evidence_and_no_more(name):
    fusion, inputs = make(name).eval(), batch()
    visual, language, found, scores = inputs
    order = torch.tensor([2, 0, 1])
    turned = {n: getattr(found, n)[:, order] for n in ("tokens", "mask", "kind", "entry", "keys", "offsets", "edges")}
    fused = fusion(*inputs)
    again = fusion(visual, language, Knowledge(**turned, hits=[], passages=[]), scores[:, order])
    there = found.mask[:, order]
    expected = outputs(fused, found.mask) | {"evidence": fused.evidence[:, order][there].detach()}
    expected["passage_weights"] = fused.passage_weights[:, order].detach()
    same(outputs(again, there), expected)
    assert not torch.equal(fused.passage_weights, again.passage_weights)


@every_fusion
@pytest.mark.parametrize("more", [{"k": 2}, {"p": 3}, {"t": 2}, {"i": 4}, {"k": 1, "p": 2, "t": 3, "i": 1}])
def test_padding_changes_nothing(name, more):
    fusion, inputs = make(name).eval(), batch()
    found, expected = fusion(*pad(inputs, **more)), fusion(*inputs)
    there = inputs[2].mask
    k, p, t = there.shape[1], there.shape[2], inputs[1].mask.shape[1]
    assert not found.mask[:, t:].any()
    assert (found.passage_weights[:, k:] == 0).all()
    got = outputs(found, torch.nn.functional.pad(there, (0, more.get("p", 0), 0, more.get("k", 0))))
    same(got | {"passage_weights": found.passage_weights[:, :k].detach()}, outputs(expected, there))
    assert found.evidence[:, :k, :p].shape == expected.evidence.shape


@every_fusion
@pytest.mark.parametrize("value", [1e3, float("nan"), float("inf")])
def test_what_is_masked_is_not_looked_at_in_evaluation_or_training(name, value):
    for training in (False, True):
        fusion = make(name).train(training)
        inputs = batch()
        expected = fusion(*inputs)
        total(expected).backward()
        gradients = [parameter.grad.clone() for parameter in fusion.parameters()]
        fusion = make(name).train(training)
        got = fusion(*change_what_is_masked(inputs, value))
        total(got).backward()
        same(outputs(got, inputs[2].mask), outputs(expected, inputs[2].mask))
        for parameter, gradient in zip(fusion.parameters(), gradients, strict=True):
            torch.testing.assert_close(parameter.grad, gradient)


@every_fusion
def test_rows_without_something_are_told_apart(name):
    """The same row with and without picture, question or hits gives another vector."""
    fusion = make(name).eval()
    visual, language, found, scores = rows(batch(), [WHOLE] * 5)
    _, _, gaps, gap_scores = batch()
    visual.mask[[NO_PICTURE, NOTHING]] = False
    language.mask[[NO_QUESTION, NOTHING]] = False
    found.mask[[NO_HITS, NOTHING]] = False
    found.kind[[NO_HITS, NOTHING]] = gaps.kind[[NO_HITS, NOTHING]]
    scores[[NO_HITS, NOTHING]] = gap_scores[[NO_HITS, NOTHING]]
    o = fusion(visual, language, found, scores).pooled
    assert o.isfinite().all()
    assert (torch.cdist(o, o) + torch.eye(5) > 1e-3).all()


@every_fusion
def test_every_absence_is_learned(name):
    fusion = make(name)
    fusion(*batch()).pooled.square().sum().backward()
    assert (fusion.project.absent.grad.abs().sum(1) > 0).all()


@every_fusion
def test_a_row_is_the_same_alone(name):
    fusion, inputs = make(name).eval(), batch()
    together = fusion(*inputs)
    for row in (WHOLE, NO_PICTURE, NO_QUESTION, NO_HITS, NOTHING):
        alone = fusion(*rows(inputs, [row]))
        there = inputs[2].mask[[row]]
        expected = outputs(together, inputs[2].mask) | {
            "pooled": together.pooled[[row]].detach(),
            "tokens": together.tokens[[row]][together.mask[[row]]].detach(),
            "evidence": together.evidence[[row]][there].detach(),
            "passage_weights": together.passage_weights[[row]].detach(),
        }
        if together.weights is not None:
            expected["weights"] = together.weights[[row]].detach()
        same(outputs(alone, there), expected)


@every_fusion
def test_one_row_trains_whatever_it_lacks(name):
    for row in (WHOLE, NO_PICTURE, NO_QUESTION, NO_HITS, NOTHING):
        fusion = make(name).train()
        total(fusion(*rows(batch(), [row]))).backward()
        assert all(parameter.grad.isfinite().all() for parameter in fusion.parameters())


@every_fusion
def test_bfloat16_is_finite_and_its_weights_are_float32(name):
    fusion = make(name).float().train()
    visual, language, found, scores = batch()
    single = [Encoded(x.tokens.float(), x.mask, x.pooled.float()) for x in (visual, language)]
    found = Knowledge(**{**vars(found), "tokens": found.tokens.bfloat16()})
    with torch.autocast("cpu", torch.bfloat16):
        fused = fusion(*single, found, scores.float())
    total(fused).backward()
    assert all(parameter.grad.isfinite().all() for parameter in fusion.parameters())
    assert fused.pooled.isfinite().all()
    assert fused.passage_weights.dtype == torch.float32
    assert fused.weights is None or fused.weights.dtype == torch.float32


@every_fusion
def test_a_missing_question_is_one_token_for_those_who_read(name):
    visual, language, found, scores = batch()
    fused = make(name).eval()(visual, language, found, scores)
    expected = language.mask.clone()
    expected[[NO_QUESTION, NOTHING], 0] = True
    assert torch.equal(fused.mask, expected)
