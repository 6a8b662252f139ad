"""Eyes for groceries by other recipes, and what each finds by photo: recall@1 and @5 of products seen and unseen.

    python benchmarks/eyes.py [SOURCE] [--recipes plain long ...] [--together 1] [--seed 0] [--work DIR]

A recipe is what is other than in configs/grocery-eye.toml, with which `ravlm train` trains it, on an accelerator where
there is one. Recipes are told apart by the validation photos of products that are trained on: `chosen` is the best by
these, and the figures of the test photos stand beside. Writes benchmarks/results/eyes.json and the tables of the
documents; on an accelerator a few minutes a recipe, on one core from half an hour to a few hours.
"""

import argparse
import json
import shutil
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from grocery import EYE_CONFIG, GROUPS, SHARED, make_data
from ravlm.data.dataset import Dataset
from ravlm.device import choose_device, device_name
from ravlm.encoders.base import Encoder
from ravlm.encoders.choose import load_encoder
from ravlm.evaluation.measures import mean
from ravlm.records import Example
from ravlm.safe.images import read_image
from ravlm.training.photos import see_photos
from results_file import FOLDER, measured_with, write
from run_summaries import ravlm
from tables import rewrite_documents

RESULTS = "eyes.json"
BASES = ("iconic", "photos")
_MORE = "permuted = 0.5\nstrength = 0.9"
RECIPES: Mapping[str, Mapping[str, str]] = {
    "plain": {},
    "long": {"steps = 1400": f"steps = 5000\n{_MORE}"},
    "margin": {"steps = 1400": f"steps = 5000\nmargin = 0.1\n{_MORE}"},
    "larger": {
        "steps = 1400": f"steps = 5000\n{_MORE}",
        "[64, 96, 112]": "[96, 112, 128]",
        "image_size = 112": "image_size = 128",
        "resnet10t": "resnet18d",
    },
    "deeper": {
        "steps = 1400": f"steps = 5000\n{_MORE}",
        "[64, 96, 112]": "[96, 112, 128]",
        "image_size = 112": "image_size = 128",
        "resnet10t": "resnet26t",
    },
    "pairs": {
        'objective = "classes"': 'objective = "pictures"\npairs = "classes"',
        "steps = 1400": "steps = 3000\nstrength = 0.9",
        "batch = 64": "batch = 128",
    },
}


def config_of(recipe: str) -> str:
    """The configuration of a recipe."""
    text = EYE_CONFIG.read_text(encoding="utf-8")
    for ours, other in RECIPES[recipe].items():
        if text.count(ours) != 1:
            raise ValueError(f"{EYE_CONFIG} has not exactly one {ours!r}")
        text = text.replace(ours, other)
    return text


def keys_of(eye: Encoder, dataset: Dataset, examples: Sequence[Example]) -> tuple[list[str], np.ndarray]:
    """The paths of the examples' pictures, and the key of each [m, v], of unit length."""
    photos = see_photos(dataset, examples, eye, None, lambda *_: None)
    keys = nn.functional.normalize(photos.views.float(), dim=-1).cpu().numpy()
    return sorted(photos.place, key=photos.place.__getitem__), keys


def recall(eye: Encoder, data: Mapping[str, Path], split: str) -> dict[str, Any]:
    """For each base and group of products: the share of a split's photos whose product is found first, and in five."""
    asked = Dataset.open(data[BASES[0]])
    about = {e.images[0]: e for e in asked.split(split)}
    paths, queries = keys_of(eye, asked, list(about.values()))
    told: dict[str, Any] = {}
    for base in BASES:
        dataset = Dataset.open(data[base])
        shown = [(entry.id, image) for entry in dataset.knowledge() for image in entry.images]
        pictures = [Example(image, (image,), None, "answers", entries=(entry,)) for entry, image in shown]
        found, keys = keys_of(eye, dataset, pictures)
        owner = {image: entry for entry, image in shown}
        owners = np.array([owner[path] for path in found])
        cosine = queries @ keys.T
        rank = {}
        for path, row in zip(paths, cosine, strict=True):
            best = {entry: row[owners == entry].max() for entry in set(owners)}
            right = max(best[entry] for entry in about[path].entries)
            rank[path] = 1 + sum(score > right for score in best.values())
        told[base] = {
            group: {f"R@{k}": mean(rank[p] <= k for p in paths if group in about[p].groups) for k in (1, 5)}
            | {"n": sum(group in about[p].groups for p in paths)}
            for group in GROUPS
        }
    return told


def measure(recipe: str, data: Mapping[str, Path], seed: int, work: Path) -> dict[str, Any]:
    """Train by a recipe in `work`, where that is not done yet, and look."""
    eye = work / f"eye-{recipe}"
    config = work / f"{recipe}.toml"
    config.write_text(config_of(recipe), encoding="utf-8")
    if not (eye / "config.json").exists():
        shutil.rmtree(eye, ignore_errors=True)
        ravlm("train", config, "--data", data[BASES[0]], "--out", eye, "--seed", seed)
    encoder: Any = load_encoder(str(eye)).to(choose_device()).eval()
    seconds = json.loads((eye / "pretraining.json").read_text(encoding="utf-8"))["seconds"]
    told = {split: recall(encoder, data, split) for split in ("val", "test")}
    about = {"device": device_name(choose_device()), "training, s": float(seconds), "seed": seed}
    return {**about, "photos, pixels": _side(Dataset.open(data[BASES[0]])), **told}


def _side(dataset: Dataset) -> int:
    """The shorter side of the test photos in pixels, the median: they may have been made smaller to be carried."""
    photos = sorted({e.images[0] for e in dataset.split("test")})
    return int(statistics.median(min(read_image(dataset.image_path(photo)).size) for photo in photos))


def main() -> None:
    """Measure recipes, and keep what was measured of others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", default=SHARED, help="the Grocery Store Dataset")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--together", type=int, default=1, help="recipes that are trained at once")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="keep datasets and eyes here; else they are deleted")
    asked = parser.parse_args()
    if not (asked.source / "classes.csv").is_file():
        print(f"Skipped: the Grocery Store Dataset is not in {asked.source} (no classes.csv).")
        return
    torch.set_num_threads(1)
    path = FOLDER / RESULTS
    recipes = json.loads(path.read_text(encoding="utf-8"))["recipes"] if path.is_file() else {}
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(asked.together) as pool:
        work = (asked.work or Path(temporary)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        data = {base: work / f"grocery-{base}" for base in BASES}
        for base in BASES:
            make_data(asked.source, data[base], base, asked.seed, None)
        running = {r: pool.submit(measure, r, data, asked.seed, work) for r in asked.recipes}
        for recipe, done in running.items():
            recipes[recipe] = done.result()
            chosen = max(recipes, key=lambda name: recipes[name]["val"]["iconic"]["seen"]["R@1"])
            write(RESULTS, {"measured_with": measured_with(), "chosen": chosen, "recipes": recipes})
            print(recipe, json.dumps(recipes[recipe]), flush=True)
    rewrite_documents()


if __name__ == "__main__":
    main()
