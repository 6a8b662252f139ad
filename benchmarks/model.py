"""A model beside its bare encoders: what fusion and output layer add to a forward pass and to a training step.

    python benchmarks/model.py [--rounds 4] [--quick]

ResNet-50 at 224 pixels and BERT-base, random weights; questions of 16 tokens, each with 5 passages of 64 tokens, which
a frozen copy of BERT has encoded before. Fusions of width 256. A training step is the forward pass, the backward pass
through everything and the step of the optimisers of `ravlm train`, both encoders learning. All take turns in one
process on one thread; its processor time is counted, so that other work on the machine is not, and of each side the
least of the rounds. The step of a model's own optimisers is timed apart too, for it costs the same for any batch, and
the dearest models are measured with a larger batch as well. Writes benchmarks/results/model.json. About 10 minutes.
"""

import argparse
import copy
import json
import random
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from made_files import WORDS
from ravlm.model.build import build_fusion
from ravlm.model.config import ModelConfig
from ravlm.model.encoders import build_language_encoder, build_visual_encoder
from ravlm.model.outputs import build_output
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.records import Example, Hit, Passage
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.retrieval.image import ImageIndex, Stamp
from ravlm.retrieval.tfidf import TfidfIndex
from ravlm.tasks.teaching import finder_for, known_answers
from ravlm.tensors import Batch
from ravlm.training.optim import make_optimizers
from results_file import measured_with, write

WIDTH, QUICK_WIDTH = 256, 32
BATCH, LARGE = 8, 32
DEAREST = ("attention", "interaction", "hierarchical")  # and the reference's, to compare
FORWARDS = 3  # of a round: they take little
PASSAGES, TOKENS, ASKED = 5, 64, 16
SIZES = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
QUICK = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
MODELS: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "attention": ({"kind": "attention"}, {}),
    "multi-head attention": ({"kind": "attention", "heads": 4}, {}),
    "concatenation": ({"kind": "feature"}, {}),
    "weighted sum": ({"kind": "feature", "mode": "weighted-sum"}, {}),
    "gated": ({"kind": "feature", "mode": "gated"}, {}),
    "interaction": ({"kind": "interaction"}, {}),
    "hierarchical": ({"kind": "hierarchical"}, {}),
    "attention, generation": ({"kind": "attention"}, {"kind": "generation"}),
}
Side = Callable[[], object]


@dataclass(frozen=True)
class World:
    """What is asked: a batch of questions with the hits of each, and the encoders that read it."""

    visual: Any
    language: Any
    retriever: EntityThenPassageRetriever
    examples: Sequence[Example]
    batch: Batch
    hits: Sequence[Sequence[Hit]]


def main() -> None:
    """Measure everything and write the results; with --quick, tiny encoders once, and nothing is written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    rounds, batch, large, width = (1, 2, 3, QUICK_WIDTH) if asked.quick else (asked.rounds, BATCH, LARGE, WIDTH)
    warnings.filterwarnings("ignore", module="torch")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    encoders = make_encoders(quick=asked.quick)
    world = make_world(encoders, batch)
    models = {name: assemble(world, width, *parts) for name, parts in MODELS.items()}
    results: dict[str, Any] = {
        "measured_with": measured_with() | {name: version(name) for name in ("timm", "transformers")} | {"threads": 1},
        "batch": batch,
        "large batch": large,
        "width": width,
        "bare, s": {},
        "models": {name: {"parameters added": added(model)} for name, model in models.items()},
    }
    keep(results, "forward", in_turn(forwards(world, models), FORWARDS * rounds))
    sides, optimizers = steps(world, models)
    keep(results, "training step", in_turn(sides, rounds))
    bare = results["bare, s"]["training step"]
    for name, taken in in_turn(optimizers, rounds).items():
        results["models"][name]["own optimisers"] = min(taken) / bare
    world = make_world(encoders, large)
    models = {name: assemble(world, width, *MODELS[name]) for name in DEAREST}
    keep(results, "training step, large batch", in_turn(steps(world, models)[0], rounds - 1 or 1))
    shown = json.dumps(results, indent=1)
    sys.stdout.write(f"{shown}\n" if asked.quick else f"{shown}\nWrote {write('model.json', results)}.\n")


def keep(results: dict[str, Any], what: str, taken: dict[str, list[float]]) -> None:
    """What each model takes more than the bare encoders, as a share of their time."""
    bare = min(taken.pop("bare"))
    results["bare, s"][what] = bare
    for name, seconds in taken.items():
        results["models"][name][what] = min(seconds) / bare - 1


def make_encoders(*, quick: bool) -> tuple[Any, Any]:
    """An eye and a reader with random weights, which learn as pre-trained ones do."""
    config = ModelConfig.model_validate(
        {
            "visual": {"kind": "transformers", "architecture": "resnet", "image_size": 32 if quick else 224},
            "language": {
                "kind": "transformers",
                "architecture": "bert",
                "vocabulary": 1000,
                "options": QUICK if quick else SIZES | {"vocab_size": 30522},
            },
        }
    )
    visual: Any = build_visual_encoder(config.visual)
    language: Any = build_language_encoder(config.language, [f"{' '.join(WORDS)}. What is it?"] * 2)
    visual.origin = language.origin = "random weights"
    return visual, language


def make_world(encoders: tuple[Any, Any], batch: int) -> World:
    """Pictures and texts made by lot; the passages are read by a frozen copy of the reader."""
    visual, language = encoders
    frozen: Any = copy.deepcopy(language)
    frozen.declare_trainable("none")
    rng = random.Random(0)
    rows = [_passages(language, rng, f"entry-{i}") for i in range(batch)]
    entries = sorted({passage.entry_id for row in rows for passage in row})
    keys = np.random.default_rng(0).normal(size=(len(entries), visual.pooled_width)).astype(np.float32)
    keys /= np.linalg.norm(keys, axis=1, keepdims=True)
    retriever = EntityThenPassageRetriever(
        language_encoder=frozen,
        images=ImageIndex(keys, [(entry, f"picture of {entry}") for entry in entries], Stamp("", "")),
        passages=TfidfIndex(passage for row in rows for passage in row),
        visual_width=visual.pooled_width,
    )
    hits = [[_hit(passage, rank) for rank, passage in enumerate(row, 1)] for row in rows]
    questions = [_text(language, rng, ASKED) for _ in rows]
    examples = [
        Example(q, (), q, "answers", answers=(row[0].text.split()[3],), entries=(row[0].entry_id,))
        for q, row in zip(questions, rows, strict=True)
    ]
    images = torch.randint(0, 256, (batch, *visual.example().shape[1:]), dtype=torch.uint8)
    asked = Batch(images, language.tokenize(questions), questions, ["en"] * batch)
    return World(visual, language, retriever, examples, asked, hits)


def _passages(language: Any, rng: random.Random, name: str) -> list[Passage]:
    """Those that a question finds, of two entries."""
    texts = [_text(language, rng, TOKENS) for _ in range(PASSAGES)]
    entries = [f"{name}-{i % 2}" for i in range(PASSAGES)]
    return [
        Passage(f"{entry}#{i}", entry, "", i, (0, len(text)), text, "en")
        for i, (entry, text) in enumerate(zip(entries, texts, strict=True))
    ]


def _hit(passage: Passage, rank: int) -> Hit:
    scores = {"image": 0.5, "tfidf": 0.1 * rank}
    return Hit(passage.entry_id, passage.id, f"picture of {passage.entry_id}", rank, scores)


def _text(language: Any, rng: random.Random, tokens: int) -> str:
    """Sentences of so many tokens, the marks around them counted."""
    words: list[str] = []
    while int(language.tokenize([" ".join(words)]).mask.sum()) < tokens:
        words.append("." if len(words) % 9 == 8 else rng.choice(WORDS))
    return " ".join(words)


def assemble(world: World, width: int, fusion: Mapping[str, Any], output: Mapping[str, Any]) -> RetrievalAugmentedVLM:
    """The model of these settings around the shared encoders and the shared retriever."""
    config = ModelConfig.model_validate({"fusion": dict(fusion) | {"width": width}, "output": dict(output)})
    vocabulary, scales = known_answers(config.output, world.examples)
    fused = build_fusion(config.fusion, visual=world.visual, language=world.language)
    layer = build_output(
        config.output, width=width, vocabulary=vocabulary, scales=scales, language=world.language, decoder=None
    )
    return RetrievalAugmentedVLM(world.visual, world.language, world.retriever, fused, layer)


def added(model: RetrievalAugmentedVLM) -> int:
    """The parameters of fusion and output layer."""
    parts: Any = (model.fusion_module, model.output_layer)
    return sum(p.numel() for part in parts for p in part.parameters())


def forwards(world: World, models: Mapping[str, RetrievalAugmentedVLM]) -> dict[str, Side]:
    """The forward pass of the encoders alone and of each model."""

    def bare() -> None:
        world.visual(world.batch.images)
        world.language(world.batch.texts)

    for model in models.values():
        model.eval()
    sides: dict[str, Side] = {"bare": bare, **{n: lambda m=m: m(world.batch, world.hits) for n, m in models.items()}}
    return {name: torch.inference_mode()(side) for name, side in sides.items()}


def steps(world: World, models: Mapping[str, RetrievalAugmentedVLM]) -> tuple[dict[str, Side], dict[str, Side]]:
    """The training step of the encoders alone and of each model, and the part of the model's own optimisers in it."""
    of_encoders = optimizers_of(world.visual, world.language)

    def bare() -> None:
        seen, read = world.visual(world.batch.images), world.language(world.batch.texts)
        learn(seen.pooled.square().mean() + read.tokens.square().mean(), of_encoders)

    sides: dict[str, Side] = {"bare": bare}
    own: dict[str, Side] = {}
    for name, model in models.items():
        model.train()
        optimizers = optimizers_of(model.fusion_module, model.output_layer, world.retriever)
        sides[name] = _whole_step(world, model, [*of_encoders, *optimizers])
        own[name] = lambda some=optimizers: [optimizer.step() for optimizer in some]
    return sides, own


def optimizers_of(*parts: Any) -> list[torch.optim.Optimizer]:
    """Those of `ravlm train`: Muon for the matrices of what begins at random, AdamW for all else."""
    return make_optimizers(parts, learning_rate=1e-3, weight_decay=0.05, pretrained=2e-5, matrices=1e-3)


def learn(loss: torch.Tensor, optimizers: Sequence[torch.optim.Optimizer]) -> None:
    """From the loss to new weights."""
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    for optimizer in optimizers:
        optimizer.step()


def _whole_step(world: World, model: RetrievalAugmentedVLM, optimizers: Sequence[torch.optim.Optimizer]) -> Side:
    with torch.no_grad():
        targets = finder_for(model.output_layer).targets(world.examples, world.retriever.encode(world.hits))

    def run() -> None:
        output = model(world.batch, world.hits)
        learn(model.output_layer.loss(output.prediction, targets), optimizers)

    return run


def in_turn(sides: Mapping[str, Side], rounds: int) -> dict[str, list[float]]:
    """Processor seconds of each side, once a round; the first round warms up and does not count."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            began = time.process_time()
            side()
            if number:
                taken[name].append(time.process_time() - began)
                print(f"{name}: {taken[name][-1]:.3f} s", file=sys.stderr)
    return taken


if __name__ == "__main__":
    main()
