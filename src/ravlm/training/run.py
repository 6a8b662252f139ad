"""A whole training run: dataset in, model's folder out."""

import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import ravlm
from ravlm.data.dataset import Dataset
from ravlm.device import choose_device
from ravlm.encoders.base import Encoder
from ravlm.encoders.features.cache import FeatureCache
from ravlm.heads.calibration import Calibration
from ravlm.knowledge.build import build
from ravlm.knowledge.keep import keep_base
from ravlm.knowledge.places import REFERENCE, WITHIN_A_MODEL
from ravlm.knowledge.sources.dataset import DatasetSource
from ravlm.knowledge.store import KnowledgeBase
from ravlm.model.folder import SIDES, encoders_of, open_model, save_model
from ravlm.model.indexes import embed_pictures, follow
from ravlm.records import Example
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.safe.images import decode_image
from ravlm.tasks.teaching import known_answers, teachable
from ravlm.training.checkpoint import FOLDER, last_checkpoint
from ravlm.training.checks import check_labels, check_questions, check_stages, named_entries
from ravlm.training.config import RunConfig
from ravlm.training.joint import JointStage
from ravlm.training.loop import Curve, Measured, Progress, Run, train_stage
from ravlm.training.match import MatchStage, PicturePairs
from ravlm.training.photos import Photos, kept_size, picture_pairs, read_photos, see_photos, seen_of, square_of, stretch
from ravlm.training.processes import Share
from ravlm.training.read import Reading, ReadStage, eye_learns
from ravlm.training.record import (
    RUN,
    begin,
    check_base,
    kept_with_the_model,
    precision_in,
    settle_base,
    whole_or_nothing,
)
from ravlm.training.stage_config import StageConfig
from ravlm.training.start import brought_encoders, continued, new_model
from ravlm.training.validation import SPLIT, ValidationQuestions, validate, validation_questions

STAGES = (MatchStage.name, ReadStage.name, JointStage.name)
_NEAREST = 10  # entries that each photo finds


@dataclass(frozen=True)
class TrainingReport:
    """What a run took: seconds spent in the two stages and in all, the learning curve, and what validation showed.

    `calibration` is None where there was no validation question.
    """

    seconds: dict[str, float]
    curve: list[dict[str, Any]]
    calibration: Calibration | None


@whole_or_nothing
def train(
    config: RunConfig,
    data: Path,
    out: Path,
    *,
    knowledge: str | None = None,
    start: Path | None = None,
    cache: FeatureCache | None = None,
    resume: bool = False,
    progress: Progress = lambda *_: None,
    measured: Measured = lambda *_: None,
    share: Share = Share(),  # noqa: B008  a frozen value
) -> TrainingReport:
    """Train a model on a dataset folder and write it to `out`.

    It is a new one, or goes on from the model in the folder `start`, whose parts, weights and vocabulary it then has,
    but for the retriever's settings. A stage of 0 steps is left out.

    The knowledge base comes first: from the dataset, or a copy of the base at `knowledge`, or its name where it is
    large (`keep_base`). Then, stage by stage, the weights; `out/checkpoints` holds the last whole state, from which
    `resume` goes on to the same weights, bit for bit, on the same machine and threads. The cache keeps what an eye that
    stands still makes of pictures, for other runs. `measured` is told each row of the curve, with more measures.
    Of several processes (`join_processes`) each calls this with its `share`; the first alone writes.

    Raises:
        PathError: `out` is in the way, or there is nothing to resume.
        ConfigError: the run to resume had other settings, encoders or data; or an encoder is refused.
        PathError, HubError, FormatError: a pre-trained encoder can't be had.
        DatasetError: the dataset has faults.
        KnowledgeError: the base changed under the run.
        TrainingError: the dataset can't be trained on, the base lacks entries, memory is too small, or the loss is no
            number any more.
    """
    began = time.perf_counter()
    if start is not None:
        config = continued(config, start)
    check_stages(config)
    dataset = Dataset.open(data)
    examples = dataset.split("train")
    given = None if knowledge is None else KnowledgeBase.open(knowledge)
    entries = dataset.knowledge() if given is None else named_entries(examples, given)
    questions = teachable(config.model.output, examples)
    validation = validation_questions(config.model.output, dataset, config.training.seed)
    check_questions(config, examples, questions, validation, {entry.id: entry for entry in entries}, data)
    opened = None if start is None else open_model(start, config.model.retriever, learning=config.model)
    brought = brought_encoders(config) if opened is None else dict(zip(SIDES, encoders_of(opened.model), strict=True))
    vocabulary, scales = known_answers(config.model.output, questions)
    check_labels(config, vocabulary, validation, data)
    if share.first:
        begin(config, dataset, given, brought, start, out, share=share, resume=resume)
        settle_base(out, _base(dataset, given, out))
    share.wait()
    base = KnowledgeBase.open(out)

    if opened is None:
        opened = new_model(config, questions, vocabulary, scales, brought, base)
    model = opened.model
    visual, _ = encoders_of(model)
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
        precision=precision_in(out),
        checkpoint_every=settings.checkpoint_every,
        out=out,
        stages=STAGES,
        progress=progress,
        measured=measured,
        share=share,
    )
    checkpoint = last_checkpoint(out) if resume else None

    size = square_of(visual) if visual.learns else 0
    photos = _photos(dataset, examples, visual, cache, progress)
    pixels = photos.views
    curve: Curve = []
    if settings.match.steps and (checkpoint is None or checkpoint.stage == MatchStage.name):
        look = _look(visual, base, cache)
        held_out = None
        if settings.match.validate_every:
            held_out = _held_out(dataset, base, look, visual, cache, progress)
        matching = MatchStage(
            eye=visual,
            log_scale=retriever.log_scale,
            pairs=picture_pairs(photos, examples, base, look),
            size=size,
            settings=settings.match,
            held_out=held_out,
        )
        curve = train_stage(run, matching, curve, checkpoint)
    elif checkpoint is not None:
        checkpoint.restore_model(model)
        if checkpoint.stage == ReadStage.name and eye_learns(settings.read):
            visual.load_state_dict(checkpoint.part("kept"))  # the eye that the stage's index is made with
    matched = time.perf_counter()

    check_base(out, base)
    progress("indexing the knowledge base", 0, 1)
    images = follow(model, base, cache=None if visual.learns else cache)
    progress("indexing the knowledge base", 1, 1)
    if visual.learns and not visual.stretches:  # seen as they are when asked, not as they were augmented
        photos = see_photos(dataset, examples, visual, None, progress)
    model.eval()
    learning = eye_learns(settings.read) or eye_learns(settings.joint)
    looked = (pixels, size) if learning else None
    reading = _reading(retriever, visual, photos, questions, looked)

    def asked(stage: StageConfig) -> ValidationQuestions | None:
        if not stage.validate_every or not share.first:
            return None
        return ValidationQuestions(model, retriever, dataset, validation, cache=cache, progress=progress)

    parts: dict[str, Any] = {"model": model, "retriever": retriever}
    if settings.read.steps and (checkpoint is None or checkpoint.stage != JointStage.name):
        read = ReadStage(**parts, reading=reading, settings=settings.read, validation=asked(settings.read))
        curve = train_stage(run, read, curve, checkpoint)
        if eye_learns(settings.read):
            model.eval()
            images = follow(model, base)
            if settings.joint.steps and not visual.stretches:
                photos = see_photos(dataset, examples, visual, None, progress)
            reading = _reading(retriever, visual, photos, questions, looked)
    if settings.joint.steps:
        joint = JointStage(
            **parts,
            reading=reading,
            settings=settings.joint,
            follow=lambda: follow(model, base),
            validation=asked(settings.joint),
        )
        curve = train_stage(run, joint, curve, checkpoint)
        if eye_learns(settings.joint):
            images = follow(model, base)
    if not share.first:
        share.wait()
        return TrainingReport({}, curve, None)
    check_base(out, base)
    calibration = None
    if validation:
        calibration = validate(
            model, retriever, config.model.output, dataset, validation, cache=cache, progress=progress
        )
    seconds = {"training": round(time.perf_counter() - began, 1), "match": round(matched - began, 1)}
    about = {**config.training.model_dump(), "ravlm": ravlm.__version__, "torch": torch.__version__, "curve": curve}
    about["calibration"] = None if calibration is None else _as_json(calibration)
    about["run"] = kept_with_the_model(out)
    save_model(
        out,
        model,
        config.model,
        vocabulary=opened.vocabulary,
        question_words=opened.question_words,
        images=images,
        training=about,
    )
    (out / RUN).unlink()  # first: a run that is told by `config.json` to be over is not resumed
    shutil.rmtree(out / FOLDER)
    share.wait()
    return TrainingReport(seconds, curve, calibration)


def _as_json(calibration: Calibration) -> dict[str, Any]:
    """The calibration as it is kept with the model; a threshold that nothing reaches is null: JSON has no infinity."""
    return asdict(calibration) | ({} if math.isfinite(calibration.threshold) else {"threshold": None})


def _base(dataset: Dataset, given: KnowledgeBase | None, out: Path) -> KnowledgeBase:
    """The model's base: made where it is not there yet, opened."""
    if not (out / WITHIN_A_MODEL).exists() and not (out / REFERENCE).exists():
        if given is None:
            build(DatasetSource(dataset.folder), out / WITHIN_A_MODEL)
        else:
            keep_base(given, out)
    return KnowledgeBase.open(out)


def _reading(
    retriever: EntityThenPassageRetriever,
    eye: Encoder,
    photos: Photos,
    questions: Sequence[Example],
    learning: tuple[Tensor, int] | None,
) -> Reading:
    """The questions with what the eye makes of their photos and the entries that each photo finds by its own key.

    Where the eye is still learning, also the photos' pixels (of all places) and the side at which it sees them.
    """
    places = sorted({photos.place[e.images[0]] for e in questions})
    seen = seen_of(photos, places, eye, square_of(eye) if photos.seen is None else 0)
    queries = nn.functional.normalize(seen.pooled.float(), dim=-1).cpu().numpy()
    nearest = [[entry_id for entry_id, _, _ in row] for row in retriever.images.search(queries, _NEAREST)]
    index = {place: i for i, place in enumerate(places)}
    photo = torch.tensor([index[photos.place[e.images[0]]] for e in questions])
    ids = [photos.ids[place] for place in places]
    pixels, size = (None, 0) if learning is None else (learning[0][places], learning[1])
    return Reading(questions, photo, seen, queries, nearest, ids, pixels, size)


def _photos(
    dataset: Dataset, examples: Sequence[Example], eye: Encoder, cache: FeatureCache | None, progress: Progress
) -> Photos:
    """The examples' photos as the match stage takes them: pixels where the eye learns, else what it makes of them."""
    if eye.learns:
        return read_photos(dataset, examples, kept_size(square_of(eye)), progress)
    return see_photos(dataset, examples, eye, cache, progress)


def _held_out(
    dataset: Dataset,
    base: KnowledgeBase,
    look: Callable[[Sequence[str]], Tensor],
    eye: Encoder,
    cache: FeatureCache | None,
    progress: Progress,
) -> PicturePairs | None:
    """Pairs of validation photos and their entries' pictures; None where there are none."""
    examples = [e for e in dataset.split(SPLIT) if any(g in base and base.get(g).images for g in e.entries)]
    if not examples:
        return None
    return picture_pairs(_photos(dataset, examples, eye, cache, progress), examples, base, look)


def _look(eye: Encoder, base: KnowledgeBase, cache: FeatureCache | None) -> Callable[[Sequence[str]], Tensor]:
    """What becomes of the entries' pictures in the match stage: pixels, or the keys of an eye that stands still."""
    if not eye.learns:
        return lambda image_ids: torch.from_numpy(embed_pictures(eye, base.picture, cache)(image_ids))
    kept = kept_size(square_of(eye))
    return lambda image_ids: torch.stack([stretch(decode_image(base.picture(i)), kept) for i in image_ids])
