"""What a language encoder learns from text alone: tokens that are hidden, or the token that comes next."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

HIDDEN, REPLACED = 0.8, 0.1  # of the chosen tokens; the others stay as they are (Devlin et al. 2019, BERT, sec. 3.1)
_SPREAD = 0.5  # the deviation of a masked head's logits at first: no word is likely


def hide(
    ids: Int[Tensor, "b t"],
    readable: Bool[Tensor, "b t"],
    generator: Generator,
    *,
    share: float,
    mask_id: int,
    words: Int[Tensor, " n"],
) -> tuple[Int[Tensor, "b t"], Bool[Tensor, "b t"]]:
    """The tokens as they are shown, and which are to be found (Devlin et al. 2019, BERT, sec. 3.1 and appendix A.1).

    Of the `readable` tokens of each text `share` are chosen, but always one, where there is any. Of these 80 % become
    `mask_id`, 10 % any of `words`, and 10 % stay as they are, so that the encoder can trust no token.
    """
    lots = torch.rand(ids.shape, generator=generator).masked_fill(~readable, 2.0)
    count = (readable.sum(1) * share).round().clamp(min=1)  # [b]
    chosen = (lots.argsort(1).argsort(1) < count[:, None]) & readable
    fate = torch.rand(ids.shape, generator=generator)
    others = words[torch.randint(len(words), ids.shape, generator=generator)]
    shown = torch.where(chosen & (fate < HIDDEN), mask_id, ids)
    return torch.where(chosen & (fate >= HIDDEN) & (fate < HIDDEN + REPLACED), others, shown), chosen


def followed(readable: Bool[Tensor, "b t"]) -> Bool[Tensor, "b t"]:
    """The places behind which a token comes that is to be foretold: a readable one."""
    return nn.functional.pad(readable[:, 1:], (0, 1))


class WordHead(nn.Module):
    """Tokens of an encoder become logits over its vocabulary.

    Where hidden tokens are found, a layer and a norm come first (Devlin et al. 2019, BERT, as published: dense layer,
    GELU, LayerNorm, and a bias behind the product); else it is the product with the words alone (Radford et al. 2018,
    GPT, eq. 2). The words are the encoder's input embeddings, given to `forward`; where it has none of its tokens'
    width, they are the head's own.

    Args:
        width: of the encoder's tokens.
        vocabulary: the number of words.
        tied: the encoder's input embeddings [n, width], where it has some; they stay the encoder's.
        masked: whether hidden tokens are found.
    """

    def __init__(self, *, width: int, vocabulary: int, tied: Tensor | None, masked: bool) -> None:
        super().__init__()
        self.words = None if tied is not None else nn.Parameter(torch.randn(vocabulary, width) * 0.02)
        self.bias = nn.Parameter(torch.zeros(vocabulary)) if masked else None
        self.change: nn.Module = nn.Identity()
        if masked:
            norm = nn.LayerNorm(width)
            words = tied if tied is not None else self.words
            spread = 1.0 if words is None else float(words.detach().std()) * width**0.5
            nn.init.constant_(norm.weight, min(1.0, _SPREAD / max(spread, 1e-6)))
            self.change = nn.Sequential(nn.Linear(width, width), nn.GELU(), norm)

    def forward(self, tokens: Float[Tensor, "n l"], tied: Float[Tensor, "w l"] | None) -> Float[Tensor, "n w"]:
        words = self.words if tied is None else tied
        if words is None:
            raise TypeError("a head without words of its own must be given some")
        return nn.functional.linear(self.change(tokens), words, self.bias)


def words_loss(logits: Float[Tensor, "n w"], ids: Int[Tensor, " n"]) -> Float[Tensor, ""]:
    """The mean of -log p of the right words; uniform logits cost log w."""
    return nn.functional.cross_entropy(logits.float(), ids)
