"""One random generator for each thing that is drawn, so that neither order nor processes change what is drawn."""

import hashlib

import numpy as np


def generator(seed: int, *names: str) -> np.random.Generator:
    """The generator of what `names` tell apart, e.g. `generator(seed, "photo", "images/train/am-00.jpg")`."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
