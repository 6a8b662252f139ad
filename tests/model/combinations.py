"""The model family as tables of configurations, and what every combination of them must do."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pictures import noise, picture
from ravlm.encoders.base import Encoder
from ravlm.encoders.pictures import stack_pictures
from ravlm.fusion.interaction import InteractionFusion
from ravlm.knowledge.passages import passages
from ravlm.knowledge.store import KnowledgeBase
from ravlm.model.build import build_model
from ravlm.model.config import ModelConfig
from ravlm.model.encoders import build_language_encoder, build_visual_encoder
from ravlm.model.indexes import follow
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.records import Decoded, Entry, Example, Hit
from ravlm.retrieval.image import ImageIndex, Stamp
from ravlm.retrieval.tfidf import TfidfIndex, question_weights
from ravlm.tasks.teaching import finder_for, known_answers
from ravlm.tensors import Batch
from ravlm.training.config import RunConfig

WIDTH = 16
_SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
_BRANCHES = {"depths": [1, 1, 1, 1], "dims": [8, 12, 16, 20]}

VISUAL: Mapping[str, dict[str, Any]] = {
    "compact": {"image_size": 32, "channels": [4, 8, 8], "width": 12},
    "ResNet": {"kind": "timm", "architecture": "test_resnet", "image_size": 32, "options": {"zero_init_last": False}},
    "Inception": {"kind": "timm", "architecture": "inception_next_atto", "image_size": 64, "options": _BRANCHES},
    "ViT": {"kind": "transformers", "architecture": "vit", "image_size": 32, "options": {**_SMALL, "patch_size": 16}},
}
LANGUAGE: Mapping[str, dict[str, Any]] = {
    "compact": {"vocabulary": 200, "width": 20, "layers": 2, "heads": 2},
    "BERT": {"kind": "transformers", "architecture": "bert", "vocabulary": 200, "options": _SMALL},
    "GPT-2": {
        "kind": "transformers",
        "architecture": "gpt2",
        "vocabulary": 200,
        "options": {"n_embd": 16, "n_layer": 2, "n_head": 2},
    },
}
FUSION: Mapping[str, dict[str, Any]] = {
    "attention": {},
    "multi-head attention": {"heads": 4},
    "concatenation": {"kind": "feature"},
    "weighted sum": {"kind": "feature", "mode": "weighted-sum"},
    "gated": {"kind": "feature", "mode": "gated"},
    "interaction": {"kind": "interaction"},
    "hierarchical": {"kind": "hierarchical"},
}
OUTPUT: Mapping[str, dict[str, Any]] = {
    "candidates": {"max_span": 4},
    "classification": {"kind": "classification"},
    "labels": {"kind": "labels"},
    "regression": {"kind": "regression"},
    "generation": {"kind": "generation", "longest": 6, "beams": 2, "layers": 1, "heads": 2},
}
LEARNING: Mapping[str, str | int] = {"all": "all", "none": "none", "last block": 1}
FACTORS: Mapping[str, Sequence[str]] = {
    "fusion": [*FUSION],
    "output": [*OUTPUT],
    "visual": [*VISUAL],
    "language": [*LANGUAGE],
    "visual learns": [*LEARNING],
    "language learns": [*LEARNING],
}
Combination = Mapping[str, str]
"""One name for each factor."""

ENTRIES = (
    Entry("heron", "Heron", text="The nest of this heron is in Fredville. Its weight is 1,500 g.", images=("1",)),
    Entry("otter", "Otter", text="The nest of this otter is in Oldtown. Its weight is 9,000 g.", images=("2",)),
    Entry("ibis", "Ibis", text="The nest of this ibis is in Newport. Its weight is 1,200 g.", images=("3",)),
)
QUESTIONS = (
    Example("nest", ("1",), "Where is the nest?", "answers", answers=("Fredville",), entries=("heron",)),
    Example("unread", ("2",), "What is its weight?", "number", value=9000.0, unit="g", entries=("otter",)),
    Example("weight", ("3",), "What is its weight?", "number", value=1200.0, unit="g", entries=("ibis",)),
)
UNREAD = 1  # the question that is asked without a hit
IMAGE_TOKENS = ("visual_encoder.project.weight", "visual_encoder.project.bias")
"""Weights of the compact eye that lead to its tokens alone: all fusions but the interaction read its one vector."""


def everything(factors: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    """Every combination."""
    for names in product(*factors.values()):
        yield dict(zip(factors, names, strict=True))


def pairwise(factors: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Few combinations in which every two values of different factors stand together at least once.

    The next one begins with the first pair that is missing; of every other factor it takes the value with which most
    pairs are new, of equal ones the least used (Cohen et al. 1997, The AETG System, section 3, without its lots).
    """
    missing = {
        frozenset({(one, x), (other, y)}): None
        for one, other in combinations(factors, 2)
        for x, y in product(factors[one], factors[other])
    }
    found: list[dict[str, str]] = []
    used: Counter[tuple[str, str]] = Counter()
    while missing:
        chosen = dict(sorted(next(iter(missing))))
        for factor in (name for name in factors if name not in chosen):
            new = {
                value: sum(frozenset({(factor, value), pair}) in missing for pair in chosen.items())
                for value in factors[factor]
            }
            chosen[factor] = max(new, key=lambda value: (new[value], -used[factor, value]))
        for pair in combinations(chosen.items(), 2):
            missing.pop(frozenset(pair), None)
        used.update(chosen.items())
        found.append({factor: chosen[factor] for factor in factors})
    return found


def config_of(combination: Combination, eyes: Mapping[str, dict[str, Any]] = VISUAL) -> ModelConfig:
    """The combination as a configuration file has it."""
    sides = {"visual": eyes, "language": LANGUAGE}
    model: dict[str, Any] = {
        "retriever": {"entries": 3, "passages_per_entry": 2},
        "fusion": FUSION[combination["fusion"]] | {"width": WIDTH},
        "output": OUTPUT[combination["output"]],
    }
    for side, table in sides.items():
        settings = table[combination[side]]
        learns = LEARNING[combination.get(f"{side} learns", "all")]
        model[side] = settings | ({"trainable": learns} if "kind" in settings else {})  # compact ones always learn
    return RunConfig.model_validate({"model": model}).model


@dataclass(frozen=True)
class Assembled:
    """A model around a base of three entries, with all that its folder needs."""

    config: ModelConfig
    model: RetrievalAugmentedVLM
    images: ImageIndex
    vocabulary: list[str]
    question_words: dict[str, float]


class Workshop:
    """Builds models from configurations around one base; an encoder is built once, and copied for each model."""

    def __init__(self, folder: Path) -> None:
        self.knowledge = KnowledgeBase.create(folder)
        self.knowledge.upsert(ENTRIES, lambda name: picture(int(name)))
        self._encoders: dict[str, Encoder] = {}

    def assemble(self, config: ModelConfig) -> Assembled:
        """The model as training begins with it."""
        torch.manual_seed(0)
        visual: Any = self._copy(config.visual)
        language: Any = self._copy(config.language)
        vocabulary, scales = known_answers(config.output, QUESTIONS)
        question_words = question_weights([q.question or "" for q in QUESTIONS])
        model = build_model(
            config,
            visual=visual,
            language=language,
            vocabulary=vocabulary,
            scales=scales,
            images=ImageIndex(torch.zeros(0, visual.pooled_width).numpy(), [], Stamp("", "")),
            passages=TfidfIndex([], question_words),
        )
        return Assembled(config, model, follow(model, self.knowledge), vocabulary, question_words)

    def _copy(self, config: Any) -> Encoder:
        key = repr(config)
        if key not in self._encoders:
            texts = [*(p.text for e in ENTRIES for p in passages(e)), *(q.question or "" for q in QUESTIONS)]
            visual = "image_size" in type(config).model_fields
            self._encoders[key] = build_visual_encoder(config) if visual else build_language_encoder(config, texts)
        return deepcopy(self._encoders[key])


def batch_of(model: RetrievalAugmentedVLM) -> Batch:
    """The questions with the entries' own pictures."""
    questions = [q.question or "" for q in QUESTIONS]
    images = [model.visual_encoder.preprocess(noise(int(q.images[0]))) for q in QUESTIONS]
    texts = model.language_encoder.tokenize(questions)
    return Batch(stack_pictures(images), texts, questions, [q.language for q in QUESTIONS])


@torch.no_grad()
def found_by(model: RetrievalAugmentedVLM, batch: Batch) -> list[list[Hit]]:
    """What the model's retriever finds, but for the question that is asked without a hit."""
    model.eval()
    visual, language = model.visual_encoder(batch.images), model.language_encoder(batch.texts)
    found = model.knowledge_retriever.search(batch, visual, language)
    return [[] if i == UNREAD else row for i, row in enumerate(found)]


def learn(model: RetrievalAugmentedVLM) -> float:
    """The loss of a training step, which goes back to the gradients."""
    batch = batch_of(model)
    hits = found_by(model, batch)
    model.train()
    output = model(batch, hits)
    targets = finder_for(model.output_layer).targets(QUESTIONS, output.knowledge)
    loss = model.output_layer.loss(output.prediction, targets)
    torch.autograd.backward(loss)
    return float(loss.detach())


@torch.no_grad()
def answers(model: RetrievalAugmentedVLM) -> list[Decoded]:
    """What the model answers."""
    batch = batch_of(model)
    hits = found_by(model, batch)
    return model.decode(model(batch, hits))


def gradient_faults(model: nn.Module) -> Iterator[str]:
    """Weights that learn without a gradient, or with one that is zero or no number; frozen ones with a gradient.

    A bias may have one that is zero: before a softmax or a normalisation it changes nothing.
    """
    for name, weight in model.named_parameters():
        gradient = weight.grad
        if gradient is None:
            if weight.requires_grad:
                yield f"{name} learns, and has no gradient"
        elif not weight.requires_grad:
            yield f"{name} is frozen, and has a gradient"
        elif not gradient.isfinite().all():
            yield f"{name} has a gradient that is no number"
        elif not gradient.any() and not name.endswith("bias"):
            yield f"{name} learns, and its gradient is zero"


def faults(model: RetrievalAugmentedVLM) -> list[str]:
    """All that is wrong with a training step of a model and its answers."""
    loss = learn(model)
    excused = () if isinstance(model.fusion_module, InteractionFusion) else IMAGE_TOKENS
    found = [] if math.isfinite(loss) else [f"the loss is {loss}"]
    found += [fault for fault in gradient_faults(model) if not fault.startswith(excused)]
    decoded = answers(model)
    for answer in decoded:
        said = answer.text or answer.abstained  # a decoder may write nothing
        found += [f"{answer} is no answer"] * (not said or not 0.0 <= answer.confidence <= 1.0)
    return found + ["not every question is answered"] * (len(decoded) != len(QUESTIONS))
