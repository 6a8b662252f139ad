"""What a visual encoder is pre-trained towards: classes, other views, texts."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Generator, Tensor, nn

from ravlm.encoders.base import Encoder
from ravlm.protocols import LanguageEncoder
from ravlm.training.loop import Stage
from ravlm.training.match import contrastive_loss
from ravlm.training.optim import learning, trainable
from ravlm.training.pretrain.config import ClassesConfig, PicturesConfig, TextsConfig, VisualPretraining
from ravlm.training.pretrain.views import ORDERS, crops, permuted

_NAME, _TITLE, _TABLE = "visual", "pre-training the visual encoder", "pretrain.visual"
_FIRST_SCALE = 1 / 0.07  # of cosines, learned from there on (Radford et al. 2021, CLIP, sec. 2.5)


def cosine_logits(
    features: Float[Tensor, "b v"], weights: Float[Tensor, "n v"], label: Int[Tensor, " b"], scale: float, margin: float
) -> Float[Tensor, "b n"]:
    """S (cos(theta_j) - m [j = y]), theta_j the angle between x and W_j (Wang et al. 2018, CosFace, eq. 4).

    Its softmax is the large margin cosine loss; with m = 0 the normalised softmax.
    """
    x, w = (nn.functional.normalize(side.float(), dim=-1) for side in (features, weights))
    right = nn.functional.one_hot(label, len(weights)).to(x.dtype)
    return scale * (x @ w.T - margin * right)


@dataclass(frozen=True)
class PictureViews:
    """Pictures to be drawn and looked at.

    `pixels` [n, c, y, x] are of the classes `labels` [n], counted from 0; `own` [n] are those of which the setting
    `own_pictures` decides how many a batch has. `sizes` are the sides of the views in pixels, one after the other.
    Views are made on `device`.
    """

    pixels: UInt8[Tensor, "n c y x"]
    labels: Int[Tensor, " n"]
    own: Bool[Tensor, " n"]
    sizes: Sequence[int]
    settings: VisualPretraining
    device: torch.device

    def draw(self, generator: Generator) -> Int[Tensor, " b"]:
        """The places of a batch; none of a kind stands in it twice before all of that kind do."""
        own, batch = self.own.nonzero()[:, 0], self.settings.batch
        count = round(batch * self.settings.own_pictures) if len(own) else 0
        others = (~self.own).nonzero()[:, 0]
        return torch.cat([_some(others, batch - count, generator), _some(own, count, generator)])

    def partners(self, places: Int[Tensor, " b"], generator: Generator) -> Int[Tensor, " b"]:
        """For each picture another one of its class, or itself where there is no other."""
        found = []
        for place in places.tolist():
            same = (self.labels == self.labels[place]).nonzero()[:, 0]
            others = same[same != place]
            found.append(_some(others if len(others) else same, 1, generator))
        return torch.cat(found)

    def look(self, places: Int[Tensor, " b"], step: int, generator: Generator) -> Float[Tensor, "b c y x"]:
        """A random view of each picture, as large as views are at this step."""
        s = self.settings
        size = self.sizes[step * len(self.sizes) // s.steps]
        shape = {"least_area": s.least_area, "mirror": s.mirror, "strength": s.strength}
        return crops(self.pixels[places].to(self.device), size, generator, **shape)


class ClassesStage(Stage):
    """The class of each picture, by its cosine with one vector a class."""

    name, title, table = _NAME, _TITLE, _TABLE
    settings: ClassesConfig

    def __init__(self, *, eye: Encoder, views: PictureViews, classes: int, settings: ClassesConfig) -> None:
        self.settings = settings
        self._eye, self._views = eye, views
        kinds = classes * (len(ORDERS) if settings.permuted else 1)
        begin = torch.randn(kinds, eye.pooled_width, device=eye.device)
        self._weights = nn.Parameter(nn.functional.normalize(begin, dim=-1))
        self.parts = nn.ModuleDict({"visual": eye, "classes": nn.ParameterList([self._weights])})

    def loss(self, step: int, generator: Generator) -> Tensor:
        """The cross-entropy of a batch."""
        places = self._views.draw(generator)
        views, label = self._views.look(places, step, generator), self._views.labels[places].to(self._eye.device)
        if self.settings.permuted:
            views, order = permuted(views, self.settings.permuted, generator)
            label = label * len(ORDERS) + order
        features = self._eye(views).pooled
        logits = cosine_logits(features, self._weights, label, self.settings.scale, self.settings.margin)
        return nn.functional.cross_entropy(logits, label)


class PicturesStage(Stage):
    """Two views that belong together, by InfoNCE."""

    name, title, table = _NAME, _TITLE, _TABLE
    settings: PicturesConfig

    def __init__(self, *, eye: Encoder, views: PictureViews, settings: PicturesConfig) -> None:
        self.settings = settings
        self._eye, self._views = eye, views
        self._log_scale = nn.Parameter(torch.tensor(_FIRST_SCALE, device=eye.device).log())
        self.parts = nn.ModuleDict({"visual": eye, "scale": nn.ParameterList([self._log_scale])})

    def loss(self, step: int, generator: Generator) -> Tensor:
        """Symmetric InfoNCE of a batch of pairs; pairs of the same picture, or class, are no negatives."""
        places, views = self._views.draw(generator), self._views
        by_class = self.settings.pairs == "classes"
        others = views.partners(places, generator) if by_class else places
        first, second = (views.look(some, step, generator) for some in (places, others))
        queries, keys = self._eye(torch.cat([first, second])).pooled.chunk(2)
        same = views.labels[places] if by_class else places
        return contrastive_loss(queries, keys, same.to(queries.device), self._log_scale.exp())


class TextsStage(Stage):
    """A picture and a text of its class, by InfoNCE; `texts` holds those of each class."""

    name, title, table = _NAME, _TITLE, _TABLE
    settings: TextsConfig

    def __init__(
        self,
        *,
        eye: Encoder,
        language: LanguageEncoder,
        views: PictureViews,
        texts: Sequence[Sequence[str]],
        settings: TextsConfig,
    ) -> None:
        self.settings = settings
        self._eye, self._language, self._views, self._texts = eye, language, views, texts
        self._log_scale = nn.Parameter(torch.tensor(_FIRST_SCALE, device=eye.device).log())
        widths = {"visual": eye.pooled_width, "language": language.pooled_width}
        self._projections = nn.ModuleDict(
            {side: nn.Linear(width, settings.width, bias=False, device=eye.device) for side, width in widths.items()}
        )
        scale = nn.ParameterList([self._log_scale])
        self.parts = nn.ModuleDict({"visual": eye, "projections": self._projections, "scale": scale})
        if learning(language):
            self.parts["language"] = trainable(language)

    def loss(self, step: int, generator: Generator) -> Tensor:
        """Symmetric InfoNCE of a batch of pairs; other pictures of the same class are no negatives."""
        places, device = self._views.draw(generator), self._eye.device
        label = self._views.labels[places]
        said = [self._texts[n] for n in label.tolist()]
        chosen = torch.rand(len(said), generator=generator).tolist()
        read = self._language.tokenize([texts[int(at * len(texts))] for texts, at in zip(said, chosen, strict=True)])
        views = self._views.look(places, step, generator)
        queries = self._projections["visual"](self._eye(views).pooled)
        keys = self._projections["language"](self._language(read.to(device)).pooled)
        return contrastive_loss(queries, keys, label.to(device), self._log_scale.exp())


def _some(places: Int[Tensor, " n"], count: int, generator: Generator) -> Int[Tensor, " count"]:
    """So many of the places, in an order drawn anew for each round through all of them."""
    rounds = -(-count // max(len(places), 1))
    return torch.cat([places[torch.randperm(len(places), generator=generator)] for _ in range(rounds)] or [places])[
        :count
    ]
