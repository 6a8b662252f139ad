"""From files to vectors: pictures and texts through a frozen encoder, at the speed of its forward."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ravlm.device import Precision, choose_device
from ravlm.encoders.features import views as drawn
from ravlm.encoders.features.cache import FeatureCache, Features, cache_key
from ravlm.encoders.features.computing import Computing
from ravlm.encoders.features.loading import Region, content_of, pixels_of
from ravlm.encoders.features.plan import cores
from ravlm.errors import ConfigError, ImageError
from ravlm.tensors import TextBatch

Damaged = Callable[[int, ImageError], None]
"""Called with the number of a picture among the sources, from 0, and what is wrong with it."""

_BATCH, _BATCH_ON_A_DEVICE = 16, 128  # more is slower on a CPU: what is computed on leaves its cache
_TEXTS = 16  # a thread: they are small, and too few keep no two threads busy
_WINDOW = 128  # batches of texts that are sorted together
_HELD = 8  # batches of pictures that may be done before one in front of them is


@dataclass
class _Picture:
    """A picture on its way: a place for the features of each view, and where some are missing, its pixels to come."""

    number: int
    keys: list[bytes]
    features: list[Features | None]
    missing: list[int]
    pixels: "Future[list[Tensor] | ImageError] | None" = None

    @property
    def done(self) -> bool:
        """Whether nothing is waited for."""
        return self.pixels is None


class Extractor:
    """Pictures and texts through an encoder that does not learn, in the order in which they come.

    It computes with a copy of the encoder as it is now (`ravlm.encoders.features.inference`); the encoder itself is
    left as it is. What comes back is on the CPU: `pooled` in float32, `tokens` in the precision that is computed in.
    In float32 it is the same whatever the batch, to 1e-5.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        device: torch.device | None = None,
        precision: Precision = "auto",
        batch: int | None = None,
        cache: FeatureCache | None = None,
        views: int = 1,
        region: Region | None = None,
    ) -> None:
        """Make the copy, and try it on a small input.

        Args:
            encoder: a visual or a language encoder.
            device: where to compute, else `choose_device`'s.
            precision: `auto` is bfloat16 where the processor is quicker in it, else float32.
            batch: how many go through at once, else as the device suits. It is halved when memory runs out.
            cache: keeps what is computed. A picture that it knows is not decoded.
            views: how many views of each picture, the picture itself first; see `ravlm.encoders.features.views`.
            region: the part of each picture that is looked at, else all of it.

        Raises:
            ConfigError: `batch` or `views` is below 1.
            UnknownChoice: there is no such precision.
        """
        if (batch is not None and batch < 1) or views < 1:
            raise ConfigError(f"batch is {batch} and views is {views}. Give 1 or more.")
        device = device or choose_device()
        here = device.type == "cpu"
        self.encoder: Any = encoder
        self.cache = cache
        self.views = views
        self.region = region
        self._computing = Computing(encoder, device, precision, batch or _at_once(encoder, device))
        self._ahead = 1 if here else 3  # batches that are prepared while one is computed, that one included

    @cached_property
    def plan(self) -> str:
        """Where and how this computes, and roughly the memory that it takes, for people to read."""
        return self._computing.plan()

    @property
    def batch(self) -> int:
        """How many go through at once."""
        return self._computing.batch

    @property
    def precision(self) -> str:
        """`float32` or `bfloat16`."""
        return self._computing.precision

    @cached_property
    def fingerprint(self) -> str:
        """The encoder's, when it is first asked for."""
        return str(self.encoder.fingerprint())

    def images(
        self, sources: Iterable[Path | bytes], *, tokens: bool = False, damaged: Damaged | None = None
    ) -> Iterator[Features]:
        """The features of pictures, all views of one before the next. Threads read and decode.

        Args:
            sources: paths, or the bytes of files; taken as they are needed.
            tokens: whether to give the tokens too.
            damaged: is told of each picture that can't be decoded, before anything behind it comes; nothing comes of
                that one. Without it, the first such picture ends the run.

        Raises:
            ConfigError: the encoder reads texts.
            PathError: a file is missing, or can't be read.
            ImageError: a picture can't be decoded.
        """
        self._check("preprocess", "pictures", "texts")
        return self._images(iter(sources), tokens, damaged)

    def texts(self, texts: Sequence[str], *, tokens: bool = False) -> Iterator[Features]:
        """The features of texts, in their order. Those of like length go through together, and equal ones once.

        Raises:
            ConfigError: the encoder sees pictures.
        """
        self._check("tokenize", "texts", "pictures")
        return self._texts(texts, tokens)

    def _check(self, method: str, given: str, reads: str) -> None:
        if not hasattr(self.encoder, method):
            raise ConfigError(
                f"{type(self.encoder).__name__} reads {reads}, and was given {given}. Choose an encoder of {given}."
            )

    def _images(self, sources: Iterator[Path | bytes], tokens: bool, damaged: Damaged | None) -> Iterator[Features]:
        order: deque[_Picture] = deque()
        waiting: deque[_Picture] = deque()
        taken = 0
        with ThreadPoolExecutor(cores(), thread_name_prefix="ravlm-pictures") as pool:
            try:
                while chunk := list(islice(sources, self._computing.batch)):
                    begun = self._begun(pool, chunk, taken, tokens)
                    taken += len(chunk)
                    order.extend(begun)
                    waiting.extend(picture for picture in begun if not picture.done)
                    enough = self._ahead * self._computing.batch
                    while len(waiting) >= enough or (waiting and len(order) > _HELD * self._computing.batch):
                        self._run(waiting, tokens, damaged)
                        yield from _first_done(order)
                    yield from _first_done(order)
                while waiting:
                    self._run(waiting, tokens, damaged)
                    yield from _first_done(order)
            finally:
                pool.shutdown(cancel_futures=True)

    def _begun(
        self, pool: ThreadPoolExecutor, chunk: Sequence[Path | bytes], taken: int, tokens: bool
    ) -> list[_Picture]:
        """Read pictures, look for them in the cache, and begin to decode those that are not there."""
        contents = list(pool.map(content_of, chunk))
        found: list[list[Features | None]] = [[None] * self.views for _ in chunk]
        keys: list[list[bytes]] = [[] for _ in chunk]
        if self.cache is not None:
            keys = list(pool.map(lambda content: self._keys(content, tokens), contents))
            known = iter(self.cache.get_many([key for each in keys for key in each]))
            found = [[next(known) for _ in each] or [None] * self.views for each in keys]
        begun = []
        for number, (source, content) in enumerate(zip(chunk, contents, strict=True)):
            missing = [view for view, features in enumerate(found[number]) if features is None]
            picture = _Picture(taken + number, keys[number], found[number], missing)
            if missing:
                name = str(source) if isinstance(source, Path) else f"Picture {picture.number + 1}"
                picture.pixels = pool.submit(pixels_of, self.encoder, content, missing, name, self.region)
            begun.append(picture)
        return begun

    def _keys(self, content: bytes | ImageError, tokens: bool) -> list[bytes]:
        if isinstance(content, ImageError):
            return []
        looked_at = f"{self.fingerprint} {self.region.name}" if self.region else self.fingerprint
        return [
            cache_key(
                f"{looked_at} views {drawn.VERSION}" if view else looked_at,
                content,
                kind="image",
                view=view,
                precision=self.precision,
                tokens=tokens,
            )
            for view in range(self.views)
        ]

    def _run(self, waiting: deque[_Picture], tokens: bool, damaged: Damaged | None) -> None:
        """Put the pictures of one batch through the encoder and into the cache."""
        batch: list[_Picture] = []
        pixels: list[Tensor] = []
        while waiting and len(pixels) < self._computing.batch:
            picture = waiting.popleft()
            found = picture.pixels.result() if picture.pixels else []
            if isinstance(found, ImageError):
                if damaged is None:
                    raise found
                damaged(picture.number, found)
                picture.features = []
                picture.pixels = None
                continue
            batch.append(picture)
            pixels.extend(found)
        made = iter(self._computing.images(pixels, tokens=tokens))
        new: list[tuple[bytes, Features]] = []
        for picture in batch:
            for view in picture.missing:
                picture.features[view] = features = next(made)
                if picture.keys:
                    new.append((picture.keys[view], features))
            picture.pixels = None
        if self.cache is not None and new:
            self.cache.put_many(new)

    def _texts(self, texts: Sequence[str], tokens: bool) -> Iterator[Features]:
        left = Counter(texts)
        done: dict[str, Features] = {}
        window = _WINDOW * self._computing.batch
        with ThreadPoolExecutor(1, thread_name_prefix="ravlm-texts") as pool:
            for at in range(0, len(texts), window):
                part = texts[at : at + window]
                self._read(pool, [text for text in dict.fromkeys(part) if text not in done], done, tokens)
                for text in part:
                    yield done[text]
                    left[text] -= 1
                    if not left[text]:
                        del done[text]

    def _read(self, pool: ThreadPoolExecutor, texts: Sequence[str], done: dict[str, Features], tokens: bool) -> None:
        """The features of different texts, from the cache or computed."""
        keys: dict[str, bytes] = {}
        if self.cache is not None:
            for text in texts:
                content = text.encode("utf-8", "surrogatepass")
                keys[text] = cache_key(self.fingerprint, content, kind="text", precision=self.precision, tokens=tokens)
            known = self.cache.get_many(list(keys.values()))
            done.update({text: found for text, found in zip(texts, known, strict=True) if found is not None})
        missing = sorted((text for text in texts if text not in done), key=lambda text: (-len(text), text))
        batches = [missing[i : i + self._computing.batch] for i in range(0, len(missing), self._computing.batch)]
        for batch, tokenized in zip(batches, self._tokenized(pool, batches), strict=True):
            made = self._computing.texts(tokenized, tokens=tokens)
            done.update(zip(batch, made, strict=True))
            if self.cache is not None:
                self.cache.put_many([(keys[text], features) for text, features in zip(batch, made, strict=True)])

    def _tokenized(self, pool: ThreadPoolExecutor, batches: Sequence[Sequence[str]]) -> Iterator[TextBatch]:
        """Each batch tokenised, some of them ahead of their turn."""
        ahead: deque[Future[TextBatch]] = deque()
        for batch in batches:
            ahead.append(pool.submit(self.encoder.tokenize, batch))
            if len(ahead) >= self._ahead:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _at_once(encoder: nn.Module, device: torch.device) -> int:
    """How many pictures or texts suit a device."""
    if device.type != "cpu":
        return _BATCH_ON_A_DEVICE
    return _TEXTS * torch.get_num_threads() if hasattr(encoder, "tokenize") else _BATCH


def _first_done(order: deque[_Picture]) -> Iterator[Features]:
    """The features at the front that nothing is waited for, taken off."""
    while order and order[0].done:
        yield from (features for features in order.popleft().features if features is not None)
