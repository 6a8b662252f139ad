"""What a step of training costs beside its encoders, and what it saves to keep what encoders that stand still made.

    python benchmarks/training.py [--parts outside epoch accelerator] [--steps 6] [--quick]

`ravlm train` runs on a small world of flags, with encoders from folders; of all steps but the first the median is told.

- outside: the share of a step that is outside the encoders: of the match stage of the default model, and of reading
  with ResNet-50 at 224 pixels and BERT-base, both learning. What the encoders were given in a step is kept, and their
  forward and backward passes on the same are timed again, alone.
- epoch: the same encoders, standing still, on a few hundred questions; counted are the steps that ask them for nothing
  any more. Without what is kept, each step would ask them for the photo of each question, decoded anew, for each
  question and for each passage in the batch, and that is timed beside it.
- accelerator: where there is one: reading with interaction fusion in bfloat16, both encoders learning, beside the
  training of the bare encoders on what they were given (forward, backward, the optimisers' step). Once all photos were
  decoded, and of the same photos that is added to the steps' time.

On a CPU, processor time of one thread is counted, so that other work on the machine is not. Writes
benchmarks/results/training.json, where it keeps the other parts, and the tables of the documents. About 20 minutes.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ravlm.data.dataset import Dataset
from ravlm.device import autocast, choose_device, device_name
from ravlm.encoders.base import Encoder
from ravlm.model.config import RandomLanguageConfig, RandomVisualConfig
from ravlm.model.encoders import build_language_encoder, build_visual_encoder
from ravlm.tensors import Knowledge
from ravlm.training.config import ReadConfig, read_run_config
from ravlm.training.match import MatchStage
from ravlm.training.optim import make_optimizers
from ravlm.training.photos import see_photos
from ravlm.training.read import ReadStage
from ravlm.training.run import train
from results_file import FOLDER, measured_with, rounded, write
from run_summaries import ravlm
from tables import rewrite_documents

RESULTS = "training.json"
PARTS = ("outside", "epoch", "accelerator")
BATCH = {"outside": 8, "epoch": 64, "accelerator": 32}  # questions of a step with the large encoders
QUESTIONS = 300  # of an epoch
_TIMED = 3  # batches whose encoding is timed
_FIRST = 2  # steps that are not counted
LARGE = """
[model.visual]
kind = "pretrained"
source = "{encoders}/eye"
trainable = "{trainable}"

[model.language]
kind = "pretrained"
source = "{encoders}/reader"
trainable = "{trainable}"

[model.fusion]
kind = "{fusion}"

[training]
precision = "{precision}"
checkpoint_every = 1000

[training.match]
steps = 0

[training.read]
steps = {steps}
batch = {batch}
{rates}
"""
LEARNS = "rates = {{ visual = 1e-5 }}"
DEFAULT = """
[training]
precision = "float32"
checkpoint_every = 1000

[training.match]
steps = {steps}

[training.read]
steps = 1
"""
EYE, QUICK_EYE = {"architecture": "resnet50", "image_size": 224}, {"architecture": "test_resnet", "image_size": 64}
READER: dict[str, Any] = {"vocabulary": 2000}  # else BERT-base
QUICK_READER = READER | {
    "options": {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 32}
}


def large(**of: Any) -> str:
    """The configuration of the large encoders, but for its steps."""
    return LARGE.format(steps="{steps}", **of)


def clock() -> float:
    """Seconds: of the processor on a CPU, else of the wall, when the accelerator has done its work."""
    if choose_device().type == "cpu":
        return time.process_time()
    torch.accelerator.synchronize()
    return time.perf_counter()


class Enough(Exception):
    """The steps that were asked for were seen."""


@dataclass
class Watch:
    """The seconds of each step of a stage, and what its encoders and its fusion were given in it.

    `given` holds, a step, the encoders that learn with their arguments, `asked` how often any was asked; `passages` are
    those that were read, `encoders` all that were met; `reading` the seconds in which all photos were read, which
    `photos` counts.
    """

    title: str
    steps: int
    began: float = field(default_factory=clock)
    seconds: list[float] = field(default_factory=list)
    given: list[list[tuple[nn.Module, Any]]] = field(default_factory=lambda: [[]])
    asked: list[int] = field(default_factory=lambda: [0])
    passages: list[dict[str, str]] = field(default_factory=list)
    encoders: dict[str, Encoder] = field(default_factory=dict)
    photos: int = 0
    reading: float = 0.0

    def progress(self, title: str, done: int, total: int) -> None:
        """A step is done; the time of whatever comes between stages is no step's. Enough were seen: `Enough`."""
        now = clock()
        if title == self.title:
            self.seconds.append(now - self.began)
            self.given.append([])
            self.asked.append(0)
        else:
            self.given[-1].clear()
            self.asked[-1] = 0
        if title == "reading pictures":
            self.photos, self.reading = total, self.reading + now - self.began
        if len(self.seconds) == self.steps:
            raise Enough
        self.began = now

    def hook(self, module: nn.Module, args: Any) -> None:
        """Before a module's forward pass."""
        if isinstance(module, Encoder):
            self.encoders["language" if hasattr(module, "tokenize") else "visual"] = module
            self.asked[-1] += 1
        if isinstance(module, Encoder) and torch.is_grad_enabled() and module.learns:
            self.given[-1].append((module, args))
        if torch.is_grad_enabled() and len(args) == 4 and isinstance(args[2], Knowledge):
            self.passages.append({p.id: p.text for row in args[2].passages for p in row if p is not None})

    def counted(self) -> list[tuple[float, list[tuple[nn.Module, Any]]]]:
        """The steps that count: seconds, and what encoders were given."""
        return list(zip(self.seconds, self.given, strict=False))[_FIRST:]


def watched(text: str, title: str, steps: int, data: Path, out: Path) -> Watch:
    """Train with a configuration, and watch so many steps of a stage; the run ends with them."""
    out.mkdir()
    (out / "config.toml").write_text(text.format(steps=steps + 1), encoding="utf-8")
    watch = Watch(title, steps)
    handle = nn.modules.module.register_module_forward_pre_hook(watch.hook)
    try:
        train(read_run_config(out / "config.toml"), data, out / "model", progress=watch.progress)
    except Enough:
        return watch
    finally:
        handle.remove()
    raise RuntimeError(f"the run had fewer than {steps} steps of {title!r}")


def outside(watch: Watch) -> dict[str, Any]:
    """The median share of a step that is outside the encoders."""
    shares = [1 - sum(_again(*one) for one in given) / taken for taken, given in watch.counted()]
    taken = statistics.median(seconds for seconds, _ in watch.counted())
    return {"step, s": taken, "outside": statistics.median(shares)}


def _again(module: nn.Module, args: Any) -> float:
    """Seconds of an encoder's forward and backward pass."""
    began = clock()
    _pass(module, args)
    return clock() - began


def _pass(module: nn.Module, args: Any) -> None:
    encoded = module(*args)
    (encoded.tokens.float().sum() + encoded.pooled.float().sum()).backward()


def few(data: Path, out: Path) -> Path:
    """A dataset with the first questions of another alone."""
    shutil.copytree(data, out, copy_function=os.link)
    for split in Dataset.open(data).splits:
        path = out / f"{split}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.unlink()  # a link: the other dataset stays as it is
        path.write_text("".join(lines[:QUESTIONS]), encoding="utf-8")
    return out


def epoch(watch: Watch, data: Path, batch: int) -> dict[str, Any]:
    """A step with what the encoders made, and the same with asking them for it, seconds."""
    dataset = Dataset.open(data)
    eye: Any = watch.encoders["visual"].eval()
    language: Any = watch.encoders["language"].eval()
    few = list({e.images[0]: e for e in dataset.split("train")}.values())[:batch]
    asked = [[e.question or "" for e in few]]
    free = [i for i, asked in enumerate(watch.asked[: watch.steps]) if not asked]
    passages = [watch.passages[i] for i in free][-_TIMED:]
    each = []
    for texts in passages:
        began = clock()
        see_photos(dataset, few, eye, None, lambda *_: None)
        with torch.no_grad():
            for some in (*asked, list(texts.values())):
                language(language.tokenize(some).to(language.device))
        each.append(clock() - began)
    kept = statistics.median(watch.seconds[i] for i in free)
    anew = kept + statistics.median(each)
    questions = len(dataset.split("train"))
    return {
        "questions": questions,
        "steps that asked for nothing": len(free),
        "batch": batch,
        "passages of a batch": statistics.median(len(texts) for texts in passages),
        "kept, s": kept * questions / batch,
        "anew, s": anew * questions / batch,
        "times": anew / kept,
    }


def accelerator(watch: Watch, batch: int) -> dict[str, Any]:
    """Images a second of the whole training, and of the bare encoders on the same."""
    device = choose_device()
    learned = {id(module): module for _, given in watch.counted() for module, _ in given}
    optimizers = make_optimizers(learned.values(), **ReadConfig().optimizer_settings())
    bare = []
    for _, given in watch.counted():
        began = clock()
        with autocast(device, "bfloat16"):
            for module, args in given:
                _pass(module, args)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        bare.append(clock() - began)
    step, alone = statistics.median(seconds for seconds, _ in watch.counted()), statistics.median(bare)
    decoding = watch.reading / watch.photos * batch
    return {
        "device": device_name(device),
        "batch": batch,
        "step, s": step,
        "decoding of a batch, s": decoding,
        "images a second": batch / (step + decoding),
        "bare encoders, images a second": batch / alone,
        "of the bare": alone / (step + decoding),
    }


def write_encoders(folder: Path, data: Path, *, quick: bool) -> None:
    """Folders of encoders with random weights; those who bring such folders have theirs trained before."""
    eye = RandomVisualConfig.model_validate({"kind": "timm", **(QUICK_EYE if quick else EYE)})
    reader = RandomLanguageConfig.model_validate(
        {"kind": "transformers", "architecture": "bert", **(QUICK_READER if quick else READER)}
    )
    texts = [entry.text or entry.title for entry in Dataset.open(data).knowledge()]
    build_visual_encoder(eye).save_pretrained(folder / "eye")
    build_language_encoder(reader, texts).save_pretrained(folder / "reader")


def measure(part: str, steps: int, data: Path, work: Path) -> dict[str, Any]:
    """One part of the results; the encoders lie in `work/encoders`."""
    batch, title = BATCH[part], ReadStage.title
    of = {"encoders": work / "encoders", "batch": batch, "trainable": "all", "precision": "float32"}
    of |= {"fusion": "attention", "rates": LEARNS}
    out = work / part
    if part == "outside":
        first = watched(DEFAULT, MatchStage.title, steps, data, work / "match")
        read = watched(large(**of), title, steps, data, out)
        found = {"match, the default model": outside(first), "read, ResNet-50 and BERT-base": outside(read)}
        return {"batch": batch, **found}
    if part == "epoch":
        still, some = of | {"trainable": "none", "rates": ""}, few(data, work / "few")
        rounds = 3 * -(-QUESTIONS // batch)
        return epoch(watched(large(**still), title, rounds + steps, some, out), some, batch)
    of |= {"precision": "bfloat16", "fusion": "interaction"}
    return accelerator(watched(large(**of), title, steps, data, out), batch)


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, write the results, print them; with --quick, tiny encoders, and nothing is written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["outside", "epoch"])
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data", type=Path, help="a dataset to train on; else a world of flags is made")
    asked = parser.parse_args(arguments)
    if choose_device().type == "cpu":
        torch.set_num_threads(1)
    steps = asked.steps + _FIRST
    path = FOLDER / RESULTS
    results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() and not asked.quick else {}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        data = asked.data or work / "flags"
        if asked.data is None:
            ravlm("dataset", "make", "flags", "--out", data, "--seed", 0)
        write_encoders(work / "encoders", data, quick=asked.quick)
        about = measured_with() | {"steps": asked.steps}
        for part in asked.parts:
            results[part] = {"measured_with": about, **measure(part, steps, data, work)}
    if not asked.quick:
        write(RESULTS, results)
        rewrite_documents()
    print(json.dumps(rounded(results), indent=1))
    return results


if __name__ == "__main__":
    main()
