"""Every family through the extractor: what comes back is what the encoder gives of each alone."""

import pytest
import torch
from families import LANGUAGE, LONG, SHORT, VISUAL, Folders

from pictures import encoded, noise
from ravlm.encoders.features.extract import Extractor

SIZES = [(60, 40), (32, 32), (30, 90)]


@pytest.mark.parametrize("name", sorted(VISUAL))
def test_pictures_of_all_sizes(folders: Folders, name: str) -> None:
    encoder = folders.encoder(name)
    images = [noise(seed, *size) for seed, size in enumerate(SIZES)]
    extractor = Extractor(encoder, precision="float32", device=torch.device("cpu"))
    got = extractor.images([encoded(image) for image in images], tokens=True)
    with torch.no_grad():
        for image, features in zip(images, got, strict=True):
            alone = encoder(encoder.preprocess(image)[None])
            assert torch.allclose(features.pooled, alone.pooled[0], atol=1e-5)
            assert torch.allclose(features.tokens, alone.tokens[0][alone.mask[0]], atol=1e-5)


@pytest.mark.parametrize("name", sorted(LANGUAGE))
def test_texts_of_all_lengths(folders: Folders, name: str) -> None:
    encoder = folders.encoder(name)
    texts = [*SHORT, LONG]
    got = Extractor(encoder, precision="float32", device=torch.device("cpu")).texts(texts, tokens=True)
    with torch.no_grad():
        for text, features in zip(texts, got, strict=True):
            read = encoder.tokenize([text])
            alone = encoder(read)
            assert torch.allclose(features.pooled, alone.pooled[0], atol=1e-5)
            assert torch.allclose(features.tokens, alone.tokens[0][read.mask[0]], atol=1e-5)
