import copy

import pytest
import timm
import torch
from torch import nn

from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.encoders.features.inference import ready
from ravlm.encoders.features.plan import tried
from ravlm.encoders.timm_visual import TimmVisualEncoder

CPU = torch.device("cpu")


def settled(encoder: nn.Module) -> nn.Module:
    """Batch norms with statistics and weights of their own, so that a fold that is wrong is seen."""
    torch.manual_seed(1)
    for part in encoder.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.1)
    return encoder.eval()


def folded(encoder: nn.Module) -> nn.Module:
    return ready(encoder, CPU, lambda model: tried(encoder, model, CPU))


@pytest.mark.parametrize("name", ["resnet10t", "test_efficientnet"])
def test_batch_norms_are_folded_and_nothing_changes(name: str) -> None:
    encoder = settled(TimmVisualEncoder.from_architecture(name, image_size=64))
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        one, other = encoder(images), folded(encoder)(images)
    assert torch.allclose(one.pooled, other.pooled, atol=1e-5 * float(one.pooled.abs().max()))
    assert torch.allclose(one.tokens, other.tokens, atol=1e-5 * float(one.tokens.abs().max()))
    assert any(isinstance(part, nn.BatchNorm2d) for part in encoder.modules())
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded(encoder).modules())


def test_the_encoder_stays_as_it_is() -> None:
    encoder = settled(CompactVisualEncoder(image_size=16, channels=(4, 8), width=8)).train()
    before = copy.deepcopy(encoder.state_dict())
    strides = {name: value.stride() for name, value in encoder.named_parameters()}
    made = folded(encoder)
    assert encoder.training
    assert not made.training
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert {name: value.stride() for name, value in encoder.named_parameters()} == strides
    assert all(value.requires_grad for value in encoder.parameters())


def test_weights_that_need_not_change_are_shared() -> None:
    encoder = CompactVisualEncoder(image_size=16, channels=(4, 8), width=8)
    assert folded(encoder).get_parameter("pool.weight").data_ptr() == encoder.pool.weight.data_ptr()


class Twice(nn.Module):
    """A convolution whose output goes two ways, so that its batch norm must not be folded into it."""

    image_size = 8

    def __init__(self) -> None:
        super().__init__()
        self.inner = CompactVisualEncoder(image_size=8, channels=(4,), width=8)
        self.convolution, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.preprocess = self.inner.preprocess

    def forward(self, images: torch.Tensor) -> object:
        x = self.convolution(images.float())
        return self.inner((x + self.norm(x)).clamp(0, 255))


def test_what_can_not_be_folded_is_left() -> None:
    encoder = settled(Twice())
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.allclose(encoder(images).pooled, folded(encoder)(images).pooled, atol=1e-4)
    assert any(isinstance(part, nn.BatchNorm2d) for part in folded(encoder).modules())


def test_timm_still_has_its_batch_norm_with_an_activation() -> None:
    norm = timm.layers.BatchNormAct2d(2)
    assert isinstance(norm.drop, nn.Module)
    assert isinstance(norm.act, nn.Module)
