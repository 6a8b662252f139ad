"""Labels of a picture, from a model that the user names: a trained classifier, or any words by a joint encoder."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from transformers import AutoModelForImageClassification
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES

from ravlm.encoders.joint import JointEncoder
from ravlm.encoders.pictures import stack_pictures
from ravlm.errors import ConfigError, FormatError
from ravlm.records import Piece, Query
from ravlm.retrieval.queries.compose import WEIGHTS, checked_count, checked_weight, extended
from ravlm.retrieval.queries.models import in_batches, load_speaker

_TYPES = sorted({*MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES} - {"timm_wrapper", "shieldgemma2", "perceiver"})
_UNNAMED = re.compile(r"LABEL_\d+")


class Labeller(Protocol):
    """Says what pictures show in words out of a list. `name` is the origin of its labels."""

    name: str

    def __call__(self, images: Sequence[Image.Image]) -> list[Mapping[str, float]]:
        """For each picture the probability of each label."""
        ...


class LabelsStep:
    """Adds the labels of a query's views that are likeliest, best first, ties by the alphabet.

    A label's probability is its mean over the views, by their weights; its piece weighs `weight` times as much. A query
    without pictures gets none.

    Args:
        model: an `ImageClassifier`, `ZeroShotLabels`, or what else gives probabilities.
        labels: how many of the likeliest.
        weight: of a label that is certain.

    Raises:
        ConfigError: `labels` is below 1, or the weight is not above 0.
    """

    def __init__(self, model: Labeller, *, labels: int = 3, weight: float = WEIGHTS["label"]) -> None:
        self.model = model
        self.labels = checked_count("labels", labels)
        self.weight = checked_weight(weight)

    def __call__(self, queries: Sequence[Query]) -> list[Query]:
        images = [view.image for query in queries for view in query.views if view.image is not None]
        said = in_batches(images, self.model)
        return extended(queries, [self._pieces(query.views, [next(said) for _ in query.views]) for query in queries])

    def _pieces(self, views: Sequence[Piece], said: Sequence[Mapping[str, float]]) -> list[Piece]:
        total = sum(view.weight for view in views)
        means: dict[str, float] = {}
        for view, probabilities in zip(views, said, strict=True):
            for label, probability in probabilities.items():
                means[label] = means.get(label, 0.0) + view.weight * probability / total
        best = sorted(means, key=lambda label: (-means[label], label))[: self.labels]
        return [Piece("label", self.weight * means[label], label, origin=self.model.name) for label in best]


class ImageClassifier:
    """A classifier of transformers, with the labels that it was trained on.

    Args:
        source: a folder or a hub name.
        revision: a branch, tag or commit of the hub.

    Raises:
        PathError, HubError: there is no such model here or on the hub.
        FormatError: it is no classifier, its labels have no names, it is damaged, or its weights are pickled.
    """

    def __init__(self, source: str | Path, *, revision: str | None = None) -> None:
        self._speaker = load_speaker(source, revision, AutoModelForImageClassification, _TYPES, "image classifier")
        self.name = self._speaker.name
        config = self._speaker.model.config
        self.labels = [str(config.id2label[place]) for place in range(int(config.num_labels))]
        if all(_UNNAMED.fullmatch(label) for label in self.labels):
            raise FormatError(
                f"The image classifier in {self._speaker.folder} has {len(self.labels)} labels without names "
                f"({self.labels[0]}, ...), which say nothing. Write their names into `id2label` of its config.json."
            )
        self._several = getattr(config, "problem_type", None) == "multi_label_classification"

    def __call__(self, images: Sequence[Image.Image]) -> list[Mapping[str, float]]:
        with torch.inference_mode():
            logits = self._speaker.model(pixel_values=self._speaker.pixels(images)).logits.float()  # [b, labels]
            rows = logits.sigmoid() if self._several else logits.softmax(-1)
        return [dict(zip(self.labels, row, strict=True)) for row in rows.tolist()]


class ZeroShotLabels:
    """Any words as labels, told apart by a joint encoder (Radford et al. 2021, sec. 3.1).

    The probabilities of a picture add up to 1; those of SigLIP, trained on each pair alone (Zhai et al. 2023, eq. 1),
    need not.

    Args:
        encoder: a joint encoder.
        labels: the words, in any language that it reads.
        template: what they are read in, such as `a photo of a {}` or `一张{}的照片`.

    Raises:
        ConfigError: there are no labels, or no {} in the template.
    """

    def __init__(self, encoder: JointEncoder, labels: Sequence[str], *, template: str = "{}") -> None:
        self.labels = list(dict.fromkeys(label for label in labels if label.strip()))
        if not self.labels or "{}" not in template:
            raise ConfigError(
                f"{len(self.labels)} labels were given, and the template {template!r}. Give 1 or more, and a template "
                "with {} where the label goes."
            )
        self.encoder = encoder
        self.name = str(encoder.origin or encoder.kind)
        texts = [template.replace("{}", label) for label in self.labels]
        with torch.inference_mode():
            self._texts = encoder.language(encoder.language.tokenize(texts).to(encoder.device))

    def __call__(self, images: Sequence[Image.Image]) -> list[Mapping[str, float]]:
        visual = self.encoder.visual
        pixels = stack_pictures([visual.preprocess(image) for image in images]).to(self.encoder.device)
        with torch.inference_mode():
            scores = self.encoder.similarity(visual(pixels), self._texts).float()  # [b, labels]
            rows = scores.sigmoid() if self.encoder.paired else scores.softmax(-1)
        return [dict(zip(self.labels, row, strict=True)) for row in rows.tolist()]
