"""Photos with captions: COCO (Chen et al., arXiv:1504.00325) and Flickr30k (Young et al., TACL 2014).

captions_train2017.json, captions_val2014.json, ...   {"images": [{id, file_name}], "annotations": [{image_id, caption}]}
dataset_coco.json, dataset_flickr30k.json             Karpathy's splits: {"images": [{filename, split, sentences:
                                                      [{raw}]}]}, of COCO also with filepath and cocoid
results_20130124.token                                `1000092795.jpg#0`, a tab, a caption
train.txt, val.txt, test.txt                          the numbers of the photos of Flickr30k Entities' splits
"""  # noqa: E501

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ravlm.data.published import coco
from ravlm.data.published.content import Content, OtherNames, Wanted, made, no_other_names
from ravlm.data.published.source import Authors, SourceFolder, lines_of, only_once, read_whole
from ravlm.lines import ExampleLine
from ravlm.safe.jsonl import Fault, shown

KARPATHY = {"coco-captions": "dataset_coco.json", "flickr30k": "dataset_flickr30k.json"}
TOKENS = "results_20130124.token"
_KARPATHY_SPLITS = {"train": "train", "restval": "train", "val": "val", "test": "test"}


class _Image(Authors):
    id: int
    file_name: str


class _Caption(Authors):
    image_id: int
    caption: str


class _Captions(Authors):
    images: list[_Image]
    annotations: list[_Caption]


class _Sentence(Authors):
    raw: str


class _Described(Authors):
    filename: str
    split: str
    sentences: list[_Sentence]
    filepath: str = ""


class _Karpathy(Authors):
    dataset: str = ""
    images: list[_Described]


def read_coco_captions(source: SourceFolder, wanted: Wanted) -> Content:
    """COCO's captions in the authors' split of 2017 or of 2014 (train and val), or in Karpathy's (with test)."""
    if wanted.variant == "karpathy":
        return _karpathy("coco-captions", source, wanted, coco.other_names)
    faults: list[Fault] = []
    parts = {split: f"{split}{wanted.variant}" for split in wanted.splits}
    files = {split: source.need(f"captions_{part}.json", f"the captions of {part}") for split, part in parts.items()}
    splits = {split: _coco_split(files[split], part, faults) for split, part in parts.items()}
    return Content(splits, faults, other_names=coco.other_names)


def _coco_split(path: Path, part: str, faults: list[Fault]) -> Iterator[ExampleLine]:
    read = read_whole(path, _Captions, faults, f"COCO's captions of {part}")
    if read is None:
        return
    only_once((str(image.id) for image in read.images), path.name, faults)
    captions: dict[int, list[str]] = {image.id: [] for image in read.images}
    lost = [one.image_id for one in read.annotations if one.image_id not in captions]
    if lost:
        found = f"{len(lost):,} captions of no photo in `images` ({lost[0]})"
        faults.append(Fault(path.name, 0, "annotations", found, "a file whose captions and photos are of one split"))
        return
    for one in read.annotations:
        captions[one.image_id].append(one.caption.strip())
    named = {image.id: image.file_name for image in read.images}
    rows = ((str(key), f"{part}/{named[key]}", texts) for key, texts in captions.items())
    yield from _lines(rows, path, faults)


def read_flickr30k(source: SourceFolder, wanted: Wanted) -> Content:
    """Flickr30k in Karpathy's split, or in that of Flickr30k Entities."""
    if wanted.variant == "karpathy":
        return _karpathy("flickr30k", source, wanted, no_other_names)
    faults: list[Fault] = []
    path = source.need(TOKENS, "Flickr30k's captions")
    lists = {split: source.need(f"{split}.txt", f"Flickr30k Entities' list of {split}") for split in wanted.splits}
    captions = _tokens(path, faults)
    splits = {split: _listed(captions, listed, path, faults) for split, listed in lists.items()}
    return Content(splits, faults)


def _tokens(path: Path, faults: list[Fault]) -> dict[str, list[str]]:
    """The captions by photo, in the file's order."""
    captions: dict[str, list[str]] = {}
    for number, line in enumerate(lines_of(path), start=1):
        name, tab, text = line.partition("\t")
        photo, mark, place = name.rpartition("#")
        if not tab or not mark or not place.isdecimal():
            faults.append(
                Fault(path.name, number, "", shown(line), "a photo's name, `#` and a number, a tab, a caption")
            )
        else:
            captions.setdefault(photo, []).append(text.strip())
    return captions


def _listed(captions: Mapping[str, list[str]], listed: Path, path: Path, faults: list[Fault]) -> Iterator[ExampleLine]:
    photos = [name.removesuffix(".jpg") for name in lines_of(listed)]
    lost = [name for name in photos if f"{name}.jpg" not in captions]
    if lost:
        found = f"{len(lost):,} photos without captions in {path.name} ({lost[0]})"
        faults.append(Fault(listed.name, 0, "", found, "Flickr30k Entities' list, a photo's number a line"))
        return
    yield from _lines(((name, f"{name}.jpg", captions[f"{name}.jpg"]) for name in photos), listed, faults)


def _karpathy(name: str, source: SourceFolder, wanted: Wanted, other_names: OtherNames) -> Content:
    faults: list[Fault] = []
    path = source.need(KARPATHY[name], "Karpathy's splits with the captions")
    read = read_whole(path, _Karpathy, faults, "Karpathy's splits: images with filename, split and sentences")
    images = [] if read is None else read.images
    said = "" if read is None else read.dataset
    if said and said != name.partition("-")[0]:
        faults.append(Fault(path.name, 0, "dataset", repr(said), repr(name.partition("-")[0])))
    unknown = sorted({image.split for image in images} - set(_KARPATHY_SPLITS))
    if unknown:
        faults.append(Fault(path.name, 0, "split", ", ".join(unknown), ", ".join(_KARPATHY_SPLITS)))
    by_split: dict[str, list[tuple[str, str, list[str]]]] = {split: [] for split in wanted.splits}
    for image in images:
        split = _KARPATHY_SPLITS.get(image.split, "")
        if split in by_split:
            place = f"{image.filepath}/{image.filename}" if image.filepath else image.filename
            texts = [sentence.raw.strip() for sentence in image.sentences]
            by_split[split].append((Path(image.filename).stem, place, texts))
    splits = {split: _lines(rows, path, faults) for split, rows in by_split.items()}
    return Content(splits, faults, other_names=other_names)


def _lines(rows: Iterable[tuple[str, str, list[str]]], path: Path, faults: list[Fault]) -> Iterator[ExampleLine]:
    """An example a photo: its name, its path, its captions."""
    for name, place, texts in rows:
        yield from made(
            ExampleLine,
            faults,
            path.name,
            id=name,
            images=[place],
            kind="captions",
            captions=[text for text in texts if text],
            language="en",
        )
