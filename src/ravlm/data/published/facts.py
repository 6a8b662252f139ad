"""What authors publish about their benchmarks: counts, files, checksums; each with its source.

A number that no paper, page or file of the authors states is left out. `docs/benchmarks.md` has the same table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Counts = Mapping[str, int]
"""By what is counted: questions, pictures, answers (one an annotator), captions, articles, group:NAME."""


@dataclass(frozen=True)
class Facts:
    """A benchmark as it is published.

    `splits` are counts by split, under its name here; `whole` counts over all of them. `unanswered` are splits whose
    answers the authors keep to themselves, with their numbers of questions. `checksums` are SHA-256 by file name.
    `unseen` names the group whose questions are promised to be about entities that no question in train is about.
    """

    title: str
    licence: str
    home: str
    source: str
    splits: Mapping[str, Counts]
    whole: Counts = field(default_factory=dict)
    unanswered: Counts = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    annotators: int | None = None
    unseen: str = ""


_COCO = "CC-BY-4.0 (annotations); photos by their licences"
_FLICKR = "CC-BY-3.0 (captions); photos by Flickr's terms"
_KARPATHY = "Karpathy and Fei-Fei, CVPR 2015; sizes of its splits"

_COCO_2017 = Facts(
    "COCO captions, 2017 split",
    _COCO,
    "https://cocodataset.org",
    "captions_train2017.json and captions_val2017.json; Chen et al., arXiv:1504.00325",
    {"train": {"pictures": 118_287, "captions": 591_753}, "val": {"pictures": 5_000, "captions": 25_014}},
)
_COCO_2014 = Facts(
    "COCO captions, 2014 split",
    _COCO,
    "https://cocodataset.org",
    "captions_train2014.json and captions_val2014.json; together as many captions as the 2017 split",
    {"train": {"pictures": 82_783, "captions": 414_113}, "val": {"pictures": 40_504, "captions": 202_654}},
)
_COCO_KARPATHY = Facts(
    "COCO captions, Karpathy's split",
    _COCO,
    "https://cs.stanford.edu/people/karpathy/deepimagesent/",
    f"{_KARPATHY} (train with restval)",
    {"train": {"pictures": 113_287}, "val": {"pictures": 5_000}, "test": {"pictures": 5_000}},
)
_FLICKR_WHOLE = "Young et al., TACL 2014: 31,783 photos, 158,915 captions"
_FLICKR_KARPATHY = Facts(
    "Flickr30k, Karpathy's split",
    _FLICKR,
    "https://shannon.cs.illinois.edu/DenotationGraph/",
    _KARPATHY,
    {"train": {"pictures": 29_000}, "val": {"pictures": 1_014}, "test": {"pictures": 1_000}},
)
_FLICKR_ENTITIES = Facts(
    "Flickr30k, the split of Flickr30k Entities",
    _FLICKR,
    "http://bryanplummer.com/Flickr30kEntities/",
    f"Plummer et al., ICCV 2015; {_FLICKR_WHOLE}",
    {"train": {"pictures": 29_783}, "val": {"pictures": 1_000}, "test": {"pictures": 1_000}},
    whole={"pictures": 31_783, "captions": 158_915},
)
_FVQA = Facts(
    "FVQA",
    "as stated at https://github.com/wangpengnorman/FVQA; photos of COCO and ImageNet by theirs",
    "https://github.com/wangpengnorman/FVQA",
    "Wang et al., arXiv:1606.05433, section 3 (the release holds more facts than its 193,449)",
    {},
    whole={"questions": 5_826, "pictures": 2_190},
)

PUBLISHED: Mapping[str, Mapping[str, Facts]] = {
    "vqa2": {
        "": Facts(
            "VQA v2",
            "CC-BY-4.0 (annotations); photos by their licences",
            "https://visualqa.org/download.html",
            "https://visualqa.org/download.html and github.com/GT-Vision-Lab/VQA, README of release 2.0",
            {
                "train": {"questions": 443_757, "pictures": 82_783, "answers": 4_437_570},
                "val": {"questions": 214_354, "pictures": 40_504, "answers": 2_143_540},
            },
            unanswered={"test": 447_793},
            annotators=10,
        )
    },
    "okvqa": {
        "": Facts(
            "OK-VQA",
            "CC-BY-4.0",
            "https://okvqa.allenai.org/download.html",
            "Marino et al., CVPR 2019: 14,055 questions about 14,031 photos, ten annotators each; its question files",
            {
                "train": {"questions": 9_009, "pictures": 8_998, "answers": 90_090},
                "test": {"questions": 5_046, "pictures": 5_033, "answers": 50_460},
            },
            whole={"questions": 14_055, "pictures": 14_031},
            annotators=10,
        )
    },
    "aokvqa": {
        "": Facts(
            "A-OKVQA",
            "as stated at https://aokvqa.allenai.org",
            "https://aokvqa.allenai.org",
            "Schwenk et al., ECCV 2022: 24,903 questions; aokvqa_v1p0_*.json",
            {"train": {"questions": 17_056}, "val": {"questions": 1_145}},
            unanswered={"test": 6_702},
            annotators=10,
        )
    },
    "infoseek": {
        "": Facts(
            "InfoSeek",
            "as stated at https://github.com/edchengg/infoseek_eval",
            "https://github.com/edchengg/infoseek_eval",
            "Chen et al., EMNLP 2023, arXiv:2302.11713, table 7",
            {
                "train": {"questions": 934_048},
                "val": {
                    "questions": 73_620,
                    "group:unseen_question": 18_656,
                    "group:unseen_entity": 54_964,
                },
            },
            unanswered={"test": 347_980},
            unseen="unseen_entity",
        )
    },
    "evqa": {
        "": Facts(
            "Encyclopedic-VQA",
            "as stated at its page; photos of iNaturalist 2021 and Google Landmarks v2 by theirs",
            "https://github.com/google-research/google-research/tree/master/encyclopedic_vqa",
            "Mensink et al., ICCV 2023, arXiv:2306.09224, table 2; the page's README for the checksum",
            {
                "test": {
                    "rows": 5_750,
                    "rows:templated": 1_000,
                    "rows:automatic": 2_750,
                    "rows:multi_answer": 1_000,
                    "rows:2_hop": 1_000,
                }
            },
            checksums={"encyclopedic_kb_wiki.json": "36af1b6718a975c355a776114be216f4800c61320897b2186d33d17a08e44c77"},
            unseen="unseen",
        )
    },
    "fvqa": {f"split-{number}": _FVQA for number in range(5)},
    "viquae": {
        "": Facts(
            "ViQuAE",
            "CC-BY-4.0 (questions), CC-BY-3.0 (articles); photos of Wikimedia Commons by theirs",
            "https://github.com/PaulLerner/ViQuAE",
            "github.com/PaulLerner/ViQuAE, README: rows of the dataset and of its knowledge base",
            {"train": {"questions": 1_190}, "val": {"questions": 1_250}, "test": {"questions": 1_257}},
            whole={"articles": 506_237 + 35_736 + 953_379},
        )
    },
    "coco-captions": {"2017": _COCO_2017, "2014": _COCO_2014, "karpathy": _COCO_KARPATHY},
    "flickr30k": {"karpathy": _FLICKR_KARPATHY, "entities": _FLICKR_ENTITIES},
}
"""By the name that commands take, and by variant: another split of the same pictures. The first is the usual one."""
