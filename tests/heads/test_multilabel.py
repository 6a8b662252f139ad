"""Several labels: the set's probability, by brute force and by SciPy."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from asked_heads import read
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_expit

from ravlm.evaluation.calibration import expected_calibration_error
from ravlm.heads.calibration import Validated, calibrate
from ravlm.heads.classification import ClassPrediction
from ravlm.heads.multilabel import MultiLabelHead, likeliest_sets
from ravlm.heads.targets import LabelTargets
from ravlm.records import Example

LOGITS = st.lists(st.floats(-8, 8).map(lambda z: round(z, 3)), min_size=1, max_size=9)
NAMES = ["Iran", "Georgia", "Trinidad and Tobago", "Oslo"]


def head():
    return MultiLabelHead(width=4, vocabulary=NAMES)


def decode(logits, one=None):
    (answer,) = (one or head()).decode(ClassPrediction(torch.tensor([logits])), read(["x"]))
    return answer


def all_sets(logits):
    p = expit(np.array(logits))
    everything = [s for n in range(len(p) + 1) for s in combinations(range(len(p)), n)]
    return {s: math.prod(p[i] if i in s else 1 - p[i] for i in range(len(p))) for s in everything}


@given(LOGITS, st.integers(1, 7))
def test_the_likeliest_sets_are_those_of_all_sets(logits, count):
    expected = sorted(all_sets(logits).values(), reverse=True)[:count]
    found = likeliest_sets(torch.tensor(logits), count)
    assert [p for _, p in found] == pytest.approx(expected, rel=1e-4, abs=1e-12)
    for members, p in found:
        assert p == pytest.approx(all_sets(logits)[members], rel=1e-4, abs=1e-12)


@given(LOGITS)
def test_the_set_is_at_most_as_likely_as_its_least_sure_label(logits):
    ((members, p),) = likeliest_sets(torch.tensor(logits), 1)
    assert p <= expit(np.abs(logits).min()) + 1e-6
    assert set(members) == {i for i, z in enumerate(np.float32(logits)) if z > 0}


def test_the_loss_is_minus_the_log_of_the_sets_probability_and_rows_without_a_label_do_not_count():
    logits = torch.tensor([[0.5, -1.0, 2.0, -3.0], [1.0, 1.0, 1.0, 1.0]])
    labels = torch.tensor([[True, False, False, True], [False] * 4])
    loss = head().loss(ClassPrediction(logits), LabelTargets(labels))
    expected = -sum(log_expit(z if on else -z) for z, on in zip(logits[0].numpy(), labels[0].numpy(), strict=True))
    assert float(loss) == pytest.approx(expected, rel=1e-6)
    assert float(loss) == pytest.approx(-math.log(all_sets(logits[0].numpy())[0, 3]), rel=1e-5)


def test_the_members_are_named_in_the_order_of_the_vocabulary():
    answer = decode([1.0, -2.0, 0.5, -3.0])
    assert answer.text == "Iran, Trinidad and Tobago"
    assert not answer.abstained
    assert answer.confidence == pytest.approx(all_sets([1.0, -2.0, 0.5, -3.0])[0, 2])
    assert answer.alternatives[1][0] == "Iran"  # without the least sure
    assert len(answer.alternatives) == 5


def test_no_label_is_no_answer_and_what_would_have_been_said_is_never_empty():
    answer = decode([-2.0, -1.0, -3.0, -4.0])
    assert (answer.text, answer.abstained) == ("Georgia", True)
    assert answer.confidence == pytest.approx(all_sets([-2.0, -1.0, -3.0, -4.0])[1,])
    assert all(text for text, _ in answer.alternatives)


def test_the_whole_set_is_right_or_not_and_one_with_a_label_unknown_is_wrong():
    one = head()
    one.set_calibration(temperature=3.0)  # from before: it does not count
    examples = [
        Example("q", (), "?", "answers", answers=answers) for answers in (("Iran",), ("Georgia",), ("Atlantis",))
    ]
    logits = torch.tensor([[1.0, -2.0, -0.5, -3.0]] * 3)
    labels = LabelTargets(torch.tensor([[True, False, False, False], [False, True, False, False], [False] * 4]))
    seen = one.observe(Validated(ClassPrediction(logits), labels, read(["x"]), examples))
    assert seen.right.tolist() == [True, False, False]
    assert seen.log_probability.exp().tolist() == pytest.approx([all_sets([1.0, -2.0, -0.5, -3.0])[0,]] * 3)
    assert len(seen.residuals) == 0


@pytest.mark.parametrize("power", [0.2, 3.0])
def test_calibrating_a_head_that_is_too_unsure_or_too_sure_makes_its_confidence_true(power):
    rng, n = np.random.default_rng(0), 600
    z = np.abs(rng.normal(1.0, 1.0, size=(n, 4))) * np.array([1, -1, -1, -1])
    true = rng.uniform(size=n) < expit(np.abs(z)).prod(1) ** power  # each label counts for so many
    examples = [Example("q", (), "?", "answers", answers=("Iran" if ok else "Oslo",)) for ok in true]
    prediction = ClassPrediction(torch.tensor(z, dtype=torch.float32))
    given_ = Validated(prediction, LabelTargets(torch.zeros(n, 4, dtype=torch.bool)), read(["x"]), examples)
    one = head()

    def ece():
        decoded = one.decode(prediction, read(["x"]))
        right = [one.judge(example, answer) for example, answer in zip(examples, decoded, strict=True)]
        return expected_calibration_error([answer.confidence for answer in decoded], right)

    before = ece()
    calibrate(one, lambda: [given_])
    assert ece() < before / 2


def test_training_begins_with_one_label_expected_in_all():
    names = [str(i) for i in range(50)]
    bias = MultiLabelHead(width=4, vocabulary=names).classes.bias
    assert float(bias.sigmoid().sum()) == pytest.approx(1.0)
