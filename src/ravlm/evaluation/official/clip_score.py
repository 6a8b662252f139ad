"""CLIPScore and RefCLIPScore: how well a caption fits its picture, and its picture and references, by a joint model.

Hessel et al. 2021, CLIPScore: A Reference-free Evaluation Metric for Image Captioning, sections 3.1 and 3.2, and their
code, `jmhessel/clipscore`. Their figures are those of CLIP ViT-B/32; another model gives others.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ravlm.errors import ConfigError, PathError
from ravlm.evaluation.official.reading import read_json
from ravlm.safe.headers import SUFFIXES
from ravlm.safe.jsonl import shown
from ravlm.safe.paths import inside

_PROMPT = "A photo depicts "
_W = 2.5

Vectors = NDArray[np.floating[Any]]
Embed = Callable[[Sequence[str]], Vectors]
"""The vectors of texts, a row for each."""


def clip_scores(pictures: Vectors, captions: Vectors) -> NDArray[np.float64]:
    """CLIPScore = w max(cos(picture, caption), 0) of each pair, w = 2.5.

    >>> clip_scores(np.eye(2), np.array([[2.0, 0.0], [1.0, 0.0]])).tolist()
    [2.5, 0.0]

    Args:
        pictures: vectors [b, d].
        captions: vectors [b, d].
    """
    return np.asarray(_W * np.maximum(np.sum(_unit(pictures) * _unit(captions), axis=1), 0.0))


def ref_clip_scores(
    scores: NDArray[np.float64], captions: Vectors, references: Sequence[Vectors]
) -> NDArray[np.float64]:
    """The harmonic mean of each CLIPScore and of the largest cosine of the caption and a reference.

    The paper clips the cosine at 0 and the code does not; where both are 0 the mean is 0.

    Args:
        scores: CLIPScores [b].
        captions: vectors [b, d].
        references: for each caption the vectors [r, d] of its references.
    """
    nearest = np.array([max(_unit(r) @ c) for c, r in zip(_unit(captions), references, strict=True)])
    total = scores + nearest
    return np.asarray(np.divide(2 * scores * nearest, total, out=np.zeros_like(total), where=total != 0))


class ClipScorer:
    """CLIPScores by a model: pass it to `caption.score_captions`.

    Args:
        images: the vectors of picture files, a row for each.
        texts: the vectors of texts, a row for each.
        find: the file of a picture by its id.
    """

    def __init__(
        self, *, images: Callable[[Sequence[Path]], Vectors], texts: Embed, find: Callable[[str], Path]
    ) -> None:
        self._images = images
        self._texts = texts
        self._find = find

    @classmethod
    def from_pretrained(cls, source: str | Path, find: Callable[[str], Path]) -> "ClipScorer":
        """A scorer by the joint model (CLIP, SigLIP) in a folder or under a hub name.

        Raises:
            PathError, HubError, FormatError: there is no such model.
            ConfigError: it has not two towers.
        """
        from ravlm.encoders.choose import load_encoder
        from ravlm.encoders.features.extract import Extractor
        from ravlm.encoders.joint import JointEncoder

        model = load_encoder(source)
        if not isinstance(model, JointEncoder):
            raise ConfigError(f"{source} is a {type(model).__name__}, and CLIPScore needs a joint model, such as CLIP.")
        visual = Extractor(model.visual, precision="float32")
        language = Extractor(model.language, precision="float32")
        return cls(
            images=lambda paths: np.stack([f.pooled.numpy() for f in visual.images(paths)]),
            texts=lambda texts: np.stack([f.pooled.numpy() for f in language.texts(texts)]),
            find=find,
        )

    def __call__(
        self, names: Sequence[str], captions: Sequence[str], references: Sequence[Sequence[str]]
    ) -> tuple[list[float], list[float]]:
        """CLIPScore and RefCLIPScore of each caption.

        Raises:
            PathError, ImageError: a picture is missing or can't be decoded.
        """
        pictures = self._images([self._find(name) for name in names])
        said = self._texts([_PROMPT + caption for caption in captions])
        distinct = list(dict.fromkeys(reference for some in references for reference in some))
        rows = dict(zip(distinct, self._texts([_PROMPT + reference for reference in distinct]), strict=True))
        scores = clip_scores(pictures, said)
        right = [np.stack([rows[reference] for reference in some]) for some in references]
        return scores.tolist(), ref_clip_scores(scores, said, right).tolist()


def pictures_in(folder: Path, references: Path | None = None) -> Callable[[str], Path]:
    """A function from a picture's id to its file in `folder`.

    The file is what COCO annotations call it (`file_name`), else the one whose name is the id, as it is or with zeros
    before it as COCO has them.

    Raises:
        PathError: there is no such folder; the function: no such file.
    """
    if not folder.is_dir():
        raise PathError(f"There is no folder {folder}. Give the folder of the pictures.")
    named = _file_names(read_json(references)) if references is not None else {}
    stems = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES}

    def find(name: str) -> Path:
        if name in named:
            return inside(folder, named[name])
        found = stems.get(name) or stems.get(name.zfill(12))
        if found is None:
            raise PathError(f"There is no picture {shown(name)} in {folder} (looked for {name}.jpg and the like).")
        return found

    return find


def _file_names(annotations: Any) -> Mapping[str, str]:
    images = annotations.get("images") if isinstance(annotations, dict) else None
    rows = [image for image in images if isinstance(image, dict)] if isinstance(images, list) else []
    return {str(row.get("id")): str(row["file_name"]) for row in rows if "file_name" in row}


def _unit(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms == 0, 1.0, norms))
