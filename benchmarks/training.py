"""What a step of training costs beside its encoders.

    python benchmarks/training.py [--steps 6] [--quick]

`ravlm train` runs on a small world of flags. Processor time of one thread is counted, so that other work on the machine
is not. What the encoders were given in a step is kept, and their forward and backward passes on the same are timed
again, alone; the rest is the share of the step that is outside them, and of the steps the median is told: of the match
stage of the default model, and of reading with ResNet-50 at 224 pixels and BERT-base, random weights, both learning.

Writes benchmarks/results/training.json and the tables of the documents. About 10 minutes.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ravlm.encoders.base import Encoder
from ravlm.training.config import read_run_config
from ravlm.training.match import MatchStage
from ravlm.training.read import ReadStage
from ravlm.training.run import train
from results_file import measured_with, rounded, write
from run_summaries import ravlm
from tables import rewrite_documents

RESULTS = "training.json"
BATCH = 8  # questions of a step with the large encoders
_FIRST = 2  # steps that are not counted
LARGE = """
[model.visual]
kind = "timm"
architecture = "{eye}"
image_size = {size}
trainable = "all"

[model.language]
kind = "transformers"
architecture = "bert"
vocabulary = 2000
trainable = "all"

[model.language.options]
hidden_size = {width}
num_hidden_layers = {layers}
num_attention_heads = 4
intermediate_size = {inner}

[training]
precision = "float32"
checkpoint_every = 1000

[training.match]
steps = 0

[training.read]
steps = {steps}
batch = {batch}
rates = {{ visual = 1e-5 }}
"""
DEFAULT = """
[training]
precision = "float32"
checkpoint_every = 1000

[training.match]
steps = {steps}

[training.read]
steps = 1
"""
SIZES = {"eye": "resnet50", "size": 224, "width": 768, "layers": 12, "inner": 3072}
QUICK = {"eye": "test_resnet", "size": 64, "width": 32, "layers": 1, "inner": 32}


@dataclass
class Watch:
    """The processor time of each step of a stage, and what the encoders that learn were given in it."""

    title: str
    began: float = field(default_factory=time.process_time)
    seconds: list[float] = field(default_factory=list)
    given: list[list[tuple[nn.Module, Any]]] = field(default_factory=lambda: [[]])

    def progress(self, title: str, done: int, total: int) -> None:
        """A step is done; the time of whatever comes between stages is no step's."""
        now = time.process_time()
        if title == self.title:
            self.seconds.append(now - self.began)
            self.given.append([])
        else:
            self.given[-1].clear()
        self.began = now

    def hook(self, module: nn.Module, args: Any) -> None:
        """Before a module's forward pass."""
        if isinstance(module, Encoder) and torch.is_grad_enabled() and module.learns:
            self.given[-1].append((module, args))

    def outside(self) -> dict[str, Any]:
        """The median share of a step that is outside the encoders."""
        steps = list(zip(self.seconds, self.given, strict=False))[_FIRST:]
        shares = [1 - sum(_again(module, args) for module, args in given) / taken for taken, given in steps]
        return {"step, s": statistics.median(self.seconds[_FIRST:]), "outside": statistics.median(shares)}


def _again(module: nn.Module, args: Any) -> float:
    """Seconds of an encoder's forward and backward pass."""
    began = time.process_time()
    encoded = module(*args)
    (encoded.tokens.float().sum() + encoded.pooled.float().sum()).backward()
    return time.process_time() - began


def share_outside(text: str, title: str, data: Path, work: Path) -> dict[str, Any]:
    """Train with a configuration, and say what of a step of one stage is outside its encoders."""
    (work / "config.toml").write_text(text, encoding="utf-8")
    watch = Watch(title)
    handle = nn.modules.module.register_module_forward_pre_hook(watch.hook)
    try:
        train(read_run_config(work / "config.toml"), data, work / f"model-{len(text)}", progress=watch.progress)
    finally:
        handle.remove()
    return watch.outside()


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, write the results, print them; with --quick, tiny encoders, and nothing is written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data", type=Path, help="a dataset to train on; else a world of flags is made")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    sizes, steps = (QUICK if asked.quick else SIZES), asked.steps + _FIRST
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        data = asked.data or work / "flags"
        if asked.data is None:
            ravlm("dataset", "make", "flags", "--out", data, "--seed", 0)
        learning = LARGE.format(**sizes, steps=steps, batch=BATCH)
        results = {
            "measured_with": measured_with() | {"threads": 1},
            "batch": BATCH,
            "steps": asked.steps,
            "outside": {
                "match, the default model": share_outside(DEFAULT.format(steps=steps), MatchStage.title, data, work),
                "read, ResNet-50 and BERT-base": share_outside(learning, ReadStage.title, data, work),
            },
        }
    shown = json.dumps(rounded(results), indent=1)
    if not asked.quick:
        write(RESULTS, results)
        rewrite_documents()
    print(shown)
    return results


if __name__ == "__main__":
    main()
