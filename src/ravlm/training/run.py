"""A whole training run: dataset in, model's folder out."""

import json
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image, Resampling
from torch import Tensor

import ravlm
from ravlm.data.dataset import Dataset
from ravlm.device import choose_device
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.errors import ConfigError, PathError, TrainingError
from ravlm.knowledge.build import build
from ravlm.knowledge.keep import keep_base
from ravlm.knowledge.passages import passages
from ravlm.knowledge.places import REFERENCE, WITHIN_A_MODEL
from ravlm.knowledge.rows import picture_id
from ravlm.knowledge.sources.dataset import DatasetSource
from ravlm.knowledge.store import KnowledgeBase
from ravlm.model.build import build_model
from ravlm.model.folder import CONFIG, save_model
from ravlm.model.indexes import follow
from ravlm.records import Entry, Example
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.retrieval.image import ImageIndex, Stamp
from ravlm.retrieval.regions import MIDDLE
from ravlm.retrieval.tfidf import TfidfIndex, question_weights
from ravlm.safe.files import write_text_atomic
from ravlm.safe.images import decode_image, read_image_bytes
from ravlm.tasks.vqa import answer_vocabulary
from ravlm.tensors import Encoded
from ravlm.training.checkpoint import FOLDER, last_checkpoint
from ravlm.training.config import RunConfig
from ravlm.training.match import PicturePairs
from ravlm.training.optim import hash_seed
from ravlm.training.read import Reading
from ravlm.training.stages import Progress, Run, match, read

RUN = "run.json"
_FEWEST = 2  # questions: batch normalisation needs two
_NEAREST = 10  # entries that each photo finds


@dataclass(frozen=True)
class TrainingReport:
    """What a run took: seconds spent in the two stages and in all, and the learning curve."""

    seconds: dict[str, float]
    curve: list[dict[str, Any]]


def train(
    config: RunConfig,
    data: Path,
    out: Path,
    *,
    knowledge: str | None = None,
    resume: bool = False,
    progress: Progress = lambda *_: None,
) -> TrainingReport:
    """Train a model on a dataset folder and write it to `out`.

    The knowledge base comes first: from the dataset, or a copy of the base at `knowledge`, or its name where it is
    large (`keep_base`). Then, stage by stage, the weights; `out/checkpoints` holds the last whole state, from which
    `resume` goes on to the same weights, bit for bit, on the same machine and threads.

    Raises:
        PathError: `out` is in the way, or there is nothing to resume.
        ConfigError: the run to resume had other settings or other data.
        DatasetError: the dataset has faults.
        TrainingError: the dataset can't be trained on, the base lacks entries, or the loss is no number any more.
    """
    began = time.perf_counter()
    dataset = Dataset.open(data)
    examples = dataset.split("train")
    given = None if knowledge is None else KnowledgeBase.open(knowledge)
    entries = dataset.knowledge() if given is None else _named(examples, given)
    _check(examples, {entry.id: entry for entry in entries}, data)
    _prepare(config, dataset, given, out, resume)
    base = _base(dataset, given, out)

    questions = _asked(examples)
    texts = [e.question or "" for e in questions]
    texts += [passage.text for entry in base.iterate() for passage in passages(entry)]
    tokenizer = train_tokenizer(texts, config.model.language.vocabulary)
    vocabulary = answer_vocabulary(questions, config.model.output.vocabulary)
    question_words = question_weights([e.question or "" for e in questions])
    torch.manual_seed(hash_seed(config.training.seed, "weights"))
    empty = ImageIndex(torch.zeros(0, config.model.visual.width).numpy(), [], Stamp("", ""))
    model = build_model(
        config.model, tokenizer=tokenizer, vocabulary=vocabulary, images=empty, passages=TfidfIndex([], question_words)
    )
    device = choose_device()
    model.to(device)
    model.to(memory_format=torch.channels_last)
    retriever = model.knowledge_retriever
    if not isinstance(retriever, EntityThenPassageRetriever):
        raise TypeError("training needs a retriever that goes from entry to passage")
    run = Run(model, retriever, device, config.training, out, progress)
    checkpoint = last_checkpoint(out) if resume else None

    size = config.model.visual.image_size
    kept = round(size / MIDDLE)  # pictures are kept larger than the encoder's input, to be moved within
    photos = Photos.read(dataset, examples, kept, progress)
    curve: list[dict[str, Any]] = []
    if checkpoint is None or checkpoint.stage == "match":
        pairs = _picture_pairs(photos, examples, base, kept)
        curve = match(run, pairs, size, curve, checkpoint)
    else:
        model.load_state_dict(checkpoint.part("model"))
    matched = time.perf_counter()

    progress("indexing the knowledge base", 0, 1)
    images = follow(model, base)
    progress("indexing the knowledge base", 1, 1)
    reading = _reading(run, photos, questions, size)
    curve = read(run, reading, curve, checkpoint)
    model.eval()
    seconds = {"training": round(time.perf_counter() - began, 1), "match": round(matched - began, 1)}
    about = {**config.training.model_dump(), "ravlm": ravlm.__version__, "torch": torch.__version__, "curve": curve}
    save_model(
        out,
        model,
        config.model,
        tokenizer=tokenizer,
        vocabulary=vocabulary,
        question_words=question_words,
        images=images,
        training=about,
    )
    (out / RUN).unlink()  # first: a run that is told by `config.json` to be over is not resumed
    shutil.rmtree(out / FOLDER)
    return TrainingReport(seconds, curve)


@dataclass(frozen=True)
class Photos:
    """All pictures of the examples, read once: `pixels` [m, c, y, x], their ids, and each path's place."""

    pixels: Tensor
    ids: list[str]
    place: dict[str, int]

    @classmethod
    def read(cls, dataset: Dataset, examples: Sequence[Example], size: int, progress: Progress) -> "Photos":
        """Decode in threads; an undecodable picture ends the run with its name."""
        paths = sorted({example.images[0] for example in examples})
        pixels = torch.zeros(len(paths), 3, size, size, dtype=torch.uint8)

        def load(i: int) -> str:
            path = dataset.image_path(paths[i])
            data = read_image_bytes(path)
            pixels[i] = stretch(decode_image(data, longest=2 * size, name=str(path)), size)
            return picture_id(data)

        ids = []
        with ThreadPoolExecutor() as pool:
            for done, image_id in enumerate(pool.map(load, range(len(paths))), start=1):
                ids.append(image_id)
                progress("reading pictures", done, len(paths))
        return cls(pixels, ids, {path: i for i, path in enumerate(paths)})


def stretch(image: Image, size: int) -> Tensor:
    """A picture as uint8 [c, size, size]."""
    small = image.resize((size, size), Resampling.BILINEAR, reducing_gap=2.0)
    return torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8).view(size, size, 3).permute(2, 0, 1)


def _check(examples: Sequence[Example], entries: dict[str, Entry], data: Path) -> None:
    pictured = any(entries[g].images for e in examples for g in e.entries if g in entries)
    asked = len(_asked(examples))
    if not pictured or asked < _FEWEST:
        missing = "none of an entry that has a picture" if not pictured else f"{asked} that ask for an answer"
        raise TrainingError(
            f"{data} can't be trained on: of the {len(examples)} examples in its train.jsonl there are {missing}. "
            "Picture matching learns from photos of entries that have pictures (`entries` and `images`), reading "
            f"from at least {_FEWEST} questions with answers (captions are none). Add some."
        )


def _asked(examples: Sequence[Example]) -> list[Example]:
    """The examples that ask for an answer."""
    return [e for e in examples if e.question is not None and e.kind != "captions"]


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


def _prepare(config: RunConfig, dataset: Dataset, given: KnowledgeBase | None, out: Path, resume: bool) -> None:
    """Make `out`, or make sure that the run in it is the one to be resumed."""
    about = {"config": config.model_dump(), "data": dataset.fingerprint()}
    about |= {} if given is None else {"knowledge": given.fingerprint}
    if resume:
        if not (out / RUN).is_file():
            done = "It holds a finished model." if (out / CONFIG).is_file() else "No run was begun there."
            raise PathError(f"There is nothing to resume in {out}. {done} Leave out --resume and give a new --out.")
        before = json.loads((out / RUN).read_text(encoding="utf-8"))
        different = [key for key in {*about, "knowledge"} if before.get(key) != about.get(key)]
        if different:
            raise ConfigError(
                f"The run in {out} was begun with another {' and '.join(different)}. Resume it with the same settings, "
                "seed and dataset, or train anew into another folder."
            )
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        hint = " or go on with --resume" if (out / RUN).is_file() else ""
        raise PathError(f"{out} is not empty, and nothing is written over. Give a new folder with --out{hint}.")
    out.mkdir(parents=True, exist_ok=True)
    write_text_atomic(out / RUN, json.dumps(about, indent=1))


def _picture_pairs(photos: Photos, examples: Sequence[Example], knowledge: KnowledgeBase, size: int) -> PicturePairs:
    """Photos of entries with pictures, and those pictures."""
    shown = sorted({(photos.place[e.images[0]], entry_id) for e in examples for entry_id in e.entries})
    images = {entry_id: knowledge.get(entry_id).images for entry_id in sorted({entry_id for _, entry_id in shown})}
    number = {entry_id: n for n, entry_id in enumerate(entry_id for entry_id in images if images[entry_id])}
    shown = [(photo, entry_id) for photo, entry_id in shown if entry_id in number]
    owned = [(number[entry_id], image_id) for entry_id in number for image_id in images[entry_id]]
    place = {owner: i for i, owner in enumerate(owned)}
    return PicturePairs(
        photos=photos.pixels[[photo for photo, _ in shown]],
        photo_entry=torch.tensor([number[entry_id] for _, entry_id in shown]),
        pictures=torch.stack([stretch(decode_image(knowledge.picture(image_id)), size) for _, image_id in owned]),
        picture_entry=torch.tensor([n for n, _ in owned]),
        own_picture=torch.tensor([place.get((number[entry_id], photos.ids[photo]), -1) for photo, entry_id in shown]),
    )


@torch.no_grad()
def _reading(run: Run, photos: Photos, questions: Sequence[Example], size: int) -> Reading:
    """The questions with their photos at the encoder's size and the entries that each photo finds."""
    places = sorted({photos.place[e.images[0]] for e in questions})
    margin = (photos.pixels.shape[-1] - size) // 2
    inside = slice(margin, margin + size)
    pixels = photos.pixels[places][..., inside, inside]  # their middle, as it is looked at when asked
    run.model.eval()
    parts = [run.model.visual_encoder(some.to(run.device)) for some in torch.split(pixels, 256)]
    seen = Encoded(
        torch.cat([p.tokens for p in parts]), torch.cat([p.mask for p in parts]), torch.cat([p.pooled for p in parts])
    )
    queries = run.retriever.query_keys(seen)
    nearest = [[entry_id for entry_id, _, _ in row] for row in run.retriever.images.search(queries, _NEAREST)]
    index = {place: i for i, place in enumerate(places)}
    photo = torch.tensor([index[photos.place[e.images[0]]] for e in questions])
    return Reading(questions, photo, pixels, seen, queries, nearest, [photos.ids[place] for place in places])
