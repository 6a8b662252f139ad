"""Takes photos of drawings: cloth in the wind, a point of view, light, things behind and before it, a cheap camera."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from ravlm.data.flags.clutter import background, occlude

Array = npt.NDArray[np.float32]


def photograph(drawing: Image.Image, rng: np.random.Generator, size: int = 112) -> Image.Image:
    """A photo in RGB, `size` x `size` pixels, of a drawing in RGBA (transparent outside its outline).

    The flag is never mirrored, never turned by more than 25 degrees, and at least four tenths of the photo wide
    before it is seen from the side.
    """
    scene = np.asarray(background(rng, size)).astype(np.float32)
    cloth, shade, corners = _cloth(drawing, rng, size)
    alpha = cloth[..., 3:] / 255
    scene += (cloth[..., :3] * shade[..., None] - scene) * alpha
    scene = np.asarray(occlude(_image(scene), corners, rng)).astype(np.float32)
    scene = _light(scene, rng)
    picture = _lens(_image(scene), rng)
    grain = rng.standard_normal((size, size, 3), dtype=np.float32) * rng.uniform(1, 7)
    return _image(np.asarray(picture).astype(np.float32) + grain)


def jpeg_quality(rng: np.random.Generator) -> int:
    """The quality to save a photo with: mostly middling, sometimes poor."""
    return int(rng.integers(45, 92))


def _image(values: Array) -> Image.Image:
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def _cloth(drawing: Image.Image, rng: np.random.Generator, size: int) -> tuple[Array, Array, Array]:
    """The waving drawing seen in perspective: RGBA premultiplied by nothing, its shading, and its four corners."""
    ratio = drawing.width / drawing.height
    reach = rng.uniform(0.66, 0.95) * size  # the side of a square of the same area
    width, height = reach * np.sqrt(ratio), reach / np.sqrt(ratio)
    shrink = min(1.0, 0.98 * size / width, 0.94 * size / height)
    width, height = max(width * shrink, 0.45 * size), height * shrink
    corners = _corners(width, height, rng, size)
    inverse = _homography(corners).astype(np.float32)
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    scale = inverse[2, 0] * columns + inverse[2, 1] * rows + 1
    s = (inverse[0, 0] * columns + inverse[0, 1] * rows + inverse[0, 2]) / scale
    t = (inverse[1, 0] * columns + inverse[1, 1] * rows + inverse[1, 2]) / scale
    s, t, shade = _folds(s, t, rng)
    small = drawing.resize((max(8, round(width)), max(8, round(height))), Image.Resampling.HAMMING)
    return _sample(small, s, t), shade, corners


def _corners(width: float, height: float, rng: np.random.Generator, size: int) -> Array:
    """Upper left, upper right, lower right, lower left in pixels: turned, sheared, nearer on one side."""
    x, y = width / 2, height / 2
    square = np.array([[-x, -y], [x, -y], [x, y], [-x, y]])
    angle = np.radians(np.clip(rng.normal(0, 5), -15, 15))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    square = square @ turn
    square += rng.uniform(-0.06, 0.06, (4, 2)) * (width, height)
    free = np.maximum(size / 2 - np.abs(square).max(axis=0) * 0.97, 0)
    corners: Array = (square + size / 2 + rng.uniform(-1, 1, 2) * free).astype(np.float32)
    return corners


def _homography(corners: Array) -> npt.NDArray[np.float64]:
    """Takes a pixel x, y to the unit square (0, 0 upper left), up to scale; its last element is 1."""
    targets = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    lines, values = [], []
    for (x, y), (u, v) in zip(corners.astype(float), targets, strict=True):
        lines += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.append(np.linalg.solve(np.array(lines), np.array(values)), 1).reshape(3, 3)


def _folds(s: Array, t: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Moves the cloth's coordinates by two waves; slopes that look away from the light are darker."""
    shade = np.ones_like(s)
    down, along = np.zeros_like(s), np.zeros_like(s)
    light = rng.uniform(0.5, 1)
    for strength in (rng.uniform(0.01, 0.06), rng.uniform(0, 0.025)):
        lean = rng.uniform(-0.5, 0.5)
        count = rng.uniform(0.7, 1.8) * (0.05 / (strength + 0.02)) ** 0.5
        phase = 2 * np.pi * (count * (s + lean * t) + rng.uniform())
        wave = np.sin(phase)
        down += strength * wave
        along += strength * 0.5 * np.cos(phase)
        shade += light * strength * 4 * np.cos(phase + 0.6)
    return s + along, t + down, np.clip(shade, 0.5, 1.5)


def _sample(picture: Image.Image, s: Array, t: Array) -> Array:
    """The picture's RGBA at the places s, t (0 to 1), between pixels linearly; transparent outside."""
    values: Array = np.pad(np.asarray(picture), ((2, 2), (2, 2), (0, 0)), mode="edge").astype(np.float32)
    values[[0, 1, -2, -1], :, 3] = 0
    values[:, [0, 1, -2, -1], 3] = 0
    x = np.clip(s * picture.width + 1.5, 0, picture.width + 2.9)
    y = np.clip(t * picture.height + 1.5, 0, picture.height + 2.9)
    left, top = x.astype(np.int32), y.astype(np.int32)
    fx, fy = (x - left).astype(np.float32)[..., None], (y - top).astype(np.float32)[..., None]
    flat = values.reshape(-1, 4)
    start = top * values.shape[1] + left
    upper = _between(flat, start, fx)
    lower = _between(flat, start + values.shape[1], fx)
    between: Array = upper + (lower - upper) * fy
    return between


def _between(flat: Array, start: npt.NDArray[np.int32], part: Array) -> Array:
    """A `part` of the way from each start to its right neighbour."""
    left = flat.take(start, axis=0)
    return left + (flat.take(start + 1, axis=0) - left) * part


def _light(scene: Array, rng: np.random.Generator) -> Array:
    """Uneven light, sometimes a shadow, a colour cast, exposure."""
    size = len(scene)
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    fall: Array = 1 + rng.uniform(-0.22, 0.22) * axis[:, None] + rng.uniform(-0.22, 0.22) * axis
    if rng.uniform() < 0.35:
        mask = Image.new("L", (size, size), 255)
        tone = int(rng.uniform(0.5, 0.8) * 255)
        edge = rng.uniform(-0.2, 1.2, 4) * size
        sides = [(edge[0], 0), (edge[1], size), (size * 2, size), (size * 2, 0)]
        if rng.uniform() < 0.5:
            sides = [(edge[0], 0), (edge[0] + 0.3 * size, 0), (edge[1] + 0.3 * size, size), (edge[1], size)]
        ImageDraw.Draw(mask).polygon(sides, fill=tone)
        fall *= np.asarray(mask.filter(ImageFilter.BoxBlur(float(rng.uniform(1, 6))))).astype(np.float32) / 255
    cast = np.exp(np.clip(rng.normal(0, 0.07, 3), -0.14, 0.14)) * rng.uniform(0.8, 1.12)
    scene = scene * (fall[..., None] * cast.astype(np.float32))
    scene /= np.maximum(scene.max(axis=2, keepdims=True) / 255, 1)  # too bright a red stays red
    grey = scene.mean(axis=2, keepdims=True)
    scene = grey + (scene - grey) * rng.uniform(0.75, 1.08)
    lifted: Array = scene * (1 - (haze := rng.uniform(0, 0.16))) + haze * 170
    return lifted


def _lens(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    blur = rng.exponential(0.45)
    return picture.filter(ImageFilter.GaussianBlur(float(min(blur, 1.3)))) if blur > 0.2 else picture
