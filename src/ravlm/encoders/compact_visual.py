"""The compact visual encoder: a residual network that trains from scratch on a CPU."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Num, UInt8
from PIL import Image
from torch import Tensor, nn

from ravlm.encoders.base import Encoder, Trainable, load_weights, save_weights, saved, write_config
from ravlm.encoders.faults import option_faults, shape_faults
from ravlm.tensors import Encoded

_SIZES = ("image_size", "channels", "blocks", "width")


class ResidualBlock(nn.Module):
    """y = F(x, {W_i}) + x, with F two 3x3 convolutions (He et al., Deep Residual Learning, eq. 1).

    Where the block changes width or resolution, x passes a 1x1 convolution W_s first (eq. 2).
    """

    def __init__(self, *, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride=stride, bias=False), nn.BatchNorm2d(channels)
            )
        self.activation = nn.ReLU()

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c2 y2 x2"]:
        y: Tensor = self.activation(self.residual(x) + self.shortcut(x))
        return y


class CompactVisualEncoder(Encoder):
    """A small ResNet: a strided stem, then one stage of residual blocks per width, each halving the resolution.

    The feature map of the last stage gives the tokens [b, i, v]; `pooled` is a linear layer over that map, which keeps
    where in the picture each feature stands (a mean would forget it).
    """

    kind = "compact-visual"
    stretches = True

    def __init__(
        self,
        *,
        image_size: int = 64,
        channels: Sequence[int] = (32, 64, 128, 256),
        blocks: int = 1,
        width: int = 256,
        trainable: Trainable = "all",
    ) -> None:
        super().__init__()
        self.sizes = dict(zip(_SIZES, (image_size, list(channels), blocks, width), strict=True))
        self.image_size = image_size
        self.width = self.pooled_width = width
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels[0], 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(channels[0]), nn.ReLU()
        )
        stages: list[nn.Module] = []
        channels_in = channels[0]
        for stage, c in enumerate(channels):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                stages.append(ResidualBlock(channels_in=channels_in, channels=c, stride=stride))
                channels_in = c
        self.stages = nn.Sequential(*stages)
        side = image_size // 2 ** len(channels)
        self.project = nn.Linear(channels[-1], width)
        self.pool = nn.Linear(channels[-1] * side * side, width)
        self.declare_trainable(trainable)

    def preprocess(self, image: Image.Image) -> UInt8[Tensor, "c y x"]:
        """The picture stretched to `image_size` squared, uint8."""
        small = image.resize((self.image_size, self.image_size), Image.Resampling.BILINEAR, reducing_gap=2.0)
        return torch.from_numpy(np.array(small)).permute(2, 0, 1).contiguous()

    def forward(self, images: Num[Tensor, "b c y x"]) -> Encoded:
        x = images.to(self.project.weight.dtype) / 127.5 - 1.0  # [b, c, y, x]
        features = self.stages(self.stem(x.contiguous(memory_format=torch.channels_last)))  # [b, c, side, side]
        tokens = self.project(features.flatten(2).transpose(1, 2))  # [b, i, v]
        pooled = self.pool(features.flatten(1))  # [b, v]
        return Encoded(tokens, torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device), pooled)

    def blocks(self) -> list[list[nn.Parameter]]:
        """The residual blocks; the two projections belong to the last one."""
        found = [list(block.parameters()) for block in self.stages]
        found[-1] += [*self.project.parameters(), *self.pool.parameters()]
        return found

    def example(self) -> UInt8[Tensor, "1 c y x"]:
        return torch.zeros(1, 3, self.image_size, self.image_size, dtype=torch.uint8, device=self.device)

    def settings(self) -> dict[str, Any]:
        return dict(self.sizes)

    def save_files(self, folder: Path, about: dict[str, Any]) -> None:
        save_weights(self, folder)
        write_config(folder, {}, about)

    @classmethod
    def folder_faults(cls, folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
        sizes = saved(folder, about, _SIZES)
        with torch.device("meta"):
            faults = shape_faults(folder, cls(**sizes))
            return faults + option_faults(lambda given: cls(**sizes, **given), options)

    @classmethod
    def load_files(cls, folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]) -> "CompactVisualEncoder":
        encoder = cls(**saved(folder, about, _SIZES))
        load_weights(encoder, folder)
        encoder.declare_trainable(options.get("trainable", "none"))
        return encoder
