"""Pictures of any shape as patches: what SigLIP 2 with its native resolution reads (Tschannen et al. 2025, NaFlex)."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int, Num, UInt8
from torch import Tensor, nn

from ravlm.errors import ConfigError


@dataclass(frozen=True)
class Patches:
    """Squares of `side` pixels, at most `most` of them a picture.

    A picture keeps its shape, so those of a batch differ: it travels as [4, y, x], the fourth channel being 255 where
    the picture is and 0 where the batch was filled up.
    """

    side: int
    most: int

    @classmethod
    def of(cls, processor: Any, config: Any) -> "Patches | None":
        """The patches of a model that reads pictures so, None for all others.

        Raises:
            ConfigError: model and processor have patches of different sizes.
        """
        most = getattr(processor, "max_num_patches", None)
        if most is None:
            return None
        if processor.patch_size != config.patch_size:
            raise ConfigError(
                f"The image processor makes patches of {processor.patch_size} pixels and the model reads "
                f"{config.patch_size}. Save the model's own processor beside it."
            )
        return cls(int(config.patch_size), int(most))

    @property
    def canvas(self) -> tuple[int, int]:
        """The square picture that fills all patches, as (y, x) in pixels."""
        side = int(self.most**0.5) * self.side
        return side, side

    def picture(self, patches: Num[Tensor, "n values"], shape: Int[Tensor, "2"]) -> UInt8[Tensor, "4 y x"]:
        """The processor's patches put together again, rows and columns of them in `shape`."""
        rows, columns = (int(n) for n in shape)
        s = self.side
        grid = patches[: rows * columns].view(rows, columns, s, s, 3)
        pixels = grid.permute(4, 0, 2, 1, 3).reshape(3, rows * s, columns * s).to(torch.uint8)
        return torch.cat([pixels, torch.full_like(pixels[:1], 255)])

    def inputs(
        self, images: Num[Tensor, "b c y x"], normalize: nn.Module
    ) -> tuple[dict[str, Tensor], Bool[Tensor, "b n"]]:
        """What the model is called with, and which patches are there."""
        s, b = self.side, len(images)
        if images.shape[1] == 3:  # a square without a fourth channel is there as a whole
            images = torch.cat([images, torch.full_like(images[:, :1], 255)], dim=1)
        there = images[:, 3] > 0  # [b, y, x]
        shapes = torch.stack([there.any(2).sum(1) // s, there.any(1).sum(1) // s], dim=1)  # [b, 2] rows, columns
        pixels = normalize(images[:, :3])  # [b, 3, y, x]
        values = pixels.new_zeros(b, self.most, s * s * 3)
        mask = torch.zeros(b, self.most, dtype=torch.bool, device=images.device)
        for i, (rows, columns) in enumerate(shapes.tolist()):
            grid = pixels[i, :, : rows * s, : columns * s].view(3, rows, s, columns, s)
            values[i, : rows * columns] = grid.permute(1, 3, 2, 4, 0).reshape(rows * columns, -1)
            mask[i, : rows * columns] = True
        inputs = {"pixel_values": values, "pixel_attention_mask": mask.to(torch.int32), "spatial_shapes": shapes}
        return inputs, mask
