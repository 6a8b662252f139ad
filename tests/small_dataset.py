"""A small dataset without faults, and ways to break it."""

import json
from pathlib import Path
from typing import Any

from pictures import picture

Lines = list[dict[str, Any]]


def lines_of(path: Path) -> Lines:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_lines(path: Path, lines: Lines) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def write_dataset(folder: Path) -> Path:
    """Three entries with a picture each, two of them asked about in train, val and test."""
    (folder / "images").mkdir(parents=True)
    for i in range(9):
        (folder / "images" / f"{i}.png").write_bytes(picture(i))
    card = {"format": 1, "name": "small", "licence": "CC0-1.0", "languages": ["en", "zh"], "sources": ["made up"]}
    (folder / "dataset.json").write_text(json.dumps(card))
    entries: Lines = [
        {"id": "a", "title": "Ant", "text": "An ant has 6 legs.", "images": ["images/0.png"], "source": "s"},
        {"id": "b", "title": "Bee", "sections": [{"title": "Legs", "text": "Six."}], "images": ["images/1.png"]},
        {"id": "c", "title": "猫", "text": "猫有四条腿。", "language": "zh", "images": ["images/2.png"]},
    ]
    write_lines(folder / "knowledge.jsonl", [{"source": "s"} | entry for entry in entries])
    for place, split in enumerate(("train", "val", "test")):
        shown = {"images": [f"images/{3 + 2 * place}.png"], "question": "How many legs?", "entries": ["a"]}
        other = {"images": [f"images/{4 + 2 * place}.png"], "question": "Which legs?", "entries": ["b"]}
        lines: Lines = [
            {"id": f"{split}-0", "kind": "number", "value": 6, "unit": "legs", "evidence": [["a", "6 legs"]], **shown},
            {"id": f"{split}-1", "kind": "answers", "answers": ["six"], "evidence": [["b", "Legs"]], **other},
        ]
        write_lines(folder / f"{split}.jsonl", lines)
    return folder
