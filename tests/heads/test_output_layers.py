"""What every output layer does: it learns from what is known, and says with what probability it is right."""

import copy
import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from asked_heads import MAX_SPAN, asked, forget, read

from ravlm.heads.candidates import CandidateHead, span_mask
from ravlm.heads.classification import ClassificationHead
from ravlm.heads.multilabel import MultiLabelHead
from ravlm.heads.regression import RegressionHead
from ravlm.heads.targets import LabelTargets, NumberTargets, Targets
from ravlm.heads.units import UnitScale
from ravlm.protocols import OutputLayer

TEXTS = ["The capital is Roma.", "Its seat: roma! It has 29 people."]
VOCABULARY = ["Roma", "Oslo", "29", "Bern"]
UNITS = [UnitScale.of("g", [1.0, 2.5, 4.0]), UnitScale.of("", [1900.0, 1950.0, 2000.0])]


def classification():
    return ClassificationHead(width=10, vocabulary=VOCABULARY)


def several():
    return MultiLabelHead(width=10, vocabulary=VOCABULARY)


def regression():
    return RegressionHead(width=10, units=UNITS)


def candidates():
    return CandidateHead(width=10, vocabulary=classification(), max_span=MAX_SPAN)


def right_spans(found):
    return span_mask(found, MAX_SPAN) & (torch.arange(MAX_SPAN) == 0)


def span_targets(found, label):
    return Targets(right_spans(found), torch.full((len(found.mask),), label))


def label_targets(found, label):
    rows = len(found.mask)
    return LabelTargets((torch.arange(4) == label)[None].repeat(rows, 1))


def number_targets(found, unit):
    rows = len(found.mask)
    return NumberTargets(torch.full((rows,), 3.25), torch.full((rows,), unit))


CASES = {
    "classification": (classification, span_targets),
    "several labels": (several, label_targets),
    "regression": (regression, number_targets),
    "candidates": (candidates, span_targets),
}


@pytest.fixture(params=CASES, ids=str)
def case(request):
    make, targets = CASES[request.param]
    torch.manual_seed(0)
    head = make().eval()
    for weight in head.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return head, targets


def set_temperature(head, temperature):
    for part in head.modules():
        if hasattr(part, "set_calibration"):
            part.set_calibration(temperature=temperature)


def test_it_is_an_output_layer_all_of_which_learns(case):
    head, targets = case
    assert isinstance(head, OutputLayer)
    found = read(TEXTS, b=3)
    forget(found, 1)
    fused, batch = asked(found)
    if isinstance(head, CandidateHead):  # how likely an entry is matters only where there are two
        found.entry[2, 1] = 1
        fused = replace(fused, scores=torch.tensor([[1.0, 0.5], [-1e4, -1e4], [0.2, 0.9]]))
    loss = head.loss(head(fused, found, batch), targets(found, 1))
    assert loss.shape == ()
    assert loss.isfinite()
    loss.backward()
    for name, weight in head.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        if name != "bounds.attention.bias":  # the same for every token: a softmax does not see it
            assert weight.grad.abs().sum() > 0, name


def test_nothing_known_is_nothing_learned(case):
    head, targets = case
    found = read(TEXTS, b=2)
    fused, batch = asked(found)
    loss = head.loss(head(fused, found, batch), targets(found, -1))
    if isinstance(head, CandidateHead):
        assert loss.isfinite()
    else:
        assert float(loss.detach()) == 0.0
    loss.backward()
    assert all(weight.grad.isfinite().all() for weight in head.parameters() if weight.grad is not None)


def test_what_is_decoded_is_a_distribution(case):
    head, _ = case
    found = read(TEXTS, b=3)
    forget(found, 1)
    fused, batch = asked(found)
    decoded = head.decode(head(fused, found, batch), found)
    assert len(decoded) == 3
    for answer in decoded:
        probabilities = [p for _, p in answer.alternatives]
        assert answer.text
        assert answer.alternatives[0] == (answer.text, pytest.approx(answer.confidence))
        assert all(0.0 <= p <= 1.0 for p in probabilities)
        assert sum(probabilities) <= 1.0 + 1e-6
        assert probabilities == sorted(probabilities, reverse=True)
        assert len({text for text, _ in answer.alternatives}) == len(probabilities)


def test_the_answer_does_not_depend_on_the_temperature_and_confidence_falls_with_it(case):
    head, _ = case
    found = read(TEXTS, b=2)
    fused, batch = asked(found)
    prediction = head(fused, found, batch)
    if isinstance(head, CandidateHead):  # one answer stands out, or it need not be the likeliest outcome
        spans = prediction.spans.masked_fill(~right_spans(found), -9.0).masked_fill(
            prediction.spans < -1e30, torch.finfo(torch.float32).min
        )
        prediction = replace(prediction, spans=spans)
        spans[:, 0, found.mask[0, 0].sum() - 3, 0] = 2.0
    if isinstance(head, MultiLabelHead):
        prediction = replace(prediction, logits=prediction.logits.abs() * torch.tensor([1, -1, 1, -1]))
    seen = []
    for temperature in (0.25, 0.5, 1.0, 2.0, 4.0):
        set_temperature(head, temperature)
        seen.append([(d.text, d.abstained, d.confidence) for d in head.decode(prediction, found)])
    for row in zip(*seen, strict=True):
        assert len({(text, abstained) for text, abstained, _ in row}) == 1
        confidences = [confidence for *_, confidence in row]
        assert all(a > b for a, b in pairwise(confidences)), confidences


def test_below_the_threshold_it_abstains_and_still_says_what_it_would_have_said(case):
    head, _ = case
    found = read(TEXTS)
    fused, batch = asked(found)
    prediction = head(fused, found, batch)
    if isinstance(head, MultiLabelHead):
        prediction = replace(prediction, logits=prediction.logits.abs())
    if isinstance(head, CandidateHead):
        prediction = replace(prediction, none=torch.full((1,), -20.0))
    (plain,) = head.decode(prediction, found)
    assert not plain.abstained
    head.set_calibration(threshold=plain.confidence)
    assert head.decode(prediction, found) == [plain]
    head.set_calibration(threshold=math.nextafter(plain.confidence, 2))
    assert head.decode(prediction, found) == [replace(plain, abstained=True)]


def test_a_head_that_was_never_calibrated_has_the_state_that_it_had_before_there_was_calibration(case):
    head, _ = case
    assert not [name for name in head.state_dict() if "calibration" in name]
    calibrated = copy.deepcopy(head)
    calibrated.set_calibration(temperature=1.7, threshold=0.1 + 0.2)
    state = calibrated.state_dict()
    head.load_state_dict(state)
    assert (head.temperature, head.threshold) == (1.7, 0.1 + 0.2)
    del state["calibration"]
    told = head.load_state_dict(state, strict=False)
    assert (told.missing_keys, told.unexpected_keys) == ([], [])
    assert (head.temperature, head.threshold) == (1.0, 0.0)


def test_a_model_keeps_its_heads_calibration_below_its_own_names(case):
    head, _ = case
    head.set_calibration(temperature=0.5, threshold=math.inf)
    whole = torch.nn.ModuleDict({"output_layer": head})
    state = {name: value.clone() for name, value in whole.state_dict().items()}
    head.set_calibration()
    whole.load_state_dict(state)
    assert (head.temperature, head.threshold) == (0.5, math.inf)
    assert "output_layer.calibration" in state, "loading took it out of the caller's own"
    state["output_layer.calibration"] = torch.tensor([-1.0, 0.0])
    with pytest.raises(RuntimeError, match="temperature"):
        whole.load_state_dict(state)


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"temperature": math.inf}, {"threshold": -0.1}])
def test_no_temperature_and_no_threshold_are_refused(case, wrong):
    with pytest.raises(ValueError, match="can't be set"):
        case[0].set_calibration(**wrong)


def test_the_likelihood_of_each_row_is_what_its_loss_is_made_of(case):
    head, targets = case
    found = read(TEXTS, b=3)
    fused, batch = asked(found)
    prediction = head(fused, found, batch)
    likelihood = head.log_likelihood(prediction, targets(found, 0))
    assert likelihood.shape == (3,)
    whole = head.loss(prediction, targets(found, 0))
    assert float(-likelihood.mean()) == pytest.approx(float(whole), rel=1e-5)


def test_what_cannot_be_said_has_no_likelihood(case):
    head, targets = case
    found = read(TEXTS, b=2)
    fused, batch = asked(found)
    unknown = targets(found, -1)
    if isinstance(unknown, Targets):
        unknown = replace(unknown, right=torch.zeros_like(unknown.right))
    likelihood = head.log_likelihood(head(fused, found, batch), unknown)
    assert likelihood.tolist() == [torch.finfo(torch.float32).min] * 2
