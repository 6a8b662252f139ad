"""A small dataset that a tiny model learns to read in seconds: coloured things and who keeps them."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
from PIL import Image

from pictures import encoded
from small_dataset import Lines, write_lines

COLOURS = {
    "red": (200, 30, 30),
    "green": (30, 170, 50),
    "blue": (40, 60, 200),
    "yellow": (230, 210, 40),
    "black": (20, 20, 20),
    "white": (240, 240, 240),
}
NEW = (240, 130, 20), (130, 40, 150)  # orange and purple: in no dataset
THINGS = [f"{left}-{right}" for left, right in permutations(COLOURS, 2)]
UNSEEN = THINGS[3::5]  # in the knowledge, in no training example
ASKED = {"keeper": "Who keeps it?", "town": "Where does it stand?"}
_SYLLABLES = ["ba", "do", "fi", "ga", "hu", "ka", "lo", "mi", "na", "pe", "ru", "sa", "to", "vi", "zo"]
Colours = tuple[tuple[int, int, int], tuple[int, int, int]]


def colours(thing: str) -> Colours:
    left, right = thing.split("-")
    return COLOURS[left], COLOURS[right]


def photo(shown: Colours, seed: int) -> bytes:
    """A picture of two colours side by side, a little lighter or darker, with noise."""
    rng = np.random.default_rng(seed)
    pixels = np.repeat(np.array(shown, dtype=float)[None], 40, axis=0).repeat(20, axis=1)  # [40, 40, 3]
    pixels = pixels * rng.uniform(0.85, 1.1) + rng.normal(0, 8, pixels.shape)
    return encoded(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))


def name(seed: int) -> str:
    """A made-up name."""
    return "".join(np.random.default_rng(seed).choice(_SYLLABLES, size=3)).title()


def article(keeper: str, town: str) -> str:
    return f"This thing is kept by {keeper}. It stands in {town}."


def write_coloured(folder: Path) -> Path:
    """Thirty things with a picture each; train has 24 of them, test all."""
    (folder / "images").mkdir(parents=True)
    card = {"format": 1, "name": "coloured", "licence": "CC0-1.0", "languages": ["en"], "sources": ["made up"]}
    (folder / "dataset.json").write_text(json.dumps(card))
    knowledge: Lines = []
    splits: dict[str, Lines] = {"train": [], "test": []}
    for place, thing in enumerate(THINGS):
        facts = {"keeper": name(2 * place), "town": name(2 * place + 1)}
        base = f"images/{thing}.png"
        (folder / base).write_bytes(photo(colours(thing), 10_000 + place))
        text = article(*facts.values())
        knowledge.append({"id": thing, "title": thing.title(), "text": text, "images": [base], "source": "things"})
        for split, count in (("train", 0 if thing in UNSEEN else 4), ("test", 1)):
            for n in range(count):
                path = f"images/{split}-{thing}-{n}.png"
                (folder / path).write_bytes(photo(colours(thing), 100 * place + 50 * (split == "test") + n))
                splits[split] += [
                    {
                        "id": f"{split}-{thing}-{n}-{relation}",
                        "images": [path],
                        "question": question,
                        "kind": "answers",
                        "answers": [facts[relation]],
                        "entries": [thing],
                        "evidence": [[thing, facts[relation]]],
                        "groups": ["unseen" if thing in UNSEEN else "seen", f"relation:{relation}"],
                    }
                    for relation, question in ASKED.items()
                ]
    write_lines(folder / "knowledge.jsonl", knowledge)
    for split, lines in splits.items():
        write_lines(folder / f"{split}.jsonl", lines)
    return folder


TINY = """
[model.visual]
image_size = 32
channels = [8, 16, 32]
width = 32

[model.language]
vocabulary = 70
width = 48
layers = 1
noise = 0.1
heads = 2

[model.fusion]
width = 48

[model.retriever]
entries = 2

[training]
precision = "float32"
checkpoint_every = 20

[training.match]
steps = 40
batch = 24
average = 0.9

[training.read]
steps = 150
batch = 24
average = 0.9
learning_rate = 0.005
"""
