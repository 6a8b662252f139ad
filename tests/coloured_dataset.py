"""A small dataset that a tiny model learns to read in seconds: coloured things and who keeps them."""

import json
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
    "purple": (130, 40, 150),
    "cyan": (40, 200, 210),
}
NEW_COLOUR = (240, 130, 20)  # orange: in no dataset
UNSEEN = ("purple", "cyan")  # in the knowledge, in no training example
KEEPERS = "Adam Berta Carlo Doris Edgar Fiona Gustav Helga".split()
TOWNS = "Aarau Basel Chur Davos Egg Flims Genf Horw".split()
ASKED = {"keeper": "Who keeps it?", "town": "Where does it stand?"}


def photo(colour: tuple[int, int, int], seed: int) -> bytes:
    """A picture of one colour, a little lighter or darker, with noise."""
    rng = np.random.default_rng(seed)
    pixels = np.array(colour) * rng.uniform(0.85, 1.1) + rng.normal(0, 8, (40, 40, 3))
    return encoded(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))


def article(keeper: str, town: str) -> str:
    return f"This thing is kept by {keeper}. It stands in {town}."


def write_coloured(folder: Path) -> Path:
    """Eight things with a picture each; train has six of them, test all."""
    (folder / "images").mkdir(parents=True)
    card = {"format": 1, "name": "coloured", "licence": "CC0-1.0", "languages": ["en"], "sources": ["made up"]}
    (folder / "dataset.json").write_text(json.dumps(card))
    knowledge: Lines = []
    splits: dict[str, Lines] = {"train": [], "test": []}
    for place, (name, colour) in enumerate(COLOURS.items()):
        facts = {"keeper": KEEPERS[place], "town": TOWNS[place]}
        base = f"images/{name}.png"
        (folder / base).write_bytes(photo(colour, 1000 + place))
        text = article(*facts.values())
        knowledge.append({"id": name, "title": name.title(), "text": text, "images": [base], "source": "things"})
        for split, count in (("train", 0 if name in UNSEEN else 12), ("test", 2)):
            for n in range(count):
                path = f"images/{split}-{name}-{n}.png"
                (folder / path).write_bytes(photo(colour, 100 * place + 50 * (split == "test") + n))
                splits[split] += [
                    {
                        "id": f"{split}-{name}-{n}-{relation}",
                        "images": [path],
                        "question": question,
                        "kind": "answers",
                        "answers": [facts[relation]],
                        "entries": [name],
                        "evidence": [[name, facts[relation]]],
                        "groups": ["unseen" if name in UNSEEN else "seen", f"relation:{relation}"],
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
vocabulary = 400
width = 48
layers = 1
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
