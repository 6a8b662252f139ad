"""A sentence on a picture, from a captioning model that the user names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, GenerationConfig

from ravlm.encoders.transformers_parts import quietly
from ravlm.encoders.transformers_tokenizer import load_tokenizer
from ravlm.records import Piece, Query
from ravlm.retrieval.queries.compose import WEIGHTS, checked_count, checked_weight, extended
from ravlm.retrieval.queries.models import in_batches, load_speaker

TYPES = ("blip", "blip-2", "git", "vision-encoder-decoder")
"""The model types that caption a picture without being told to. Of those that want a prompt, make a `RewritingStep`."""
_MARKS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")


class Describer(Protocol):
    """Says in a sentence what pictures show. `name` is the origin of its captions."""

    name: str

    def __call__(self, images: Sequence[Image.Image]) -> list[str]:
        """A caption for each picture; an empty one where there is nothing to say."""
        ...


class CaptionsStep:
    """Adds a caption for each of a query's views. They share the weight as the views' weights are; equal ones are one.

    A query without pictures gets none.

    Args:
        model: a `Captioner`, or what else describes pictures.
        weight: of all captions of a query together.

    Raises:
        ConfigError: the weight is not above 0.
    """

    def __init__(self, model: Describer, *, weight: float = WEIGHTS["caption"]) -> None:
        self.model = model
        self.weight = checked_weight(weight)

    def __call__(self, queries: Sequence[Query]) -> list[Query]:
        images = [view.image for query in queries for view in query.views if view.image is not None]
        said = in_batches(images, self.model)
        return extended(queries, [self._pieces(query.views, [next(said) for _ in query.views]) for query in queries])

    def _pieces(self, views: Sequence[Piece], captions: Sequence[str]) -> list[Piece]:
        total = sum(view.weight for view in views)
        weights: dict[str, float] = {}
        for view, caption in zip(views, captions, strict=True):
            weights[caption] = weights.get(caption, 0.0) + self.weight * view.weight / total
        return [Piece("caption", weight, text, origin=self.model.name) for text, weight in weights.items() if text]


class Captioner:
    """A captioning model of transformers: BLIP, BLIP-2, GIT, or an image encoder with a text decoder (ViT-GPT2).

    It always takes the likeliest next token, so a picture has one caption.

    Args:
        source: a folder or a hub name.
        longest: tokens of a caption at most.
        revision: a branch, tag or commit of the hub.

    Raises:
        PathError, HubError: there is no such model here or on the hub.
        FormatError: it is none of `TYPES`, lacks its tokeniser, is damaged, or its weights are pickled.
        ConfigError: `longest` is below 1.
    """

    def __init__(self, source: str | Path, *, longest: int = 30, revision: str | None = None) -> None:
        checked_count("tokens of a caption", longest)
        self._speaker = load_speaker(source, revision, AutoModelForImageTextToText, TYPES, "captioning model")
        self.name = self._speaker.name
        self._tokenizer = load_tokenizer(self._speaker.folder)
        model = self._speaker.model
        told = [model.generation_config, model.config, getattr(model.config, "text_config", None)]
        marks = {mark: next((v for of in told if (v := getattr(of, mark, None)) is not None), None) for mark in _MARKS}
        if marks["pad_token_id"] is None:
            marks["pad_token_id"] = marks["eos_token_id"]
        self._greedy = GenerationConfig(max_new_tokens=longest, do_sample=False, num_beams=1, **marks)

    def __call__(self, images: Sequence[Image.Image]) -> list[str]:
        pixels = self._speaker.pixels(images)
        with torch.inference_mode(), quietly():
            ids = self._speaker.model.generate(pixel_values=pixels, generation_config=self._greedy)
        return [" ".join(text.split()) for text in self._tokenizer.batch_decode(ids, skip_special_tokens=True)]
