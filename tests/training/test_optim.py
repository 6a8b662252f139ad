import pytest
import torch
from torch import nn

from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.training.optim import make_optimizers


def parts() -> nn.ModuleList:
    embedding, deep, gate = nn.Embedding(5, 4), nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8)), nn.Linear(8, 1)
    frozen = nn.Linear(4, 4).requires_grad_(False)
    return nn.ModuleList([embedding, deep, gate, nn.Conv2d(1, 2, 3), frozen])


def owned(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [p for group in optimizer.param_groups for p in group["params"]]


@pytest.mark.parametrize("matrices", [None, 0.02])
def test_every_parameter_that_trains_has_one_optimizer_and_a_rate_to_come_back_to(matrices):
    modules = parts()
    optimizers = make_optimizers(modules, learning_rate=0.01, weight_decay=0.1, matrices=matrices)
    every = [id(p) for optimizer in optimizers for p in owned(optimizer)]
    assert sorted(every) == sorted(id(p) for p in modules.parameters() if p.requires_grad)
    rates = {group["initial_lr"] for optimizer in optimizers for group in optimizer.param_groups}
    assert rates == {0.01} | ({matrices} if matrices else set())


def test_only_matrices_of_linear_layers_are_turned():
    modules = parts()
    _, muon = make_optimizers(modules, learning_rate=0.01, weight_decay=0.1, matrices=0.02)
    assert [tuple(p.shape) for p in owned(muon)] == [(8, 4)]


def test_where_no_matrix_trains_there_is_nothing_to_turn():
    norm = nn.ModuleList([nn.LayerNorm(3), nn.Linear(3, 3).requires_grad_(False)])
    assert len(make_optimizers(norm, learning_rate=0.01, weight_decay=0.1, matrices=0.02)) == 1


def test_an_encoder_that_did_not_begin_at_random_has_its_own_rate():
    brought = CompactVisualEncoder(image_size=32, channels=(4, 8), width=6)
    brought.origin = "somewhere"
    fresh = CompactVisualEncoder(image_size=32, channels=(4, 8), width=6)
    modules = nn.ModuleList([brought, fresh, nn.Linear(4, 4)])
    optimizers = make_optimizers(modules, learning_rate=0.01, weight_decay=0.1, matrices=0.02, pretrained=0.0003)
    rate = {id(p): g["initial_lr"] for o in optimizers for g in o.param_groups for p in g["params"]}
    assert {rate[id(p)] for p in brought.parameters()} == {0.0003}
    assert {rate[id(p)] for p in fresh.parameters()} == {0.01, 0.02}
    assert rate[id(modules[2].weight)] == 0.02


def test_a_modules_own_rate_stands_over_all_others():
    brought, fresh, deep = CompactVisualEncoder(image_size=32, channels=(4, 8), width=6), nn.Linear(4, 4), parts()
    brought.origin = "somewhere"
    modules = nn.ModuleList([brought, fresh, deep])
    own = {brought: 0.5, deep: 0.25}
    settings = {"learning_rate": 0.01, "weight_decay": 0.1, "matrices": 0.02, "pretrained": 0.0003}
    optimizers = make_optimizers(modules, **settings, rates=own)
    rate = {id(p): g["initial_lr"] for o in optimizers for g in o.param_groups for p in g["params"]}
    assert {rate[id(p)] for p in brought.parameters()} == {0.5}
    assert {rate[id(p)] for p in deep.parameters() if p.requires_grad} == {0.25}
    assert (rate[id(fresh.weight)], rate[id(fresh.bias)]) == (0.02, 0.01)
    assert sum(len(owned(optimizer)) for optimizer in optimizers) == len(rate)
    decays = {id(p): g["weight_decay"] for o in optimizers for g in o.param_groups for p in g["params"]}
    assert all(decays[id(p)] == 0.1 * (p.ndim >= 2) for p in modules.parameters() if p.requires_grad)


def test_where_matrices_are_all_that_trains_there_is_one_optimizer():
    layer = nn.Linear(3, 3, bias=False)
    (only,) = make_optimizers([layer], learning_rate=0.01, weight_decay=0.1, matrices=0.02)
    assert isinstance(only, torch.optim.Muon)
