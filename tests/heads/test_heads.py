"""The contract of every output layer, and the candidate layer's marginal probability."""

import math
from dataclasses import replace

import pytest
import torch

from builders import encoded, knowledge, passage, scores, tokenizer
from ravlm.encoders.tokenizer import tokenize
from ravlm.fusion.attention import AttentionFusion
from ravlm.heads.candidates import CandidateHead, CandidatePrediction, by_entry, span_mask
from ravlm.heads.classification import ClassificationHead, ClassPrediction
from ravlm.heads.targets import Targets
from ravlm.protocols import OutputLayer
from ravlm.tensors import Batch, Kind

ROMA = "The capital is Roma."
ALSO = "Its seat: roma!"


def setting(rows=None):
    rows = rows or [[passage(ROMA), passage(ALSO, ordinal=1)]]
    texts = tokenize(tokenizer(), [p.text for row in rows for p in row], 40)
    found = knowledge(rows, texts, width=8)
    b = len(rows)
    fused = AttentionFusion(visual_width=6, language_width=8, width=10).eval()(
        encoded(b, 4, 6), encoded(b, 3, 8), found, scores(b, len(rows[0]))
    )
    batch = Batch(torch.zeros(b, 3, 4, 4), tokenize(tokenizer(), ["?"] * b, 4), ["?"] * b, ["en"] * b)
    return fused, found, batch


def heads():
    torch.manual_seed(0)
    closed = ClassificationHead(width=10, vocabulary=["Roma", "Oslo"])
    return [closed.eval(), CandidateHead(width=10, vocabulary=closed, max_span=6).eval()]


@pytest.mark.parametrize("head", heads(), ids=lambda h: type(h).__name__)
def test_contract(head):
    assert isinstance(head, OutputLayer)
    fused, found, batch = setting()
    prediction = head(fused, found, batch)
    right = span_mask(found, 6) & (torch.arange(6) == 0)
    loss = head.loss(prediction, Targets(right, torch.tensor([0])))
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is None or p.grad.isfinite().all() for p in head.parameters())
    (decoded,) = head.decode(prediction, found)
    assert 0.0 <= decoded.confidence <= 1.0
    assert decoded.alternatives[0] == (decoded.text, pytest.approx(decoded.confidence))


def test_uniform_classes_cost_log_n_and_unknown_labels_nothing():
    head = ClassificationHead(width=10, vocabulary=["a", "b", "c", "d"])
    targets = Targets(torch.zeros(2, 1, 1, 1, dtype=torch.bool), torch.tensor([1, -1]))
    assert float(head.loss(ClassPrediction(torch.zeros(2, 4)), targets)) == pytest.approx(math.log(4))
    nobody = Targets(targets.right, torch.tensor([-1, -1]))
    assert float(head.loss(ClassPrediction(torch.zeros(2, 4)), nobody)) == 0.0


def candidate_head():
    closed = ClassificationHead(width=10, vocabulary=["Oslo"])
    return CandidateHead(width=10, vocabulary=closed, max_span=6)


def spans_at(found, *places, b=1):
    """Scores that are 0 at (k, start, width - 1) and the lowest elsewhere."""
    spans = torch.full((*found.mask.shape, 6), torch.finfo(torch.float32).min)
    for k, start, width in places:
        spans[:, k, start, width] = 0.0
    return spans


def span_of(text, found, k):
    """The (start token, width - 1) of a piece of passage k."""
    whole = found.passages[0][k].text
    low = whole.index(text)
    offsets = found.offsets[0, k].tolist()
    first = next(i for i, o in enumerate(offsets) if o[0] == low and o[1] > low)
    last = next(i for i, o in enumerate(offsets) if o[1] == low + len(text))
    return first, last - first


def test_probabilities_are_added_up_over_passages_by_normalised_answer():
    _, found, _ = setting()
    places = [(0, *span_of("Roma", found, 0)), (1, *span_of("roma", found, 1)), (0, *span_of("The capital", found, 0))]
    prediction = CandidatePrediction(spans_at(found, *places), torch.tensor([0.0]), ClassPrediction(torch.zeros(1, 1)))
    (decoded,) = candidate_head().decode(prediction, found)
    assert decoded.text == "Roma"
    assert decoded.confidence == pytest.approx(2 / 4)
    assert [s.hit for s in decoded.support] == [0, 1]
    assert not decoded.abstained
    assert [found.passages[0][s.hit].text[slice(*s.span)] for s in decoded.support] == ["Roma", "roma"]


def test_none_of_these_wins_when_it_is_likelier():
    _, found, _ = setting()
    spans = spans_at(found, (0, *span_of("Roma", found, 0)))
    (decoded,) = candidate_head().decode(
        CandidatePrediction(spans, torch.tensor([1.0]), ClassPrediction(torch.zeros(1, 1))), found
    )
    assert decoded.abstained
    assert decoded.text == "Roma"


def test_without_a_passage_the_fixed_vocabulary_answers():
    _, found, _ = setting()
    found.kind.fill_(int(Kind.PICTURE))
    lowest = torch.full((*found.mask.shape, 6), torch.finfo(torch.float32).min)
    prediction = CandidatePrediction(lowest, torch.tensor([0.0]), ClassPrediction(torch.zeros(1, 1)))
    (decoded,) = candidate_head().decode(prediction, found)
    assert decoded.text == "Oslo"
    assert decoded.support == ()


def test_loss_is_minus_log_of_the_right_spans_share():
    _, found, _ = setting()
    places = [(0, *span_of("Roma", found, 0)), (1, *span_of("roma", found, 1)), (0, 1, 0)]
    prediction = CandidatePrediction(spans_at(found, *places), torch.tensor([0.0]), ClassPrediction(torch.zeros(1, 1)))
    right = torch.zeros_like(prediction.spans, dtype=torch.bool)
    for place in places[:2]:
        right[(0, *place)] = True
    targets = Targets(right, torch.tensor([-1]))
    assert float(candidate_head().loss(prediction, targets)) == pytest.approx(-math.log(2 / 4))
    none_right = Targets(torch.zeros_like(right), torch.tensor([-1]))
    assert float(candidate_head().loss(prediction, none_right)) == pytest.approx(-math.log(1 / 4))


def test_the_vocabulary_learns_only_where_nothing_can_be_read():
    _, found, _ = setting()
    logits = torch.zeros(1, 1)
    lowest = torch.full((*found.mask.shape, 6), torch.finfo(torch.float32).min)
    targets = Targets(torch.zeros_like(lowest, dtype=torch.bool), torch.tensor([0]))
    head = candidate_head()
    head.vocabulary = ClassificationHead(width=10, vocabulary=["Oslo", "Roma"])
    unsure = ClassPrediction(torch.zeros(1, 2))
    unread = head.loss(CandidatePrediction(lowest, logits[0], unsure), targets)
    assert float(unread) == pytest.approx(0.1 * math.log(2))
    read = CandidatePrediction(spans_at(found, (0, 1, 0)), logits[0], unsure)
    assert float(head.loss(read, targets)) == pytest.approx(math.log(2))


def test_spans_stay_inside_their_passage_and_off_the_class_token():
    _, found, _ = setting()
    mask = span_mask(found, 6)
    assert not mask[0, :, 0].any()
    lengths = found.mask.sum(-1)[0].tolist()
    for k, n in enumerate(lengths):
        assert mask[0, k, n - 1].tolist() == [True] + [False] * 5
        assert not mask[0, k, n:].any()


def test_an_entry_has_its_share_however_many_spans_it_has_and_however_loud_they_are():
    torch.manual_seed(0)
    entry = torch.tensor([[0, 0, 1, 1, 1, -1]])
    there = torch.rand(1, 6, 4, 3) < 0.7
    there[:, [0, 2, 5]] = False
    spans = torch.randn(1, 6, 4, 3) * 30
    log_spans, log_none = by_entry(spans, there, torch.tensor([[0.5, 0.5]]), entry, torch.tensor([[2.0, 1.0]]))
    share = torch.tensor([2.0, 1.0]).softmax(0)
    assert float(log_spans.exp().sum() + log_none.exp()) == pytest.approx(1.0, abs=1e-5)
    for e in (0, 1):
        mine = spans[0][(entry[0] == e)][there[0][entry[0] == e]]
        expected = share[e] * torch.cat([mine, torch.tensor([0.5])]).softmax(0)[:-1]
        found = log_spans[0][(entry[0] == e)][there[0][entry[0] == e]].exp()
        assert torch.allclose(found, expected, atol=1e-6)


def test_where_no_entry_was_found_none_of_these_is_certain_and_the_gradient_is_a_number():
    spans = torch.zeros(1, 1, 2, 2, requires_grad=True)
    none = torch.zeros(1, 1, requires_grad=True)
    nothing = torch.zeros(1, 1, 2, 2, dtype=torch.bool)
    log_spans, log_none = by_entry(spans, nothing, none, torch.tensor([[-1]]), torch.tensor([[-1e4]]))
    assert float(log_none.detach()) == pytest.approx(0.0, abs=1e-5)
    assert log_spans.exp().sum() == 0.0
    log_none.sum().backward()
    assert none.grad is not None
    assert none.grad.isfinite().all()


def test_the_better_the_picture_fits_the_less_likely_is_none_of_these_and_passages_keep_their_order():
    _, head = heads()
    fused, found, batch = setting()
    found.kind[0, 0] = int(Kind.PICTURE)
    found.edges[0, 0] = -1
    calm = head(replace(fused, scores=torch.tensor([[0.0, 1.5]])), found, batch)
    sure = head(replace(fused, scores=torch.tensor([[5.0, 6.5]])), found, batch)
    assert float(sure.none.detach()) < float(calm.none.detach())
    odds = (sure.spans - calm.spans)[span_mask(found, 6)]
    assert torch.allclose(odds, odds[:1].expand_as(odds), atol=1e-4)


def test_spans_are_scored_by_their_start_their_end_what_lies_between_their_width_and_their_passage():
    _, head = heads()
    torch.nn.init.normal_(head.widths)
    fused, found, batch = setting()
    with torch.no_grad():
        found_spans = head(fused, found, batch)
        start, end, through = head.bounds(fused).unbind(-1)
    expected = {}
    for b, k, p, w in span_mask(found, 6).nonzero().tolist():
        inside = sum(float(through[b, k, i]) for i in range(p, p + w + 1))
        alone = float(start[b, k, p] + end[b, k, p + w] + head.widths[w].detach() + fused.scores[b, k])
        expected[b, k, p, w] = alone + inside
    none = float((head.none(fused.pooled) - head.doubt * fused.scores.max()).detach())
    whole = math.log(sum(map(math.exp, [*expected.values(), none])))
    assert len(expected) > 20
    for place, score in expected.items():
        assert float(found_spans.spans[place]) == pytest.approx(score - whole, abs=1e-4)
    assert float(found_spans.none) == pytest.approx(none - whole, abs=1e-4)


def test_a_row_without_hits_beside_one_with_hits_leaves_the_gradients_numbers():
    _, head = heads()
    fused, found, batch = setting([[passage(ROMA), passage(ALSO, ordinal=1)]] * 2)
    found.kind[1], found.entry[1], found.edges[1] = int(Kind.NOTHING), -1, -1
    scores = fused.scores.clone()
    scores[1] = -1e4
    prediction = head(replace(fused, scores=scores), found, batch)
    right = span_mask(found, 6) & (torch.arange(6) == 0)
    head.loss(prediction, Targets(right, torch.tensor([0, 0]))).backward()
    assert all(p.grad.isfinite().all() for p in head.parameters() if p.grad is not None)
    assert float(prediction.none[1].detach()) == pytest.approx(0.0, abs=1e-4)


def test_marks_alone_are_no_answer_and_what_is_known_by_rote_is_then_no_sure_one():
    _, found, _ = setting([[passage("?!"), passage("...", ordinal=1)]])
    spans = torch.zeros(*found.mask.shape, 6).masked_fill(~span_mask(found, 6), torch.finfo(torch.float32).min)
    prediction = CandidatePrediction(spans, torch.tensor([0.0]), ClassPrediction(torch.zeros(1, 1)))
    (decoded,) = candidate_head().decode(prediction, found)
    assert (decoded.text, decoded.abstained, decoded.support) == ("Oslo", True, ())
