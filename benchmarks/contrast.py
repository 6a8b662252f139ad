"""Small encoders trained by contrast (InfoNCE) on seen pairs alone, in minutes on a CPU."""

import sys
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from emoji import LANGUAGES, Emoji
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.encoders.joint import JointEncoder
from ravlm.encoders.pictures import stack_pictures
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.safe.images import read_image

SIZE = 64  # pixels
_SCALE = 16.0  # of cosines before the softmax
_RATE = 1e-3
_NAMED = 0.6  # the share of texts that are names; the others are keywords


def train_eye(seen: Sequence[Emoji], steps: int, batch: int = 128) -> CompactVisualEncoder:
    """An encoder of pictures that brings both drawings of an emoji together."""
    torch.manual_seed(0)
    eye = CompactVisualEncoder(image_size=SIZE)
    noto, two = drawings(eye, seen)

    def loss(chosen: Tensor) -> Tensor:
        sides = [functional.normalize(eye(moved(side[chosen])).pooled, dim=-1) for side in (noto, two)]
        return info_nce(_SCALE * sides[0] @ sides[1].T)

    _train(eye, loss, len(seen), steps, batch)
    return eye


def train_joint(seen: Sequence[Emoji], steps: int, batch: int = 128) -> JointEncoder:
    """A small CLIP of drawings and their names and keywords, in both languages."""
    torch.manual_seed(0)
    words = [text for e in seen for language in LANGUAGES for text in (e.names[language], *e.keywords[language])]
    sizes = {"hidden_size": 128, "intermediate_size": 512, "num_attention_heads": 4, "num_hidden_layers": 4}
    joint = JointEncoder.from_architecture(
        "clip",
        tokenizer=train_tokenizer(words, 3000),
        image_size=SIZE,
        projection_dim=128,
        vision_config=sizes | {"patch_size": 8},
        text_config=sizes | {"max_position_embeddings": 64},
    )
    sides = drawings(joint.visual, seen)
    dice = torch.Generator().manual_seed(0)

    def loss(chosen: Tensor) -> Tensor:
        which = torch.randint(2, chosen.shape, generator=dice)
        images = torch.stack([sides[side][i] for side, i in zip(which.tolist(), chosen.tolist(), strict=True)])
        texts = joint.language.tokenize([_said(seen[i], dice) for i in chosen.tolist()])
        visual, language = joint(moved(images), texts)
        return info_nce(joint.similarity(visual, language))

    _train(joint, loss, len(seen), steps, batch)
    return joint


def drawings(encoder: Any, some: Sequence[Emoji]) -> tuple[Tensor, Tensor]:
    """Both drawings of each emoji as the encoder takes them, [n, c, y, x] each."""
    noto = stack_pictures([encoder.preprocess(read_image(emoji.noto)) for emoji in some])
    return noto, stack_pictures([encoder.preprocess(read_image(emoji.two)) for emoji in some])


def info_nce(scores: Tensor) -> Tensor:
    """The mean of both cross-entropies of scores [b, b] whose right pairs stand on the diagonal (van den Oord 2018)."""
    right = torch.arange(len(scores))
    return (functional.cross_entropy(scores, right) + functional.cross_entropy(scores.T, right)) / 2


def moved(images: Tensor) -> Tensor:
    """Pictures [b, c, y, x] a little shifted, scaled, turned and recoloured, at random, as floats in 0..255."""
    b = len(images)
    scale, angle = torch.empty(b).uniform_(0.85, 1.15), torch.empty(b).uniform_(-0.15, 0.15)
    turn = torch.stack([scale * angle.cos(), -scale * angle.sin(), scale * angle.sin(), scale * angle.cos()], 1)
    shift = torch.empty(b, 2, 1).uniform_(-0.1, 0.1)
    grid = functional.affine_grid(torch.cat([turn.view(b, 2, 2), shift], 2), list(images.shape), align_corners=False)
    seen = functional.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return (seen * torch.empty(b, 3, 1, 1).uniform_(0.8, 1.2)).clamp(0, 255)


def _said(emoji: Emoji, dice: torch.Generator) -> str:
    """An emoji's name, or three of its keywords, in either language."""
    language = LANGUAGES[int(torch.randint(len(LANGUAGES), (1,), generator=dice))]
    keywords = emoji.keywords[language]
    if not keywords or float(torch.rand(1, generator=dice)) < _NAMED:
        return emoji.names[language]
    chosen = torch.randperm(len(keywords), generator=dice)[:3].tolist()
    return " ".join(keywords[i] for i in chosen)


def _train(model: nn.Module, loss: Any, count: int, steps: int, batch: int) -> None:
    """AdamW with one cycle of the rate; every batch holds different emoji."""
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    dice = torch.Generator().manual_seed(1)
    model.train()
    for step in range(steps):
        chosen = torch.randperm(count, generator=dice)[:batch]
        found = loss(chosen)
        optimiser.zero_grad()
        found.backward()
        optimiser.step()
        cycle.step()
        if step % 50 == 49:
            print(f"step {step + 1} of {steps}: loss {float(found):.3f}", file=sys.stderr)
    model.eval()
