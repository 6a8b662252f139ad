"""Cross-attention against torch's own and against loops in NumPy; what the retrieval scores do in it."""

import numpy as np
import pytest
import torch
from fusion_inputs import NO_HITS, NOTHING, WIDTH, batch, make

from ravlm.errors import ConfigError
from ravlm.fusion.interaction import InteractionFusion, InteractionLayer, attend

LOWEST = torch.finfo(torch.float32).min


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape) + shape[1]), dtype=torch.float64)


def biases():
    """Of places of image, question and knowledge: two of the knowledge's are masked, the others favoured unequally."""
    knowledge = torch.tensor([[0.0, -1.5, 2.0, LOWEST, -0.5], [LOWEST, 1.0, 0.3, 0.0, LOWEST]])
    image = torch.tensor([[0.0, 0.0, LOWEST], [0.0, LOWEST, 0.0]])
    return [image, torch.zeros(2, 2), knowledge]


@pytest.mark.parametrize("heads", [1, 3])
def test_attention_is_that_of_torch(heads):
    q, k, v, bias = random(2, 4, WIDTH), random(2, 5, WIDTH), random(2, 6, WIDTH)[:, :5], biases()[2]
    parts = (x.view(2, -1, heads, WIDTH // heads).transpose(1, 2) for x in (q, k, v))
    expected = torch.nn.functional.scaled_dot_product_attention(*parts, attn_mask=bias.double()[:, None, None])
    values, weights = attend(q, k, v, bias, heads)
    torch.testing.assert_close(values, expected.transpose(1, 2).reshape(2, 4, WIDTH))
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, heads, 4, dtype=torch.float64))
    assert (weights.movedim(-1, 1)[bias == LOWEST] == 0).all()


def test_a_layer_is_its_formula():
    """Row by row, place by place and head by head."""
    torch.manual_seed(1)
    heads, sizes = 3, (3, 2, 5)
    layer = InteractionLayer(width=WIDTH, heads=heads).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    x = [random(2, n, WIDTH) for n in sizes]
    after, given = layer(x, biases())
    weights = {name: value.detach().numpy() for name, value in layer.named_parameters()}

    def norm(y, name):
        y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-5)
        return y * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def linear(y, name):
        return y @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    for b in range(2):
        made = [np.split(linear(norm(x[m][b].numpy(), f"norms.{m}"), f"maps.{m}"), 3, axis=-1) for m in range(3)]
        for m in range(3):
            for place in range(sizes[m]):
                taken = np.zeros(WIDTH)
                for n in {0, 1, 2} - {m}:
                    for h, part in enumerate(np.split(np.arange(WIDTH), heads)):
                        q, keys, values = made[m][0][place, part], made[n][1][:, part], made[n][2][:, part]
                        logits = keys @ q / np.sqrt(len(part)) + biases()[n][b].numpy()
                        a = np.exp(logits - logits.max())
                        a /= a.sum()
                        taken[part] += a @ values
                        if (m, n, place) == (1, 2, 0):
                            share = a if h == 0 else share + a
                y = x[m][b, place].numpy() + linear(taken, f"outs.{m}")
                hidden = linear(norm(y, f"feedforwards.{m}.0"), f"feedforwards.{m}.1")
                hidden = torch.nn.functional.gelu(torch.from_numpy(hidden)).numpy()
                y = y + linear(hidden, f"feedforwards.{m}.3")
                np.testing.assert_allclose(after[m][b, place].detach().numpy(), y, atol=1e-9)
        np.testing.assert_allclose(given[b].detach().numpy(), share / heads, atol=1e-6)


def without_comparison(fusion):
    """The fusion with queries of zero: nothing but the bias decides who is read."""
    for layer in fusion.layers:
        for maps in layer.maps:
            maps.weight.data[:WIDTH] = 0.0
            maps.bias.data[:WIDTH] = 0.0
    return fusion


def test_before_anything_is_compared_hits_are_read_by_the_softmax_of_their_scores():
    """However many tokens they have."""
    fusion, inputs = without_comparison(make("interaction").eval()), batch()
    hit = inputs[2].mask.any(-1)
    assert len(set(inputs[2].mask[hit].sum(-1).tolist())) > 2
    expected = inputs[3].masked_fill(~hit, -torch.inf).softmax(1).nan_to_num(0.0)
    torch.testing.assert_close(fusion(*inputs).passage_weights, expected.float())


def test_a_better_score_draws_attention():
    fusion, (visual, language, found, scores) = make("interaction").eval(), batch()
    before = fusion(visual, language, found, scores).passage_weights
    raised = scores.clone()
    raised[0, 1] += 2.0
    after = fusion(visual, language, found, raised).passage_weights
    assert after[0, 1] > before[0, 1] + 0.05
    torch.testing.assert_close(after[1:], before[1:])


def test_only_what_there_is_nothing_else_of_is_read_from_the_first_place_of_the_knowledge():
    inputs = batch()
    weights = make("interaction").eval()(*inputs).passage_weights.sum(1)
    without = torch.zeros(5, dtype=torch.bool)
    without[[NO_HITS, NOTHING]] = True
    assert (weights[without] == 0).all()
    torch.testing.assert_close(weights[~without], torch.ones(3))


@pytest.mark.parametrize(("changed", "reader"), [(c, r) for c in range(3) for r in range(3) if c != r])
def test_every_modality_reads_both_others(changed, reader):
    """In one layer, through the tokens alone: the other modalities' first places stay."""
    torch.manual_seed(0)
    layer = InteractionLayer(width=WIDTH, heads=3).double()
    x = [random(2, n, WIDTH) for n in (3, 2, 5)]
    before, _ = layer(x, [torch.zeros(2, n) for n in (3, 2, 5)])
    x[changed] = x[changed].clone()
    x[changed][:, 1:] += random(2, 9, WIDTH)[:, : x[changed].shape[1] - 1]
    after, _ = layer(x, [torch.zeros(2, n) for n in (3, 2, 5)])
    assert (after[reader] - before[reader]).abs().amin(-1).max() > 1e-6
    torch.testing.assert_close(after[changed][:, 0].sub(before[changed][:, 0]), torch.zeros(2, WIDTH).double())


def test_evidence_knows_the_question_and_the_picture():
    fusion, inputs = make("interaction").eval(), batch()
    before = fusion(*inputs).evidence[inputs[2].mask]
    for side in (0, 1):
        changed = list(batch())
        changed[side].tokens[:, 0] += torch.arange(changed[side].tokens.shape[-1])
        after = fusion(*changed).evidence[inputs[2].mask]
        assert (after - before).abs().max() > 1e-3


def test_absent_tokens_are_as_long_as_others_at_first():
    """The layer norms before the attention make the gradient of a vector of zeros hundreds of times as large."""
    fusion = InteractionFusion(visual_width=8, language_width=8, width=96)
    assert 0.4 < fusion.project.absent.std() < 0.6


def test_no_layers_are_refused():
    with pytest.raises(ConfigError, match="layers is 0"):
        InteractionFusion(visual_width=4, language_width=4, width=4, layers=0)
