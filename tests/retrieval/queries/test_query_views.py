"""Regions as several picture queries: their boxes, their names, and where an encoder looks."""

from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from PIL import Image
from torch import Tensor, nn

from pictures import noise
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.encoders.timm_visual import TimmVisualEncoder
from ravlm.encoders.transformers_visual import TransformersVisualEncoder
from ravlm.errors import ConfigError, UnknownChoice
from ravlm.records import Query
from ravlm.retrieval.queries.regions import RegionsStep, attended_box, seen_part
from ravlm.tensors import Encoded

PHOTO = noise(0, 80, 40)
SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "patch_size": 8}


class Bright(nn.Module):
    """An encoder that looks at what is bright: one number for each cell of its picture, made a square."""

    kind = "bright"
    training = False

    def __init__(self, cells: int = 8, crop: bool = False) -> None:
        super().__init__()
        self.cells, self.crop, self.device = cells, crop, torch.device("cpu")

    def preprocess(self, image: Image.Image) -> Tensor:
        side = min(image.size)
        left, top = (image.size[0] - side) // 2, (image.size[1] - side) // 2
        image = image.crop((left, top, left + side, top + side)) if self.crop else image
        small = image.resize((4 * self.cells,) * 2, Image.Resampling.BOX)
        return torch.from_numpy(np.array(small)).permute(2, 0, 1).contiguous()

    def forward(self, images: Tensor) -> Encoded:
        cells = nn.functional.avg_pool2d(images.float().mean(1, keepdim=True), 4).flatten(1).unsqueeze(-1)  # [b, i, 1]
        return Encoded(cells, torch.ones(cells.shape[:2], dtype=torch.bool), torch.ones(len(cells), 1))


def views(step: RegionsStep, *images: Image.Image) -> dict[str, Image.Image]:
    [query] = step([Query("", images)])
    assert all(piece.kind == "region" for piece in query.pieces)
    return {piece.origin: piece.image for piece in query.pieces if piece.image is not None}


def test_each_view_is_cut_at_the_box_that_its_origin_tells() -> None:
    found = views(RegionsStep(("whole", "centre", "grid"), grid=2, overlap=0.0), PHOTO)
    assert list(found) == [
        "whole [0, 0, 80, 40]",
        "centre [5, 2, 75, 38]",
        "grid 1 of 4 [0, 0, 40, 20]",
        "grid 2 of 4 [40, 0, 80, 20]",
        "grid 3 of 4 [0, 20, 40, 40]",
        "grid 4 of 4 [40, 20, 80, 40]",
    ]
    assert found.pop("whole [0, 0, 80, 40]") is PHOTO
    for origin, view in found.items():
        box = [int(number) for number in origin.partition("[")[2].rstrip("]").split(", ")]
        assert np.array_equal(np.array(view), np.array(PHOTO)[box[1] : box[3], box[0] : box[2]])


def test_regions_that_are_too_small_or_there_already_are_left_out() -> None:
    tiny = noise(1, 20, 20)
    assert list(views(RegionsStep(("whole", "centre", "grid")), tiny)) == [
        "whole [0, 0, 20, 20]",
        "centre [1, 1, 19, 19]",
    ]
    assert list(views(RegionsStep(("centre", "grid")), noise(2, 15, 400))) == []
    assert list(views(RegionsStep(("whole", "centre")), noise(2, 1, 1))) == ["whole [0, 0, 1, 1]"]
    assert list(views(RegionsStep(("whole", "whole", "grid"), grid=1), PHOTO)) == ["whole [0, 0, 80, 40]"]


def test_several_pictures_are_told_apart_and_weights_are_whole() -> None:
    [query] = RegionsStep(("centre",), weight=0.5)([Query("", (PHOTO, noise(1, 64, 64)))])
    assert [(piece.origin, piece.weight) for piece in query.pieces] == [
        ("picture 1, centre [5, 2, 75, 38]", 0.5),
        ("picture 2, centre [4, 4, 60, 60]", 0.5),
    ]
    assert [piece.image.size for piece in query.views if piece.image] == [(70, 36), (56, 56)]


def test_without_a_picture_there_is_no_view() -> None:
    assert RegionsStep(("whole", "grid"))([Query("Whose flag?")]) == [Query("Whose flag?")]


def spot(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    picture = Image.new("RGB", size)
    picture.paste("white", box)
    return picture


def test_attention_is_followed_to_where_it_lies() -> None:
    photo = spot((160, 80), (100, 40, 160, 80))
    [origin] = views(RegionsStep(("attention",), encoder=Bright(), share=0.99), photo)  # type: ignore[arg-type]
    assert origin == "attention (similarity) [100, 40, 160, 80]"


def test_a_region_of_attention_is_at_least_a_third_of_each_side() -> None:
    box, _ = attended_box(Bright(cells=12), spot((120, 120), (0, 0, 10, 10)), 0.6)
    assert box == (0, 0, 40, 40)


def test_what_an_encoder_cuts_away_is_reckoned_with() -> None:
    """It sees the middle 80 x 80 of 160 x 80: eight cells a side, each 10 pixels."""
    encoder = Bright(crop=True)
    assert seen_part(encoder, (160, 80)) == pytest.approx((0.25, 0, 0.75, 1), abs=0.005)
    box, _ = attended_box(encoder, spot((160, 80), (60, 0, 120, 40)), 0.999)
    assert box == (60, 0, 120, 40)


@pytest.mark.parametrize("size", [(400, 300), (300, 900), (64, 64), (5000, 3000)])
def test_seen_parts_of_real_processors(size: tuple[int, int]) -> None:
    """Stretched as a whole; or the shorter side made 36 pixels, and the middle 32 x 32 cut out."""
    assert seen_part(CompactVisualEncoder(image_size=32, channels=(4,), width=4), size) == (0, 0, 1, 1)
    torch.manual_seed(0)
    clip: Any = TransformersVisualEncoder.from_architecture("vit", image_size=32, **SIZES)
    clip.processor = hf.CLIPImageProcessor(size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32})
    short = min(size)
    margins = [(1 - 32 / 36 * short / side) / 2 for side in size]
    expected = (margins[0], margins[1], 1 - margins[0], 1 - margins[1])
    assert seen_part(clip, size) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("encoder", "means"),
    [
        (lambda: TransformersVisualEncoder.from_architecture("vit", image_size=32, **SIZES), "attention"),
        (lambda: TimmVisualEncoder.from_architecture("vit_tiny_patch16_224", image_size=32, depth=1), "attention"),
        (lambda: CompactVisualEncoder(image_size=32, channels=(4, 4), width=4), "norms"),
    ],
)
def test_the_means_are_told(encoder: Any, means: str) -> None:
    torch.manual_seed(0)
    [origin] = views(RegionsStep(("attention",), encoder=encoder()), noise(3, 96, 64))
    assert origin.startswith(f"attention ({means}) [")


def test_what_can_t_be_done_is_refused() -> None:
    with pytest.raises(UnknownChoice, match="'center'"):
        RegionsStep(("center",))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="No regions"):
        RegionsStep(())
    with pytest.raises(ConfigError, match="'attention' was asked for with no encoder given"):
        RegionsStep(("attention",))
    for wrong in ({"overlap": 1.0}, {"share": 0.0}, {"share": 1.5}, {"overlap": -0.1}):
        with pytest.raises(ConfigError, match="overlap is"):
            RegionsStep(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="0 parts of a side"):
        RegionsStep(("grid",), grid=0)

    class Odd(Bright):
        def forward(self, images: Tensor) -> Encoded:
            found = super().forward(images)
            return Encoded(found.tokens[:, :-1], found.mask[:, :-1], found.pooled)

    with pytest.raises(ConfigError, match="63 tokens are no grid over 32 x 32 pixels"):
        RegionsStep(("attention",), encoder=Odd())([Query("", (PHOTO,))])  # type: ignore[arg-type]
