"""How an output layer is configured, by its kind."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from ravlm.model.settings import Positive, Settings, Share


class AnswerConfig(Settings):
    """What every output layer has.

    `risk` is the largest share of wrong answers that the model may give on validation: what is less sure is declined.
    Without it only "none of these" is. With `delta` the risk is that of all questions like those of validation,
    drawn independently, and is kept with a probability of 1 - delta: see `ravlm.heads.abstention`.
    """

    risk: Share | None = None
    delta: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for fault in contradictions(self.model_dump()):
            raise ValueError(fault)
        return self


def contradictions(settings: Mapping[str, Any]) -> list[str]:
    """What in an output layer's settings does not go with what else is set there, whatever the values are."""
    there = {name for name, value in settings.items() if value is not None}
    faults = []
    if "delta" in there and "risk" not in there:
        faults.append("delta says how surely a risk is kept, and there is no risk: set risk, or leave delta out")
    if settings.get("kind") != "generation":
        return faults
    if "revision" in there and "decoder" not in there:
        faults.append("revision is a decoder's on the hub, and there is no decoder: name one, or leave it out")
    if "decoder" in there and {"layers", "heads"} & there:
        faults.append("a decoder from a folder has layers and heads of its own: leave them out, or the decoder")
    return faults


class CandidatesConfig(AnswerConfig):
    """Answers read out of the passages. `max_span` is the longest candidate in tokens.

    `vocabulary` is the most answers kept for questions asked without any passage.
    """

    kind: Literal["candidates"] = "candidates"
    max_span: Positive = 32
    vocabulary: Positive = 5000


class ClassificationConfig(AnswerConfig):
    """One of the training answers. `vocabulary` is the most answers kept."""

    kind: Literal["classification"] = "classification"
    vocabulary: Positive = 5000


class LabelsConfig(AnswerConfig):
    """A set of labels. `vocabulary` is the most labels kept."""

    kind: Literal["labels"] = "labels"
    vocabulary: Positive = 5000


class RegressionConfig(AnswerConfig):
    """A number with its unit. `units` is the most units kept; `tolerance` the share that a right one is off by."""

    kind: Literal["regression"] = "regression"
    units: Positive = 50
    tolerance: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1


class GenerationConfig(AnswerConfig):
    """Answers written token by token. `longest` is in tokens; `beams` texts are kept while writing.

    With `captions` it learns from the dataset's captions too, and describes pictures about which nothing is asked.
    `decoder` is a GPT-2's folder or hub name, `revision` the hub's branch, tag or commit. Without one the decoder
    begins at random, with so many `layers` and `heads`.
    """

    kind: Literal["generation"] = "generation"
    longest: Annotated[int, Field(ge=2)] = 32
    beams: Positive = 4
    layers: Positive | None = None
    heads: Positive | None = None
    captions: bool = False
    decoder: Annotated[str, Field(min_length=1)] | None = None
    revision: str | None = None


def _output_kind(value: Any) -> str:
    """The kind of an output layer's settings; candidates where they don't say."""
    return str(value.get("kind", "candidates") if isinstance(value, dict) else getattr(value, "kind", "candidates"))


OutputConfig = Annotated[
    Annotated[CandidatesConfig, Tag("candidates")]
    | Annotated[ClassificationConfig, Tag("classification")]
    | Annotated[LabelsConfig, Tag("labels")]
    | Annotated[RegressionConfig, Tag("regression")]
    | Annotated[GenerationConfig, Tag("generation")],
    Discriminator(_output_kind),
]
