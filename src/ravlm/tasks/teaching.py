"""What each kind of output layer learns: from which questions, with which vocabulary, towards which targets."""

from collections.abc import Sequence
from typing import Any, Protocol

from ravlm.heads.calibration import CalibratedHead
from ravlm.heads.classification import ClassificationHead
from ravlm.heads.multilabel import MultiLabelHead
from ravlm.heads.regression import RegressionHead
from ravlm.heads.units import UnitScale
from ravlm.model.output_config import GenerationConfig, LabelsConfig, OutputConfig, RegressionConfig
from ravlm.records import Example
from ravlm.tasks.captioning import prompted
from ravlm.tasks.classification import LabelFinder, label_vocabulary
from ravlm.tasks.regression import NumberFinder, unit_scales
from ravlm.tasks.vqa import TargetFinder, answer_vocabulary
from ravlm.tensors import Knowledge


class Finder(Protocol):
    """Says what an output layer should have answered."""

    def targets(self, examples: Sequence[Example], knowledge: Knowledge) -> Any:
        """Targets for a batch, as the output layer's `loss` takes them."""


def teachable(config: OutputConfig, examples: Sequence[Example]) -> list[Example]:
    """The examples that such an output layer can learn from: questions with answers; of regression, with a number.

    One that describes learns from captions too, as from answers to its prompt.
    """
    if isinstance(config, GenerationConfig) and config.captions:
        return [prompted(e) for e in examples]
    asked = [e for e in examples if e.question is not None and e.kind != "captions"]
    return [e for e in asked if e.kind == "number"] if isinstance(config, RegressionConfig) else asked


def known_answers(config: OutputConfig, examples: Sequence[Example]) -> tuple[list[str], list[UnitScale]]:
    """What such an output layer knows by heart of its training questions: answers, labels or units, and their scales.

    Empty, where it writes.
    """
    if isinstance(config, GenerationConfig):
        return [], []
    if isinstance(config, RegressionConfig):
        scales = unit_scales(examples, config.units)
        return [scale.name for scale in scales], scales
    if isinstance(config, LabelsConfig):
        return label_vocabulary(examples, config.vocabulary), []
    return answer_vocabulary(examples, config.vocabulary), []


def finder_for(head: CalibratedHead) -> Finder:
    """What says the targets of this output layer."""
    if isinstance(head, MultiLabelHead):
        return LabelFinder(head)
    if isinstance(head, RegressionHead):
        return NumberFinder(head)
    if hasattr(head, "decoder"):  # the one whose module takes seconds to load
        from ravlm.tasks.generation import AnswerWriter

        return AnswerWriter(head)  # type: ignore[arg-type]
    return TargetFinder(head)


def counted(head: CalibratedHead, targets: Any) -> int:
    """Of how many rows, or tokens, the head's loss is the mean; of candidates, of all rows that have targets."""
    if isinstance(head, MultiLabelHead):
        return int(targets.labels.any(1).sum())
    if isinstance(head, RegressionHead):
        return int((targets.unit >= 0).sum())
    if isinstance(head, ClassificationHead):
        return int((targets.label >= 0).sum())
    return int(targets.mask.sum()) if hasattr(targets, "mask") else len(targets.label)
