"""Folders of small pictures of three colours, and settings that learn them in a moment."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from coloured_dataset import COLOURS
from ravlm.training.pretrain.config import PretrainRunConfig

CLASSES = ("blue", "green", "red")
SMALL: dict[str, Any] = {"image_size": 32, "channels": [4, 8], "width": 8}
READER: dict[str, Any] = {"vocabulary": 60, "width": 8, "layers": 1, "heads": 2}


def write_pictures(folder: Path, each: int = 4) -> Path:
    """An image folder: for each colour a class."""
    for place, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for n in range(each):
            rng = np.random.default_rng(100 * place + n)
            pixels = np.array(COLOURS[name]) * rng.uniform(0.8, 1.1) + rng.normal(0, 12, (36, 44, 3))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name / f"{n}.png")
    return folder


def settings(objective: str, **more: Any) -> PretrainRunConfig:
    """A short run towards an objective."""
    own = {"language": READER, "width": 8} if objective == "texts" else {}
    visual = {"objective": objective, "encoder": SMALL, "steps": 5, "batch": 6, **own, **more}
    return PretrainRunConfig.model_validate({"pretrain": {"visual": visual}, "training": {"checkpoint_every": 2}})
