"""Every eye, reader, fusion and output layer beside every other: built from a configuration, it learns and answers."""

import math
import shutil
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path

import pytest
import torch
from combinations import (
    FACTORS,
    FUSION,
    IMAGE_TOKENS,
    LEARNING,
    OUTPUT,
    Combination,
    Workshop,
    answers,
    config_of,
    everything,
    faults,
    gradient_faults,
    learn,
    pairwise,
)
from torch import nn

from ravlm.knowledge.places import WITHIN_A_MODEL
from ravlm.model.folder import load_model, save_model

COVER = pairwise(FACTORS)
KEPT = [
    next(c for c in COVER if c["fusion"] == f and c["output"] == o) for f, o in zip(FUSION, [*OUTPUT] * 2, strict=False)
]
PLAIN = {factor: values[0] for factor, values in FACTORS.items()}


def named(combination: Combination) -> str:
    return ", ".join(combination.values())


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("matrix") / "knowledge")


@pytest.mark.parametrize("combination", COVER, ids=named)
def test_a_combination_learns_and_answers(workshop: Workshop, combination: Combination) -> None:
    assert faults(workshop.assemble(config_of(combination)).model) == []


@pytest.mark.parametrize("combination", KEPT, ids=named)
def test_a_combination_is_kept_in_its_folder(workshop: Workshop, combination: Combination, tmp_path: Path) -> None:
    made = workshop.assemble(config_of(combination))
    before = answers(made.model)
    shutil.copytree(workshop.knowledge.location, tmp_path / WITHIN_A_MODEL)
    about = {"vocabulary": made.vocabulary, "question_words": made.question_words, "images": made.images}
    save_model(tmp_path, made.model, made.config, **about, training={})
    again, _, _ = load_model(tmp_path)
    assert answers(again) == before
    kept = again.state_dict()
    assert {name for name, value in made.model.state_dict().items() if not torch.equal(value, kept[name])} == set()


@pytest.mark.parametrize(
    "sizes", [(7, 5, 4, 3, 3, 3), (2, 2), (3, 1, 4), (5, 5, 5, 5)], ids=lambda sizes: "x".join(map(str, sizes))
)
def test_a_pairwise_cover_has_every_pair_in_few_combinations(sizes: Sequence[int]) -> None:
    factors = {str(f): [f"{f}.{value}" for value in range(size)] for f, size in enumerate(sizes)}
    cover = pairwise(factors)
    seen = {pair for c in cover for pair in combinations(c.values(), 2)}
    wanted = {pair for one, other in combinations(factors, 2) for pair in product(factors[one], factors[other])}
    assert seen == wanted
    assert all(list(c) == list(factors) for c in cover)
    largest, second, *_ = sorted(sizes, reverse=True)
    assert largest * second <= len(cover) <= 1.6 * largest * second


def test_the_cover_is_small_beside_the_matrix() -> None:
    assert len(COVER) <= 40
    assert len(list(everything({name: FACTORS[name] for name in ("fusion", "output", "visual", "language")}))) == 420


@pytest.mark.parametrize("learns", LEARNING)
def test_an_encoder_learns_as_it_is_declared(workshop: Workshop, learns: str) -> None:
    asked = PLAIN | {"visual": "ViT", "language": "BERT", "visual learns": learns, "language learns": learns}
    model = workshop.assemble(config_of(asked)).model
    for encoder in (model.visual_encoder, model.language_encoder):
        assert encoder.trainable == LEARNING[learns]
        assert any(p.requires_grad for p in encoder.parameters()) == (learns != "none")


def test_a_weight_that_nothing_reads_is_told(workshop: Workshop) -> None:
    model = workshop.assemble(config_of(PLAIN)).model
    model.fusion_module.unread = nn.Parameter(torch.zeros(2))
    assert faults(model) == ["fusion_module.unread learns, and has no gradient"]


def test_a_frozen_weight_with_a_gradient_is_told(workshop: Workshop) -> None:
    model = workshop.assemble(config_of(PLAIN)).model
    learn(model)
    model.output_layer.none.requires_grad_(False)
    told = [fault for fault in gradient_faults(model) if not fault.startswith(IMAGE_TOKENS)]
    assert told == [f"output_layer.none.{name} is frozen, and has a gradient" for name in ("weight", "bias")]


@pytest.mark.parametrize(("factor", "told"), [(0.0, "learns, and its gradient is zero"), (math.nan, "is no number")])
def test_a_gradient_that_teaches_nothing_is_told(workshop: Workshop, factor: float, told: str) -> None:
    model = workshop.assemble(config_of(PLAIN)).model
    model.output_layer.gain.register_hook(lambda gradient: factor * gradient)
    [fault] = faults(model)
    assert fault.startswith("output_layer.gain")
    assert fault.endswith(told)
