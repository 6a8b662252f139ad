"""Captions against references: BLEU, ROUGE-L, CIDEr, METEOR, as COCO's evaluation computes them.

Chen et al. 2015, Microsoft COCO Captions: Data Collection and Evaluation Server, section 4. The names are those of the
official results: Bleu_1 to Bleu_4, ROUGE_L, CIDEr, METEOR.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ravlm.evaluation.measures import mean
from ravlm.evaluation.official.bleu import bleu
from ravlm.evaluation.official.cider import cider
from ravlm.evaluation.official.meteor import meteor
from ravlm.evaluation.official.ngrams import LONGEST, counted
from ravlm.evaluation.official.pairing import STRICT, Leniency, Paired, pair
from ravlm.evaluation.official.ptb import tokenised
from ravlm.evaluation.official.reading import (
    Identifier,
    Records,
    identifier,
    is_object,
    listed,
    read_json,
    read_pairs,
    records,
    text,
)
from ravlm.evaluation.official.rouge import rouge_l
from ravlm.evaluation.official.scored import Scored
from ravlm.safe.jsonl import shown

Clip = Callable[[Sequence[str], Sequence[str], Sequence[Sequence[str]]], tuple[list[float], list[float]]]
"""CLIPScore and RefCLIPScore of captions, by the pictures' ids, the captions, and each one's references."""

MEASURES = (*(f"Bleu_{n}" for n in range(1, LONGEST + 1)), "ROUGE_L", "CIDEr")


def caption_scores(
    candidates: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """The scores of all captions by their names, and those of each caption.

    Args:
        candidates: captions as tokens, a space between them.
        references: for each, its references as tokens, one at least.
    """
    said = [counted(caption) for caption in candidates]
    once = {reference: counted(reference) for some in references for reference in some}
    right = [[once[reference] for reference in some] for some in references]
    whole, single = bleu(said, right)
    each = {f"Bleu_{n}": [scores[n - 1] for scores in single] for n in range(1, LONGEST + 1)}
    each["ROUGE_L"] = [rouge_l(caption, some) for caption, some in zip(candidates, references, strict=True)]
    each["CIDEr"] = cider(said, right)
    overall = dict(zip(MEASURES, whole, strict=False))
    return overall | {name: mean(each[name]) or 0.0 for name in ("ROUGE_L", "CIDEr")}, each


def score_captions(
    references: Mapping[str, Sequence[str]],
    predictions: Mapping[str, str],
    *,
    with_meteor: bool = False,
    clip: Clip | None = None,
) -> Scored:
    """The scores of captions by picture. A picture without a caption has the empty one.

    `per_question` is ROUGE_L, the one of them that is a share; `by_measure` has all. Bleu of a single caption is what
    the official code gives, of little meaning; METEOR of all captions is its own average.

    Args:
        references: the captions of each picture, one at least.
        predictions: the captions to be scored.
        with_meteor: whether to ask METEOR's program (see `meteor`).
        clip: for CLIPScore and RefCLIPScore, which read the captions as they are.

    Raises:
        MissingExtra, ConfigError: METEOR is asked for and can't be.
    """
    names = list(references)
    candidates = [predictions.get(name, "") for name in names]
    right = [list(references[name]) for name in names]
    said, cut = tokenised(candidates), _cut(right)
    overall, each = caption_scores(said, cut)
    if with_meteor:
        overall["METEOR"], each["METEOR"] = meteor(said, cut)
    if clip is not None:
        each["CLIPScore"], each["RefCLIPScore"] = clip(names, candidates, right)
        overall |= {name: mean(each[name]) or 0.0 for name in ("CLIPScore", "RefCLIPScore")}
    by_measure = {name: dict(zip(names, scores, strict=True)) for name, scores in each.items()}
    return Scored(overall, by_measure["ROUGE_L"], by_measure)


def score_caption_files(
    predictions: Path,
    references: Path,
    *,
    with_meteor: bool = False,
    clip: Clip | None = None,
    leniency: Leniency = STRICT,
) -> Scored:
    """The scores of a file of captions.

    Args:
        predictions: COCO results, `[{"image_id", "caption"}]`, or `{id: caption}`.
        references: COCO annotations, `{"annotations": [{"image_id", "caption"}]}`, or `{id: [caption, ...]}`.
        with_meteor: see `score_captions`.
        clip: see `score_captions`.
        leniency: what is let pass.

    Raises:
        PathError, FormatError: a file is missing, or of another format.
        DatasetError: predictions and pictures don't belong together; see `pair`.
    """
    paired: Paired[str, list[str]] = pair(read_captions(predictions), read_references(references), leniency)
    found = score_captions(paired.references, paired.predictions, with_meteor=with_meteor, clip=clip)
    return found.noted(*paired.notes)


def read_captions(path: Path) -> Records[str]:
    """The captions of a results file, or of an object of them. Errors: as `listed`."""
    if is_object(path):
        pairs = ((f"picture {key!r}", {"image_id": key, "caption": value}) for key, value in read_pairs(path))
        return records(path, pairs, _caption, "image_id", keyed=True)
    return records(path, listed(path), _caption, "image_id")


def read_references(path: Path) -> Records[list[str]]:
    """The captions of each picture of an annotations file, or of an object of them. Errors: as `listed`."""
    found = read_json(path)
    if isinstance(found, dict) and not isinstance(found.get("annotations"), list):
        pairs = ((f"picture {key!r}", (key, value)) for key, value in read_pairs(path))
        return records(path, pairs, _of_object, "picture", keyed=True)
    single = records(path, listed(path, "annotations"), _caption, "image_id")
    pictures: dict[Identifier, list[str]] = {}
    for name, caption in single.items:
        pictures.setdefault(name, []).append(caption)
    return Records(path, list(pictures.items()), single.faults, unfit=single.unfit)


def _caption(record: Any) -> tuple[Identifier, str]:
    return identifier(record, "image_id"), text(record, "caption")


def _of_object(pair: tuple[str, Any]) -> tuple[Identifier, list[str]]:
    name, found = pair
    captions = [found] if isinstance(found, str) else found
    if not isinstance(captions, list) or not captions or not all(isinstance(one, str) for one in captions):
        raise ValueError(f"found {shown(found)}, expected a list of captions")
    return name, captions


def _cut(references: Sequence[Sequence[str]]) -> list[list[str]]:
    """The references of each picture as tokens; all are cut together, as lines of one file."""
    together = iter(tokenised([caption for some in references for caption in some]))
    return [[next(together) for _ in some] for some in references]
