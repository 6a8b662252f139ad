"""The pictures of a run: an eye that stands still sees what it is asked about later."""

from pathlib import Path

import torch

from coloured_dataset import write_coloured
from ravlm.data.dataset import Dataset
from ravlm.encoders.timm_visual import TimmVisualEncoder
from ravlm.retrieval.regions import middle
from ravlm.safe.images import read_image
from ravlm.training.photos import see_photos, square_of


def test_a_frozen_eye_sees_the_middle_of_each_photo(tmp_path: Path) -> None:
    torch.manual_seed(0)
    eye = TimmVisualEncoder.from_architecture("test_resnet", image_size=32, trainable="none")
    dataset = Dataset.open(write_coloured(tmp_path / "data"))
    examples = dataset.split("train")[:3]
    photos = see_photos(dataset, examples, eye, None, lambda *_: None)
    for path, place in photos.place.items():
        image = read_image(dataset.image_path(path))
        expected = eye(eye.preprocess(middle(image)).unsqueeze(0)).pooled[0]
        whole = eye(eye.preprocess(image).unsqueeze(0)).pooled[0]
        torch.testing.assert_close(photos.views[place], expected, atol=1e-4, rtol=1e-4)
        assert not torch.allclose(whole, expected, atol=1e-4)


def test_the_side_of_an_eye() -> None:
    assert square_of(TimmVisualEncoder.from_architecture("test_resnet", image_size=48)) == 48
