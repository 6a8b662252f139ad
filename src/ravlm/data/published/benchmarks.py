"""The benchmarks that are read: who reads them, their splits and variants, and what their folder holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ravlm.data.published.aokvqa import ASKS, read_aokvqa
from ravlm.data.published.captions import read_coco_captions, read_flickr30k
from ravlm.data.published.content import Content, Wanted
from ravlm.data.published.evqa import read_evqa
from ravlm.data.published.facts import PUBLISHED
from ravlm.data.published.fvqa import read_fvqa
from ravlm.data.published.image_folder import read_image_folder
from ravlm.data.published.infoseek import read_infoseek
from ravlm.data.published.source import SourceFolder
from ravlm.data.published.viquae import read_viquae
from ravlm.data.published.vqa import read_okvqa, read_vqa2


@dataclass(frozen=True)
class Benchmark:
    """How a benchmark is read.

    `holds` says what its folder holds; `articles`, whether it brings a knowledge base of its own.
    """

    read: Callable[[SourceFolder, Wanted], Content]
    splits: tuple[str, ...]
    holds: str
    asks: tuple[str, ...] = ()
    articles: bool = False


_QUESTIONS = "the questions and annotations of its splits, and COCO's photos"
_CAPTIONS = "its captions (JSON) and COCO's photos"

BENCHMARKS: Mapping[str, Benchmark] = {
    "vqa2": Benchmark(read_vqa2, ("train", "val"), _QUESTIONS),
    "okvqa": Benchmark(read_okvqa, ("train", "test"), _QUESTIONS),
    "aokvqa": Benchmark(read_aokvqa, ("train", "val"), "aokvqa_v1p0_train.json and _val.json, and COCO's photos", ASKS),
    "infoseek": Benchmark(
        read_infoseek, ("train", "val"), "infoseek_*.jsonl, Wiki6M_ver_1_0.jsonl, and OVEN's photos", articles=True
    ),
    "evqa": Benchmark(
        read_evqa,
        ("train", "val", "test"),
        "train.csv, val.csv, test.csv, encyclopedic_kb_wiki.json, and the photos of iNaturalist and Google Landmarks",
        articles=True,
    ),
    "fvqa": Benchmark(read_fvqa, ("train", "test"), "new_dataset_release and Name_Lists", articles=True),
    "viquae": Benchmark(
        read_viquae,
        ("train", "val", "test"),
        "its three splits and three parts of Wikipedia (JSONL), and images",
        articles=True,
    ),
    "coco-captions": Benchmark(read_coco_captions, ("train", "val"), _CAPTIONS),
    "flickr30k": Benchmark(
        read_flickr30k,
        ("train", "val", "test"),
        "dataset_flickr30k.json, or captions and lists of splits, and photos",
    ),
    "image-folder": Benchmark(
        read_image_folder, ("train", "val", "test"), "a folder of pictures a class", articles=True
    ),
}
"""By the name that commands take."""


def variants_of(name: str) -> tuple[str, ...]:
    """The names of a benchmark's variants, the usual one first; empty where it has one form only."""
    return tuple(filter(None, PUBLISHED.get(name, {})))


def splits_of(name: str, variant: str) -> tuple[str, ...]:
    """The splits that a variant has; Karpathy's split of COCO has a test beside train and val."""
    return ("train", "val", "test") if variant == "karpathy" else BENCHMARKS[name].splits
