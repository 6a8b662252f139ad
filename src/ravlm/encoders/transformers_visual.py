"""Visual encoders of transformers: CLIP, SigLIP and SigLIP 2, DINO, DINOv2 and v3, ViT, ResNet and its others."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from jaxtyping import Float, Num, UInt8
from PIL import Image
from torch import Tensor, nn
from transformers import AutoImageProcessor
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES

from ravlm.encoders.base import Encoder, Trainable, write_config
from ravlm.encoders.faults import option_faults, refuse, shape_faults
from ravlm.encoders.layers import LAST, check_layer
from ravlm.encoders.patches import Patches
from ravlm.encoders.pictures import Normalize, all_there, as_tokens
from ravlm.encoders.transformers_parts import (
    TEXT_SIDE,
    build_model,
    built_from,
    default_config,
    is_joint,
    known_types,
    layer_blocks,
    load_model,
    outline,
    save_library_files,
    transformers_faults,
    without,
)
from ravlm.errors import ConfigError, FormatError
from ravlm.tensors import Encoded

_CLASS_TOKENS = ("class_embedding", "cls_token")


class TransformersVisualEncoder(Encoder):
    """An image model of transformers, or the image tower of a joint one.

    Tokens are what the model gives last, class and register tokens first (`prefix_tokens` of them), or a feature map
    row by row. `pooled` is the model's own: of a joint model in the space of both towers; where it has none, the class
    token, else the mean. After an earlier layer it is the class token, else the mean.

    Args:
        model: a model of transformers that takes `pixel_values`; the text tower of a joint one is taken away.
        processor: its image processor.
        layer: -1 for the model's end; else the layer after which the tokens are taken, from 0, or from the end with -2
            and below.
        trainable: which weights learn: "none", "all", or the last n layers.

    Raises:
        ConfigError: there is no such layer.
    """

    kind = "transformers-visual"
    OPTIONS = ("layer", "trainable")

    def __init__(self, model: nn.Module, processor: Any, *, layer: int = LAST, trainable: Trainable = "none") -> None:
        super().__init__()
        config: Any = model.config
        self.joint = is_joint(config)
        self.model: Any = without(model, TEXT_SIDE) if self.joint else model
        self.processor = processor
        if getattr(processor, "do_flip_channel_order", False):
            raise ConfigError(
                "The image processor turns the order of the colours, which is not read. Choose another model."
            )
        self.normalize = _normalize(processor)
        inner = config.vision_config if self.joint else config
        self.patches = Patches.of(processor, inner)
        widths = list(getattr(inner, "hidden_sizes", None) or [inner.hidden_size] * inner.num_hidden_layers)
        self.layer = check_layer(layer, len(widths))
        self.width = int(widths[self.layer])
        projected = self.joint and hasattr(self.model, "visual_projection") and self.layer == LAST
        self.pooled_width = int(config.projection_dim) if projected else self.width
        self.image_size = _image_size(processor) if self.patches is None else self.patches.canvas
        self.class_token = any(name.endswith(_CLASS_TOKENS) for name, _ in self.model.named_parameters())
        self.prefix_tokens = (1 + int(getattr(inner, "num_register_tokens", 0))) if self.class_token else 0
        self.declare_trainable(trainable)

    @classmethod
    def from_architecture(
        cls,
        architecture: str,
        *,
        layer: int = LAST,
        image_size: int | None = None,
        trainable: Trainable = "all",
        **options: Any,
    ) -> "TransformersVisualEncoder":
        """A model type of transformers (`dinov2`, `clip`, `resnet`, ...) with random weights.

        `options` are those of its configuration, such as `hidden_size`; those of a joint model's two towers stand in
        `vision_config` and `text_config`.

        Raises:
            ConfigError: there is no such model type, or an option has no such name or does not fit; all at once.
        """
        own: dict[str, Any] = {"layer": layer, "trainable": trainable}
        faults = cls.architecture_faults(architecture, own | {"image_size": image_size}, options)
        refuse(f"The encoder {architecture!r} can't be built", faults)
        model: Any = build_model(architecture, sized(architecture, options, image_size))
        return cls(model, default_processor(architecture, model.config, image_size), **own).eval()

    @classmethod
    def architecture_faults(cls, architecture: str, own: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
        """All that `from_architecture` would refuse, `own` being the encoder's options and `options` the model's."""
        image_size = own.get("image_size")
        options = sized(architecture, options, image_size)
        faults = transformers_faults(architecture, options, known_types(visual=True))
        if faults:
            return faults
        with torch.device("meta"):
            model: Any = build_model(architecture, options)
        processor = default_processor(architecture, model.config, image_size)
        wrapped = {name: value for name, value in own.items() if name != "image_size"}
        return option_faults(lambda given: cls(model, processor, **given), wrapped)

    def preprocess(self, image: Image.Image) -> UInt8[Tensor, "c y x"]:
        """The picture resized and cropped by the model's own processor, uint8."""
        made = self.processor(
            images=[np.array(image)],
            input_data_format="channels_last",
            do_rescale=False,
            do_normalize=False,
            return_tensors="pt",
        )
        pixels: Tensor = made["pixel_values"][0]
        if self.patches is not None:
            return self.patches.picture(pixels, made["spatial_shapes"][0])
        return pixels.to(torch.uint8)

    def forward(self, images: Num[Tensor, "b c y x"]) -> Encoded:
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.learns):
            if self.patches is None:
                inputs = {"pixel_values": self.normalize(images)}
                mask = None
            else:
                inputs, mask = self.patches.inputs(images, self.normalize)
            run = self.model.get_image_features if self.joint else self.model
            found = run(**inputs, output_hidden_states=self.layer != LAST, return_dict=True)
            if self.layer != LAST:
                tokens = as_tokens(found.hidden_states[self.layer + 1])  # [b, i, v]
                return self._encoded(tokens, mask, None)
            return self._encoded(as_tokens(found.last_hidden_state), mask, getattr(found, "pooler_output", None))

    def _encoded(self, tokens: Float[Tensor, "b i v"], mask: Tensor | None, pooled: Tensor | None) -> Encoded:
        there = all_there(tokens) if mask is None else mask[:, : tokens.shape[1]]
        if pooled is not None:
            return Encoded(tokens, there, pooled.flatten(1))
        if self.class_token:
            return Encoded(tokens, there, tokens[:, 0])
        weights = there.unsqueeze(-1).to(tokens.dtype)
        return Encoded(tokens, there, (tokens * weights).sum(1) / weights.sum(1))

    def blocks(self) -> list[list[nn.Parameter]]:
        """The layers (stages of a convolutional model) up to the one taken; behind the last, norm and projection."""
        found = layer_blocks(self.model)
        return found if self.layer == LAST else found[: self.layer + 1]

    def example(self) -> UInt8[Tensor, "1 c y x"]:
        blank = Image.new("RGB", (self.image_size[1], self.image_size[0]))
        return self.preprocess(blank).unsqueeze(0).to(self.device)

    def fingerprint_text(self) -> str:
        values = self.processor.to_dict()
        return built_from(self.model) + json.dumps(values, sort_keys=True, default=str)

    def settings(self) -> dict[str, Any]:
        kept = ("size", "crop_size", "resample", "do_resize", "do_center_crop", "image_mean", "image_std")
        values = self.processor.to_dict()
        return {"layer": self.layer, "preprocessing": {name: values.get(name) for name in (*kept, "max_num_patches")}}

    def save_files(self, folder: Path, about: dict[str, Any]) -> None:
        write_config(folder, save_library_files(folder, self.model, self.processor), about)

    @classmethod
    def folder_faults(cls, folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
        model, processor = outline(folder), load_processor(folder)
        faults, layer = shape_faults(folder, model), about.get("layer", LAST)
        return faults + option_faults(lambda given: cls(model, processor, **{"layer": layer, **given}), options)

    @classmethod
    def load_files(
        cls, folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]
    ) -> "TransformersVisualEncoder":
        model = load_model(folder, left_out=TEXT_SIDE)
        return cls(model, load_processor(folder), **{"layer": about.get("layer", LAST), **options})


def load_processor(folder: Path) -> Any:
    """The image processor in a folder.

    Raises:
        FormatError: there is none.
    """
    try:
        return AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise FormatError(
            f"The model in {folder} has no image processor (preprocessor_config.json), so pictures can't be made what "
            "it was trained with. Save the processor into the folder: AutoImageProcessor.from_pretrained(...)"
            ".save_pretrained(folder)."
        ) from error


def _normalize(processor: Any) -> Normalize:
    """The numbers that a processor would make of uint8."""
    mean, deviation = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if processor.do_normalize:
        mean, deviation = processor.image_mean, processor.image_std
    return Normalize(mean, deviation, 1 / processor.rescale_factor if processor.do_rescale else 1.0)


def _image_size(processor: Any) -> tuple[int, int]:
    """The pixels that a processor makes, as (y, x)."""
    crops = getattr(processor, "do_center_crop", False) and processor.crop_size
    size = processor.crop_size if crops else processor.size
    side = size.shortest_edge
    return (int(side), int(side)) if side else (int(size.height), int(size.width))


def sized(architecture: str, options: Mapping[str, Any], image_size: int | None) -> dict[str, Any]:
    """The options with the picture's size in its place, where the configuration has one."""
    if image_size is None or architecture not in known_types(visual=True):
        return dict(options)
    default = default_config(architecture)
    if is_joint(default):
        tower = {"image_size": image_size} if hasattr(default.vision_config, "image_size") else {}
        return {**options, "vision_config": tower | dict(options.get("vision_config", {}))}
    return {**options, "image_size": image_size} if hasattr(default, "image_size") else dict(options)


def default_processor(architecture: str, config: Any, image_size: int | None) -> Any:
    """The image processor of a random model, for pictures of this size, else as its configuration has it."""
    eye = config.vision_config if is_joint(config) else config
    image_size = image_size or getattr(eye, "image_size", None)
    names: Any = IMAGE_PROCESSOR_MAPPING_NAMES[architecture]
    found = (names.get("torchvision") or names["pil"]) if isinstance(names, dict) else names
    processor: Any = getattr(transformers, str(found))
    default = processor()
    if hasattr(default, "max_num_patches"):
        return processor(patch_size=eye.patch_size, max_num_patches=eye.num_patches)
    if image_size is None or default.size is None:
        return default
    square = {"height": image_size, "width": image_size}
    sizes: dict[str, Any] = {"size": {"shortest_edge": image_size} if default.size.shortest_edge else square}
    if getattr(default, "crop_size", None):
        sizes["crop_size"] = square
    return processor(**sizes)
