"""A whole training run: dataset in, model's folder out."""

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import ravlm
from ravlm.data.dataset import Dataset
from ravlm.device import Precision, choose_device, precision_of
from ravlm.encoders.base import Encoder
from ravlm.encoders.features.cache import FeatureCache
from ravlm.errors import ConfigError, PathError, TrainingError
from ravlm.heads.calibration import Calibration
from ravlm.knowledge.build import build
from ravlm.knowledge.keep import keep_base
from ravlm.knowledge.passages import passages
from ravlm.knowledge.places import REFERENCE, WITHIN_A_MODEL
from ravlm.knowledge.sources.dataset import DatasetSource
from ravlm.knowledge.store import KnowledgeBase
from ravlm.model.build import build_model
from ravlm.model.config import PretrainedConfig
from ravlm.model.encoders import build_language_encoder, build_visual_encoder
from ravlm.model.folder import CONFIG, save_model
from ravlm.model.indexes import embed_pictures, follow
from ravlm.model.output_config import RegressionConfig
from ravlm.records import Entry, Example
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.retrieval.image import ImageIndex, Stamp
from ravlm.retrieval.tfidf import TfidfIndex, question_weights
from ravlm.safe.files import write_text_atomic
from ravlm.safe.images import decode_image
from ravlm.tasks.teaching import known_answers, teachable
from ravlm.training.checkpoint import FOLDER, last_checkpoint
from ravlm.training.config import RunConfig
from ravlm.training.loop import Curve, Progress, Run, train_stage
from ravlm.training.match import MatchStage
from ravlm.training.optim import hash_seed
from ravlm.training.photos import Photos, kept_size, picture_pairs, read_photos, see_photos, seen_of, square_of, stretch
from ravlm.training.read import Reading, ReadStage
from ravlm.training.validation import validate, validation_questions

RUN = "run.json"
STAGES = (MatchStage.name, ReadStage.name)
_FEWEST = 2  # questions: batch normalisation needs two
_NEAREST = 10  # entries that each photo finds


@dataclass(frozen=True)
class TrainingReport:
    """What a run took: seconds spent in the two stages and in all, the learning curve, and what validation showed.

    `calibration` is None where there was no validation question.
    """

    seconds: dict[str, float]
    curve: list[dict[str, Any]]
    calibration: Calibration | None


def train(
    config: RunConfig,
    data: Path,
    out: Path,
    *,
    knowledge: str | None = None,
    cache: FeatureCache | None = None,
    resume: bool = False,
    progress: Progress = lambda *_: None,
) -> TrainingReport:
    """Train a model on a dataset folder and write it to `out`.

    The knowledge base comes first: from the dataset, or a copy of the base at `knowledge`, or its name where it is
    large (`keep_base`). Then, stage by stage, the weights; `out/checkpoints` holds the last whole state, from which
    `resume` goes on to the same weights, bit for bit, on the same machine and threads. The cache keeps what an eye that
    stands still makes of pictures, for other runs.

    Raises:
        PathError: `out` is in the way, or there is nothing to resume.
        ConfigError: the run to resume had other settings, encoders or data; or an encoder is refused.
        PathError, HubError, FormatError: a pre-trained encoder can't be had.
        DatasetError: the dataset has faults.
        TrainingError: the dataset can't be trained on, the base lacks entries, or the loss is no number any more.
    """
    began = time.perf_counter()
    dataset = Dataset.open(data)
    examples = dataset.split("train")
    given = None if knowledge is None else KnowledgeBase.open(knowledge)
    entries = dataset.knowledge() if given is None else _named(examples, given)
    questions = teachable(config.model.output, examples)
    validation = validation_questions(config.model.output, dataset, config.training.seed)
    _check(config, examples, questions, validation, {entry.id: entry for entry in entries}, data)
    brought = _brought(config)
    precision = _prepare(config, dataset, given, brought, out, resume)
    base = _base(dataset, given, out)

    vocabulary, scales = known_answers(config.model.output, questions)
    question_words = question_weights([e.question or "" for e in questions])
    torch.manual_seed(hash_seed(config.training.seed, "weights"))
    visual = brought.get("visual") or build_visual_encoder(config.model.visual)
    language = brought.get("language") or build_language_encoder(config.model.language, _texts(questions, base))
    empty = ImageIndex(torch.zeros(0, visual.pooled_width).numpy(), [], Stamp("", ""))
    parts: dict[str, Any] = {"visual": visual, "language": language}
    model = build_model(
        config.model,
        **parts,
        vocabulary=vocabulary,
        scales=scales,
        images=empty,
        passages=TfidfIndex([], question_words),
    )
    device = choose_device()
    model.to(device)
    model.to(memory_format=torch.channels_last)
    retriever = model.knowledge_retriever
    if not isinstance(retriever, EntityThenPassageRetriever):
        raise TypeError("training needs a retriever that goes from entry to passage")
    settings = config.training
    run = Run(
        whole=model,
        device=device,
        seed=settings.seed,
        precision=precision,
        checkpoint_every=settings.checkpoint_every,
        out=out,
        stages=STAGES,
        progress=progress,
    )
    checkpoint = last_checkpoint(out) if resume else None

    size = square_of(visual) if visual.learns else 0
    if visual.learns:
        photos = read_photos(dataset, examples, kept_size(size), progress)
    else:
        photos = see_photos(dataset, examples, visual, cache, progress)
    curve: Curve = []
    if checkpoint is None or checkpoint.stage == MatchStage.name:
        pairs = picture_pairs(photos, examples, base, _look(visual, base, size, cache))
        matching = MatchStage(
            eye=visual, log_scale=retriever.log_scale, pairs=pairs, size=size, settings=settings.match
        )
        curve = train_stage(run, matching, curve, checkpoint)
    else:
        checkpoint.restore_model(model)
    matched = time.perf_counter()

    progress("indexing the knowledge base", 0, 1)
    images = follow(model, base, cache=None if visual.learns else cache)
    progress("indexing the knowledge base", 1, 1)
    if visual.learns and not visual.stretches:  # seen as they are when asked, not as they were augmented
        photos = see_photos(dataset, examples, visual, None, progress)
    model.eval()
    reading = _reading(retriever, visual, photos, questions)
    curve = train_stage(
        run, ReadStage(model=model, retriever=retriever, reading=reading, settings=settings.read), curve, checkpoint
    )
    calibration = None
    if validation:
        calibration = validate(
            model, retriever, config.model.output, dataset, validation, cache=cache, progress=progress
        )
    seconds = {"training": round(time.perf_counter() - began, 1), "match": round(matched - began, 1)}
    about = {**config.training.model_dump(), "ravlm": ravlm.__version__, "torch": torch.__version__, "curve": curve}
    about["calibration"] = None if calibration is None else _as_json(calibration)
    save_model(
        out,
        model,
        config.model,
        vocabulary=vocabulary,
        question_words=question_words,
        images=images,
        training=about,
    )
    (out / RUN).unlink()  # first: a run that is told by `config.json` to be over is not resumed
    shutil.rmtree(out / FOLDER)
    return TrainingReport(seconds, curve, calibration)


def _as_json(calibration: Calibration) -> dict[str, Any]:
    """The calibration as it is kept with the model; a threshold that nothing reaches is null: JSON has no infinity."""
    return asdict(calibration) | ({} if math.isfinite(calibration.threshold) else {"threshold": None})


def _check(
    config: RunConfig,
    examples: Sequence[Example],
    questions: Sequence[Example],
    validation: Sequence[Example],
    entries: dict[str, Entry],
    data: Path,
) -> None:
    pictured = any(entries[g].images for e in examples for g in e.entries if g in entries)
    asked = len(questions)
    output = config.model.output
    sort = "a number" if isinstance(output, RegressionConfig) else "an answer"
    if not pictured or asked < _FEWEST:
        missing = "none of an entry that has a picture" if not pictured else f"{asked} that ask for {sort}"
        raise TrainingError(
            f"{data} can't be trained on: of the {len(examples)} examples in its train.jsonl there are {missing}. "
            "Picture matching learns from photos of entries that have pictures (`entries` and `images`), reading "
            f"from at least {_FEWEST} questions that ask for {sort} (captions don't). Add some."
        )
    if output.risk is not None and not validation:
        raise TrainingError(
            f"model.output.risk is {output.risk}, and {data} has no validation question that asks for {sort}, on which "
            "it could be kept. Add a val.jsonl, or leave risk out."
        )


def _named(examples: Sequence[Example], base: KnowledgeBase) -> list[Entry]:
    """The entries of a base that examples name."""
    names = sorted({entry_id for example in examples for entry_id in example.entries})
    missing = [entry_id for entry_id in names if entry_id not in base]
    if missing:
        raise TrainingError(
            f"The knowledge base {base.location} lacks {len(missing):,} of the {len(names):,} entries that the "
            f"examples name, for instance {missing[0]!r}. Add them (`ravlm knowledge add`), or leave out --knowledge."
        )
    return [base.get(entry_id) for entry_id in names]


def _base(dataset: Dataset, given: KnowledgeBase | None, out: Path) -> KnowledgeBase:
    """The model's base: made where it is not there yet, opened."""
    if not (out / WITHIN_A_MODEL).exists() and not (out / REFERENCE).exists():
        if given is None:
            build(DatasetSource(dataset.folder), out / WITHIN_A_MODEL)
        else:
            keep_base(given, out)
    return KnowledgeBase.open(out)


def _prepare(
    config: RunConfig,
    dataset: Dataset,
    given: KnowledgeBase | None,
    brought: Mapping[str, Encoder],
    out: Path,
    resume: bool,
) -> Precision:
    """Make `out`, or make sure that the run in it is the one to be resumed; the precision that it computes in."""
    about: dict[str, Any] = {"config": config.model_dump(), "data": dataset.fingerprint()}
    about |= {} if given is None else {"knowledge": given.fingerprint}
    about |= {} if not brought else {"encoders": {side: encoder.fingerprint() for side, encoder in brought.items()}}
    if resume:
        if not (out / RUN).is_file():
            done = "It holds a finished model." if (out / CONFIG).is_file() else "No run was begun there."
            raise PathError(f"There is nothing to resume in {out}. {done} Leave out --resume and give a new --out.")
        before = json.loads((out / RUN).read_text(encoding="utf-8"))
        different = [key for key in sorted({*about, "knowledge", "encoders"}) if before.get(key) != about.get(key)]
        if different:
            raise ConfigError(
                f"The run in {out} was begun otherwise: not the same now is its {' and '.join(different)}. Resume it "
                "with the same settings, seed, encoders and dataset, or train anew into another folder."
            )
        kept: Precision = before["precision"]
        return kept
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        hint = " or go on with --resume" if (out / RUN).is_file() else ""
        raise PathError(f"{out} is not empty, and nothing is written over. Give a new folder with --out{hint}.")
    out.mkdir(parents=True, exist_ok=True)
    precision = precision_of(choose_device(), config.training.precision)
    write_text_atomic(out / RUN, json.dumps(about | {"precision": precision}, indent=1))
    return precision


def _reading(
    retriever: EntityThenPassageRetriever, eye: Encoder, photos: Photos, questions: Sequence[Example]
) -> Reading:
    """The questions with what the eye makes of their photos and the entries that each photo finds."""
    places = sorted({photos.place[e.images[0]] for e in questions})
    seen = seen_of(photos, places, eye, square_of(eye) if photos.seen is None else 0)
    queries = retriever.query_keys(seen)
    nearest = [[entry_id for entry_id, _, _ in row] for row in retriever.images.search(queries, _NEAREST)]
    index = {place: i for i, place in enumerate(places)}
    photo = torch.tensor([index[photos.place[e.images[0]]] for e in questions])
    return Reading(questions, photo, seen, queries, nearest, [photos.ids[place] for place in places])


def _look(
    eye: Encoder, base: KnowledgeBase, size: int, cache: FeatureCache | None
) -> Callable[[Sequence[str]], Tensor]:
    """What becomes of the entries' pictures in the match stage: pixels, or the keys of an eye that stands still."""
    if not eye.learns:
        return lambda image_ids: torch.from_numpy(embed_pictures(eye, base.picture, cache)(image_ids))
    kept = kept_size(size)
    return lambda image_ids: torch.stack([stretch(decode_image(base.picture(i)), kept) for i in image_ids])


def _texts(questions: Sequence[Example], base: KnowledgeBase) -> Iterator[str]:
    """What a tokeniser is trained on: the questions and the base's passages."""
    yield from (example.question or "" for example in questions)
    yield from (passage.text for entry in base.iterate() for passage in passages(entry))


def _brought(config: RunConfig) -> dict[str, Encoder]:
    """The encoders that a configuration brings ready-made, by side: loaded before anything is written."""
    brought: dict[str, Encoder] = {}
    if isinstance(config.model.visual, PretrainedConfig):
        brought["visual"] = build_visual_encoder(config.model.visual)
    if isinstance(config.model.language, PretrainedConfig):
        brought["language"] = build_language_encoder(config.model.language, [])
    return brought
