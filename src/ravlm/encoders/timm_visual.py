"""Visual encoders of timm: ResNet, Inception, EfficientNet, ConvNeXt, ViT, DINOv2 and v3, and all its others."""

import json
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import timm
import torch
from jaxtyping import Float, Num, UInt8
from PIL import Image
from timm.models._hub import get_model_args, save_config_for_hf
from torch import Tensor, nn

from ravlm.encoders.base import CONFIG, WEIGHTS, Encoder, Trainable, save_weights, write_config
from ravlm.encoders.faults import building, named, option_faults, refuse, shape_faults
from ravlm.encoders.layers import LAST, check_layer
from ravlm.encoders.pictures import Normalize, all_there, as_tokens
from ravlm.errors import FormatError, words_of
from ravlm.tensors import Encoded

_NOT_OF_A_MODEL = {*signature(timm.create_model).parameters, *signature(timm.models.build_model_with_cfg).parameters}


class TimmVisualEncoder(Encoder):
    """A model of timm without its classifier.

    Tokens are its feature map, row by row, or the tokens of a transformer as they come, class and register tokens
    first (`prefix_tokens` of them). `pooled` is the model's own pooling, the one that its classifier would get; after
    an earlier layer, the class token, else the mean of the map.

    Args:
        model: a model of timm; its classifier is taken off.
        layer: -1 for the model's end, its last norm included; else the block or stage after which the tokens are
            taken, from 0, or from the end with -2 and below.
        image_size: pixels of the square that it sees, else as the model says.
        trainable: which weights learn: "none", "all", or the last n blocks (timm's own layer groups).

    Raises:
        ConfigError: there is no such layer, or there are fewer blocks.
    """

    kind = "timm"
    OPTIONS = ("layer", "image_size", "trainable")

    def __init__(
        self,
        model: Any,
        *,
        layer: int = LAST,
        image_size: int | None = None,
        trainable: Trainable = "none",
    ) -> None:
        super().__init__()
        self.model = model
        self.model.reset_classifier(0)
        self.stages = [int(stage["num_chs"]) for stage in self.model.feature_info]
        self.layer = check_layer(layer, len(self.stages))
        self.data = timm.data.resolve_model_data_config(model)
        built = getattr(getattr(model, "patch_embed", None), "img_size", None)  # a transformer's places are fixed
        _, y, x = self.data["input_size"]
        self.image_size: tuple[int, int] = built or ((image_size, image_size) if image_size else (y, x))
        self.data["input_size"] = (3, *self.image_size)
        self.normalize = Normalize(self.data["mean"], self.data["std"])
        self.prefix_tokens = int(getattr(model, "num_prefix_tokens", 0))
        self.width = int(self.model.num_features) if self.layer == LAST else self.stages[self.layer]
        self.pooled_width = int(self.model.head_hidden_size) if self.layer == LAST else self.width
        self._transform = timm.data.create_transform(**self.data, use_prefetcher=True)  # as uint8, not normalised
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
    ) -> "TimmVisualEncoder":
        """An architecture of timm with random weights (seed torch first for the same ones).

        `options` are those of timm's `create_model`, such as `depth` or `drop_path_rate`.

        Raises:
            ConfigError: there is no such architecture, or an option has no such name or does not fit; all at once.
        """
        own: dict[str, Any] = {"layer": layer, "image_size": image_size, "trainable": trainable}
        refuse(f"The encoder {architecture!r} can't be built", cls.architecture_faults(architecture, own, options))
        return cls(timm.create_model(architecture, **options, **_size(architecture, image_size)), **own).eval()

    @classmethod
    def architecture_faults(cls, architecture: str, own: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
        """All that `from_architecture` would refuse, `own` being the encoder's options and `options` timm's."""
        options = dict(options) | _size(architecture, own.get("image_size"))
        faults = timm_faults(architecture, options)
        if faults:
            return faults
        model = _outline(architecture, **options)
        return option_faults(lambda given: cls(model, **given), own)

    def preprocess(self, image: Image.Image) -> UInt8[Tensor, "c y x"]:
        """The picture resized and cropped as the model was trained with, uint8."""
        pixels: Tensor = torch.as_tensor(self._transform(image))
        return pixels

    def forward(self, images: Num[Tensor, "b c y x"]) -> Encoded:
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.learns):
            x = self.normalize(images)  # [b, c, y, x]
            if self.layer != LAST:
                return self._earlier(x)
            features = self.model.forward_features(x)
            tokens = as_tokens(features, channels_last=getattr(self.model, "output_fmt", "") == "NHWC")  # [b, i, v]
            pooled = self.model.forward_head(features, pre_logits=True)  # [b, pooled]
            return Encoded(tokens, all_there(tokens), pooled.flatten(1))

    def _earlier(self, x: Float[Tensor, "b c y x"]) -> Encoded:
        prefix = {"return_prefix_tokens": True} if self.prefix_tokens else {}
        (found,) = self.model.forward_intermediates(
            x, indices=[self.layer], intermediates_only=True, stop_early=True, **prefix
        )
        features, before = found if self.prefix_tokens else (found, None)
        patches = as_tokens(features)
        tokens = patches if before is None else torch.cat([before, patches], dim=1)  # [b, i, v]
        first = self.prefix_tokens and getattr(self.model, "has_class_token", True)
        return Encoded(tokens, all_there(tokens), tokens[:, 0] if first else patches.mean(1))

    def blocks(self) -> list[list[nn.Parameter]]:
        """Timm's own layer groups; the first, the stem, is none, and a norm at the end belongs to the one before."""
        parameters = dict(self.model.named_parameters())
        groups = timm.models.group_parameters(self.model, self.model.group_matcher(coarse=False))
        found = [[parameters[name] for name in groups[place]] for place in sorted(groups)][1:]
        if len(found) > 1 and all(p.ndim == 1 for p in found[-1]):
            found[-2:] = [found[-2] + found[-1]]
        return found

    def example(self) -> UInt8[Tensor, "1 c y x"]:
        return torch.zeros(1, *self.data["input_size"], dtype=torch.uint8, device=self.device)

    def settings(self) -> dict[str, Any]:
        return {"layer": self.layer, "preprocessing": json.loads(json.dumps(self.data))}

    def fingerprint_text(self) -> str:
        built = {"architecture": self.model.pretrained_cfg["architecture"], **get_model_args(self.model)}
        return json.dumps(built, sort_keys=True, default=str)

    def save_files(self, folder: Path, about: dict[str, Any]) -> None:
        save_weights(self.model, folder)  # timm's own way takes no weights that lie channels last
        save_config_for_hf(self.model, str(folder / CONFIG), data_config=self.data)
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        write_config(folder, config, about)

    @classmethod
    def folder_faults(cls, folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
        architecture, built = _described(folder)
        if not (folder / WEIGHTS).is_file():  # of others, timm would read pickled ones too
            raise FormatError(f"The model of timm in {folder} has no {WEIGHTS}. Save it again with save_for_hf.")
        faults = timm_faults(architecture, built)
        if faults:
            return faults
        model = _outline(architecture, **built)
        faults = shape_faults(folder, model)
        layer = about.get("layer", LAST)

        def wrap(given: Mapping[str, Any]) -> Encoder:
            size = _size(architecture, given.get("image_size"))
            return cls(_outline(architecture, **(built | size)) if size else model, **{"layer": layer, **given})

        return faults + option_faults(wrap, options)

    @classmethod
    def load_files(cls, folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]) -> "TimmVisualEncoder":
        architecture, _ = _described(folder)
        sized = _size(architecture, options.get("image_size"))
        try:
            model = timm.create_model(f"local-dir:{folder}", pretrained=True, **sized)  # with its classifier: strictly
        except RuntimeError as error:
            raise FormatError(
                f"The weights in {folder} are not those of {architecture!r} ({words_of(error)}). Copy the folder again."
            ) from error
        return cls(model, **{"layer": about.get("layer", LAST), **options})


def _described(folder: Path) -> tuple[str, dict[str, Any]]:
    """The architecture that a folder's `config.json` names, and the options that it was built with."""
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    architecture = config.get("architecture")
    if not isinstance(architecture, str):
        raise FormatError(f"{folder / CONFIG} names no architecture of timm. Give a folder that timm wrote.")
    options = config.get("model_args") or {}
    return architecture, {name: value for name, value in options.items() if name != "num_classes"}


def _outline(architecture: str, **options: Any) -> nn.Module:
    """The model without memory for its weights."""
    with torch.device("meta"):
        model: nn.Module = timm.create_model(architecture, num_classes=0, **options)
        return model


def _size(architecture: str, image_size: int | None) -> dict[str, Any]:
    """The option that builds a model for another picture size, where its places are fixed when it is built."""
    if image_size is None or not timm.is_model(architecture.partition(".")[0]):
        return {}
    known = timm.get_pretrained_cfg(architecture)
    return {"img_size": image_size} if known is not None and known.fixed_input_size else {}


def timm_faults(architecture: str, options: Mapping[str, Any]) -> list[str]:
    """What is wrong with an architecture of timm and the options that it would be built with.

    Options by which timm would fetch or open weights of its own accord are none of a model's.
    """
    fetching = [name for name in options if name in _NOT_OF_A_MODEL]
    if fetching:
        return [
            f"  {name} is no option of a model: weights come from the folder alone. Leave it out." for name in fetching
        ]
    name = architecture.partition(".")[0]
    faults = named("architecture of timm", name, timm.list_models())
    if faults:
        return faults
    with torch.device("meta"):
        model_class = type(timm.create_model(name))
    return building(lambda given: timm.create_model(name, **given), options, model_class)
