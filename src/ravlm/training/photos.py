"""The pictures of a run, read once: pixels that are augmented where the eye learns, else what the eye makes of them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from PIL.Image import Image, Resampling
from torch import Tensor, nn

from ravlm.data.dataset import Dataset
from ravlm.encoders.base import Encoder
from ravlm.encoders.features.cache import FeatureCache
from ravlm.encoders.features.extract import Extractor
from ravlm.encoders.features.loading import Region
from ravlm.errors import ConfigError
from ravlm.knowledge.rows import picture_id
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Example
from ravlm.retrieval.regions import MIDDLE, middle
from ravlm.safe.images import decode_image, read_image_bytes
from ravlm.tensors import Encoded
from ravlm.training.loop import Progress
from ravlm.training.match import PicturePairs

_AT_ONCE = 256  # pictures


@dataclass(frozen=True)
class Photos:
    """All pictures of the examples: their ids, and each path's place among them.

    `views` are what the match stage takes: pixels [m, c, y, x], or the vectors [m, v] of an eye that stands still.
    `seen` are their features, where such an eye has made them.
    """

    ids: list[str]
    place: dict[str, int]
    views: Tensor
    seen: Encoded | None


def read_photos(dataset: Dataset, examples: Sequence[Example], size: int, progress: Progress) -> Photos:
    """Decode in threads, a square of `size` pixels each; an undecodable picture ends the run with its name."""
    paths = _paths(examples)
    pixels = torch.zeros(len(paths), 3, size, size, dtype=torch.uint8)

    def load(i: int) -> str:
        path = dataset.image_path(paths[i])
        data = read_image_bytes(path)
        pixels[i] = stretch(decode_image(data, longest=2 * size, name=str(path)), size)
        return picture_id(data)

    ids = []
    with ThreadPoolExecutor() as pool:
        for done, image_id in enumerate(pool.map(load, range(len(paths))), start=1):
            ids.append(image_id)
            progress("reading pictures", done, len(paths))
    return Photos(ids, {path: i for i, path in enumerate(paths)}, pixels, None)


def see_photos(
    dataset: Dataset, examples: Sequence[Example], eye: Encoder, cache: FeatureCache | None, progress: Progress
) -> Photos:
    """What an eye makes of the middle of each picture, as it is looked at when asked."""
    paths = _paths(examples)
    files = [dataset.image_path(path) for path in paths]
    region = Region("middle", middle)
    extractor = Extractor(eye, device=eye.device, precision="float32", cache=cache, region=region)
    features = []
    for done, found in enumerate(extractor.images(files, tokens=True), start=1):
        features.append(found)
        progress("seeing pictures", done, len(paths))
    tokens = [found.tokens for found in features if found.tokens is not None]
    longest = max(len(t) for t in tokens)
    mask = torch.arange(longest) < torch.tensor([len(t) for t in tokens])[:, None]
    pooled = torch.stack([found.pooled for found in features])
    seen = Encoded(nn.utils.rnn.pad_sequence(tokens, batch_first=True), mask, pooled)
    ids = [picture_id(read_image_bytes(file)) for file in files]
    return Photos(ids, {path: i for i, path in enumerate(paths)}, pooled, seen)


def picture_pairs(
    photos: Photos, examples: Sequence[Example], knowledge: KnowledgeBase, look: Callable[[Sequence[str]], Tensor]
) -> PicturePairs:
    """Photos of entries with pictures, and those pictures, which `look` makes of their ids."""
    shown = sorted({(photos.place[e.images[0]], entry_id) for e in examples for entry_id in e.entries})
    images = {entry_id: knowledge.get(entry_id).images for entry_id in sorted({entry_id for _, entry_id in shown})}
    number = {entry_id: n for n, entry_id in enumerate(entry_id for entry_id in images if images[entry_id])}
    shown = [(photo, entry_id) for photo, entry_id in shown if entry_id in number]
    owned = [(number[entry_id], image_id) for entry_id in number for image_id in images[entry_id]]
    place = {owner: i for i, owner in enumerate(owned)}
    return PicturePairs(
        photos=photos.views[[photo for photo, _ in shown]],
        photo_entry=torch.tensor([number[entry_id] for _, entry_id in shown]),
        pictures=look([image_id for _, image_id in owned]),
        picture_entry=torch.tensor([n for n, _ in owned]),
        own_picture=torch.tensor([place.get((number[entry_id], photos.ids[photo]), -1) for photo, entry_id in shown]),
    )


@torch.no_grad()
def seen_of(photos: Photos, places: Sequence[int], eye: Encoder, size: int) -> Encoded:
    """The features of some photos; where they are not made yet, of their middle, by an eye that `stretches`."""
    if photos.seen is not None:
        chosen = list(places)
        seen = Encoded(photos.seen.tokens[chosen], photos.seen.mask[chosen], photos.seen.pooled[chosen])
        return Encoded(*(value.to(eye.device) for value in (seen.tokens, seen.mask, seen.pooled)))
    margin = (photos.views.shape[-1] - size) // 2
    inside = slice(margin, margin + size)
    pixels = photos.views[list(places)][..., inside, inside]
    parts = [eye(some.to(eye.device)) for some in torch.split(pixels, _AT_ONCE)]
    return Encoded(
        torch.cat([p.tokens for p in parts]), torch.cat([p.mask for p in parts]), torch.cat([p.pooled for p in parts])
    )


def kept_size(size: int) -> int:
    """The side in pixels at which photos are kept for an eye of `size`: larger, to be moved within."""
    return round(size / MIDDLE)


def square_of(eye: Encoder) -> int:
    """The side of the square that an eye sees, in pixels.

    Raises:
        ConfigError: it sees no squares.
    """
    size = getattr(eye, "image_size", None)
    y, x = (size, size) if isinstance(size, int) else size or (0, 1)
    if y != x:
        raise ConfigError(
            f"The visual encoder sees {y} x {x} pixels; one that learns sees squares. Set its image_size."
        )
    return int(y)


def stretch(image: Image, size: int) -> Tensor:
    """A picture as uint8 [c, size, size]."""
    small = image.resize((size, size), Resampling.BILINEAR, reducing_gap=2.0)
    return torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8).view(size, size, 3).permute(2, 0, 1)


def _paths(examples: Sequence[Example]) -> list[str]:
    return sorted({example.images[0] for example in examples})
