import pytest
import torch
from PIL import Image

from ravlm.encoders.compact_visual import CompactVisualEncoder, ResidualBlock


def test_a_block_without_residual_is_its_input():
    block = ResidualBlock(channels_in=4, channels=4, stride=1).eval()
    torch.nn.init.zeros_(block.residual[3].weight)
    x = torch.rand(2, 4, 8, 8)
    torch.testing.assert_close(block(x), x)


def test_a_block_is_f_of_x_plus_its_shortcut():
    block = ResidualBlock(channels_in=4, channels=6, stride=2).eval()
    x = torch.randn(2, 4, 8, 8)
    torch.testing.assert_close(block(x), (block.residual(x) + block.shortcut(x)).relu())


@pytest.mark.parametrize("size", [32, 64])
def test_shapes_and_batching(size):
    torch.manual_seed(0)
    encoder = CompactVisualEncoder(image_size=size, channels=(4, 8, 8), width=10).eval()
    images = torch.randint(0, 256, (3, 3, size, size), dtype=torch.uint8)
    together = encoder(images)
    assert together.tokens.shape == (3, (size // 8) ** 2, 10)
    assert together.pooled.shape == (3, 10)
    alone = encoder(images[1:2])
    torch.testing.assert_close(together.pooled[1:2], alone.pooled, atol=1e-5, rtol=1e-5)


def test_pictures_of_any_shape_are_stretched():
    encoder = CompactVisualEncoder(image_size=32, channels=(4, 8))
    picture = Image.new("RGB", (90, 30), (10, 200, 30))
    pixels = encoder.preprocess(picture)
    assert pixels.shape == (3, 32, 32)
    assert pixels[:, 5, 5].tolist() == [10, 200, 30]
