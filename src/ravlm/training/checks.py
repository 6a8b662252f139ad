"""What a dataset must have for a run, asked before anything is written."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ravlm.errors import ConfigError, TrainingError
from ravlm.grading import normalise, reference_answer
from ravlm.knowledge.store import KnowledgeBase
from ravlm.model.config import learns
from ravlm.model.folder import SIDES
from ravlm.model.output_config import ClassificationConfig, GenerationConfig, LabelsConfig, RegressionConfig
from ravlm.records import Entry, Example
from ravlm.training.config import RunConfig
from ravlm.training.stage_config import StageConfig
from ravlm.training.validation import SPLIT

_FEWEST = 2  # questions: batch normalisation needs two
_ATTENDING = ("hierarchical", "interaction")  # fusions that weigh passages by what is asked


def check_questions(
    config: RunConfig,
    examples: Sequence[Example],
    questions: Sequence[Example],
    validation: Sequence[Example],
    entries: Mapping[str, Entry],
    data: Path,
) -> None:
    """Refuse a dataset that gives a stage nothing to learn from, or nothing to be validated with where it is asked for.

    Raises:
        TrainingError: it is such a dataset.
    """
    pictured = any(entries[g].images for e in examples for g in e.entries if g in entries)
    pictured = pictured or not config.training.match.steps
    asked = len(questions)
    output = config.model.output
    sort = "a number" if isinstance(output, RegressionConfig) else "an answer"
    if not pictured or asked < _FEWEST:
        missing = "none of an entry that has a picture" if not pictured else f"{asked} that ask for {sort}"
        raise TrainingError(
            f"{data} can't be trained on: of the {len(examples)} examples in its train.jsonl there are {missing}. "
            "Picture matching learns from photos of entries that have pictures (`entries` and `images`), reading "
            f"from at least {_FEWEST} questions that ask for {sort}. Captions count where model.output.captions is "
            "true. Add some; or where no question names its entries, leave matching out (training.match.steps = 0)."
        )
    for name, stage in _stages(config).items():
        if stage.validate_every and not validation:
            raise TrainingError(
                f"training.{name}.validate_every is {stage.validate_every}, and {data} has no validation question that "
                f"asks for {sort}: its val.jsonl is empty, or missing. Add one, or leave validate_every out."
            )
    if output.risk is not None and not validation:
        raise TrainingError(
            f"model.output.risk is {output.risk}, and {data} has no validation question that asks for {sort}, on which "
            "it could be kept. Add a val.jsonl, or leave risk out."
        )


def check_labels(config: RunConfig, vocabulary: Sequence[str], validation: Sequence[Example], data: Path) -> None:
    """Refuse validation none of whose labels can be given: nothing could be told from it.

    Raises:
        TrainingError: it is such a validation.
    """
    output = config.model.output
    if not isinstance(output, ClassificationConfig | LabelsConfig) or not validation:
        return
    known = {normalise(answer) for answer in vocabulary}
    asked = [e.answers if e.kind == "all_of" else (reference_answer(e),) for e in validation]
    if not any(normalise(answer) in known for answers in asked for answer in answers):
        raise TrainingError(
            f"None of the labels of {data}/{SPLIT}.jsonl, for instance {asked[0][0]!r}, is among the {len(known):,} "
            f"that training knows, for instance {vocabulary[0]!r}: labels are those of train.jsonl, the commonest "
            f"{output.vocabulary:,} of them (model.output.vocabulary). Give both splits the same labels."
        )


def check_stages(config: RunConfig) -> None:
    """Refuse stages that don't fit the model: all that is wrong with them.

    That is a rate for an encoder that is declared to stand still; joint training by weights of passages that are the
    retriever's own scores; and joint training where captions are learned, from other entries than their own, so that
    none of those that are found is the right one.

    Raises:
        ConfigError: there is such a stage.
    """
    model, joint = config.model, config.training.joint
    faults = [
        f"training.{name}.rates gives {side} a rate, and model.{side} is declared to stand still (its trainable is "
        "'none'). Set its trainable, or leave the rate out."
        for name, stage in _stages(config).items()
        for side in SIDES
        if stage.rates.get(side, 0.0) > 0.0 and not learns(getattr(model, side))
    ]
    if "attention" in joint.objectives and joint.steps and model.fusion.kind not in _ATTENDING:
        faults.append(
            f"training.joint.objectives has 'attention', and fusion {model.fusion.kind!r} weighs passages by their "
            "retrieval scores alone, which would teach themselves. Choose a fusion of "
            f"{' or '.join(_ATTENDING)}, or the objective 'likelihood'."
        )
    if joint.steps and isinstance(model.output, GenerationConfig) and model.output.captions:
        faults.append(
            "training.joint learns which entries are right from questions, and captions (model.output.captions) are "
            "learned from other entries than their own. Leave one of them out."
        )
    if faults:
        raise ConfigError("\n".join(["The stages don't fit the model:", *(f"  {fault}" for fault in faults)]))


def _stages(config: RunConfig) -> dict[str, StageConfig]:
    """The stages that there are, by their names."""
    every = {name: getattr(config.training, name) for name in ("match", "read", "joint")}
    return {name: stage for name, stage in every.items() if stage.steps}


def named_entries(examples: Sequence[Example], base: KnowledgeBase) -> list[Entry]:
    """The entries of a base that examples name.

    Raises:
        TrainingError: the base lacks some.
    """
    names = sorted({entry_id for example in examples for entry_id in example.entries})
    missing = [entry_id for entry_id in names if entry_id not in base]
    if missing:
        raise TrainingError(
            f"The knowledge base {base.location} lacks {len(missing):,} of the {len(names):,} entries that the "
            f"examples name, for instance {missing[0]!r}. Add them (`ravlm knowledge add`), or leave out --knowledge."
        )
    return [base.get(entry_id) for entry_id in names]
