"""Pairs of a picture and a text, and which of them are of the same thing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from ravlm.data.dataset import CARD, Dataset
from ravlm.errors import DatasetError, TrainingError
from ravlm.training.optim import hash_seed
from ravlm.training.pretrain.pictures import LabelledPictures, labelled_pictures

_FEWEST = 3  # things: two to tell apart, one held out


@dataclass(frozen=True)
class Pairs:
    """Pictures and what may be said of each.

    `group` [n] counts the things that the n classes of the pictures are: classes of which the same is said are one.
    """

    pictures: LabelledPictures
    group: Int[Tensor, " n"]

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """All texts, each once."""
        return tuple(dict.fromkeys(text for said in self.pictures.texts for text in said))

    @cached_property
    def picture_group(self) -> Int[Tensor, " m"]:
        """The thing of each picture."""
        return self.group[list(self.pictures.labels)]

    @cached_property
    def _shown(self) -> list[list[int]]:
        """The pictures of each thing that has some."""
        found: dict[int, list[int]] = {}
        for picture, thing in enumerate(self.picture_group.tolist()):
            found.setdefault(thing, []).append(picture)
        return [found[thing] for thing in sorted(found)]

    @cached_property
    def _said(self) -> list[list[int]]:
        """The places of the texts of each class."""
        place = {text: i for i, text in enumerate(self.texts)}
        return [[place[text] for text in said] for said in self.pictures.texts]

    def right(self) -> Bool[Tensor, "m t"]:
        """Which of the texts may be said of each picture."""
        found = torch.zeros(len(self.pictures.labels), len(self.texts), dtype=torch.bool)
        for row, label in zip(found, self.pictures.labels, strict=True):
            row[self._said[label]] = True
        return found

    def draw(self, batch: int, generator: Generator) -> tuple[Int[Tensor, " b"], Int[Tensor, " b"]]:
        """The places of pictures and of a text of each; every thing is equally likely, repeats come late."""
        n = len(self._shown)
        rounds = [torch.randperm(n, generator=generator) for _ in range(-(-batch // n))]
        pictures = [_any_of(self._shown[i], generator) for i in torch.cat(rounds)[:batch].tolist()]
        texts = [_any_of(self._said[self.pictures.labels[picture]], generator) for picture in pictures]
        return torch.tensor(pictures), torch.tensor(texts)

    def part(self, kept: Bool[Tensor, " m"]) -> "Pairs":
        """The pairs of some of the pictures."""
        places = kept.nonzero()[:, 0].tolist()
        files, labels, own = (
            tuple(values[i] for i in places)
            for values in (self.pictures.files, self.pictures.labels, self.pictures.own)
        )
        there = set(labels)
        texts = tuple(said if label in there else () for label, said in enumerate(self.pictures.texts))
        return Pairs(replace(self.pictures, files=files, labels=labels, own=own, texts=texts), self.group)

    def split(self, share: float, seed: int) -> tuple["Pairs", "Pairs"]:
        """Pairs to learn from, and those of a share of the things, drawn by lot, that are held out."""
        things = torch.unique(self.picture_group)
        generator = torch.Generator().manual_seed(hash_seed(seed, "split"))
        count = min(max(round(len(things) * share), 1), len(things) - 2)
        apart = things[torch.randperm(len(things), generator=generator)[:count]]
        held_out = torch.isin(self.picture_group, apart)
        return self.part(~held_out), self.part(held_out)


def read_pairs(data: Path, texts: str) -> Pairs:
    """The pairs in a folder: `texts` is `captions`, or `entries`, which an image folder's classes are, too.

    Raises:
        PathError: there is no such folder.
        DatasetError: faults, all of them: see `labelled_pictures`.
        TrainingError: there are no captions, or there is too little to be told apart.
    """
    if texts == "captions" and (data / CARD).is_file():
        pictures = _captioned(Dataset.open(data))
    else:
        pictures = labelled_pictures(data)
        if texts == "captions":
            raise TrainingError(
                f'pretrain.alignment.texts is "captions", and {data} is an image folder, which has none. Give a '
                'dataset with examples of kind "captions", or write texts = "entries".'
            )
    group = same_things(pictures.texts)
    pairs = Pairs(pictures, group)
    things = len(torch.unique(pairs.picture_group))
    if things < _FEWEST:
        raise TrainingError(
            f"{data} can't be learned from: the texts of its {len(pictures.files):,} pictures tell {things} "
            f"thing{'s' * (things != 1)} apart, and at least {_FEWEST} are needed, one of which is held out. Add more."
        )
    return pairs


def same_things(texts: Sequence[Sequence[str]]) -> Int[Tensor, " n"]:
    """The thing that each class is, counted from 0: classes that share a text, also by way of others, are one."""
    first: dict[str, int] = {}
    parent = list(range(len(texts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for label, said in enumerate(texts):
        for text in said:
            parent[root(label)] = root(first.setdefault(text, label))
    roots = [root(label) for label in range(len(texts))]
    number = {found: n for n, found in enumerate(dict.fromkeys(roots))}
    return torch.tensor([number[found] for found in roots])


def recall(scores: Float[Tensor, "m t"], right: Bool[Tensor, "m t"], k: int) -> float:
    """The share of pictures that have a right text among the k of the highest scores; equal scores count against."""
    best = scores.masked_fill(~right, torch.finfo(scores.dtype).min).amax(1, keepdim=True)
    before = ((scores >= best) & ~right).sum(1)
    return float((before < k).float().mean())


def _captioned(dataset: Dataset) -> LabelledPictures:
    """The pictures of a dataset's training examples that have captions; each is a class of its own."""
    said: dict[str, dict[str, None]] = {}
    for example in dataset.split("train"):
        if example.kind == "captions":
            texts = dict.fromkeys(text for text in map(str.strip, example.answers) if text)
            said.setdefault(example.images[0], {}).update(texts)
    images = sorted(image for image, texts in said.items() if texts)
    if not images:
        raise TrainingError(
            f'pretrain.alignment.texts is "captions", and no training example of {dataset.folder} has any (kind '
            '"captions"). Write texts = "entries", or give another dataset.'
        )
    missing = [f"  {image}: no such file" for image in images if not dataset.image_path(image).is_file()]
    if missing:
        raise DatasetError(f"The pictures of the dataset {dataset.folder} can't be learned from. Mend it.", missing)
    files = tuple(dataset.image_path(image) for image in images)
    labels, own = tuple(range(len(images))), (False,) * len(images)
    return LabelledPictures(dataset.folder, files, labels, own, tuple(images), tuple(tuple(said[i]) for i in images))


def _any_of(places: Sequence[int], generator: Generator) -> int:
    return places[int(torch.randint(len(places), (), generator=generator))]
