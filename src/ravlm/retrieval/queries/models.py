"""Models of transformers that say what a picture shows, from a folder or a hub name: safetensors, no code of others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image
from torch import Tensor, nn

from ravlm.encoders.base import read_config
from ravlm.encoders.transformers_parts import load_config, read_model
from ravlm.encoders.transformers_visual import load_processor
from ravlm.errors import FormatError
from ravlm.safe.hub import check_weights, fetch

_AT_ONCE = 16  # pictures
Said = TypeVar("Said")


@dataclass(frozen=True)
class Speaker:
    """A model that speaks about pictures, its image processor, the folder of both, and the name it was asked by."""

    model: Any
    processor: Any
    folder: Path
    name: str

    def pixels(self, images: Sequence[Image.Image]) -> Tensor:
        """Pictures as the model sees them [b, c, y, x]."""
        arrays = [np.array(image.convert("RGB")) for image in images]
        made: Tensor = self.processor(images=arrays, input_data_format="channels_last", return_tensors="pt")[
            "pixel_values"
        ]
        return made.to(next(self.model.parameters()).device)


def load_speaker(source: str | Path, revision: str | None, auto: Any, known: Sequence[str], what: str) -> Speaker:
    """A model of one of the `known` types, of the class that `auto` chooses; `what` it is called in errors.

    Raises:
        PathError, HubError: there is no such model here or on the hub.
        FormatError: it is of another type, is damaged, lacks weights or an image processor, or its weights are pickled.
    """
    folder = fetch(source, revision).folder
    found = str(read_config(folder).get("model_type", ""))
    if found not in known:
        raise FormatError(
            f"The model in {folder} is no {what}: its type is {found or 'not told'!r}. Give one of these types: "
            f"{', '.join(sorted(known))}."
        )
    check_weights(folder)
    model: nn.Module = read_model(folder, load_config(folder), auto, what=what)
    return Speaker(model.eval().requires_grad_(False), load_processor(folder), folder, str(source))


def in_batches(images: Sequence[Image.Image], say: Callable[[Sequence[Image.Image]], Sequence[Said]]) -> Iterator[Said]:
    """What is said of each of many pictures, some at once."""
    for at in range(0, len(images), _AT_ONCE):
        yield from say(images[at : at + _AT_ONCE])
