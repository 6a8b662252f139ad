"""How an output layer is configured, by its kind."""

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
    def _delta_has_a_risk(self) -> Self:
        if self.delta is not None and self.risk is None:
            raise ValueError("delta says how surely a risk is kept, and there is no risk: set risk, or leave delta out")
        return self


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

    `decoder` is a GPT-2's folder or hub name, `revision` the hub's branch, tag or commit. Without one the decoder
    begins at random, with so many `layers` and `heads`.
    """

    kind: Literal["generation"] = "generation"
    longest: Annotated[int, Field(ge=2)] = 32
    beams: Positive = 4
    layers: Positive | None = None
    heads: Positive | None = None
    decoder: Annotated[str, Field(min_length=1)] | None = None
    revision: str | None = None

    @model_validator(mode="after")
    def _settings_are_of_one_decoder(self) -> Self:
        if self.decoder is None and self.revision is not None:
            raise ValueError("revision is a decoder's on the hub, and there is no decoder: name one, or leave it out")
        if self.decoder is not None and (self.layers, self.heads) != (None, None):
            raise ValueError("a decoder from a folder has layers and heads of its own: leave them out, or the decoder")
        return self


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
