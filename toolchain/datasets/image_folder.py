"""A folder of images, one sub-folder a class: the classes are the sub-folders' names, sorted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.datasets.base import (
    SHUFFLED_SPLIT,
    Dataset,
    Description,
    Options,
    Splits,
    asked_for,
    shape_text,
    shuffled,
)
from toolchain.errors import DataError
from toolchain.layers.base import Option
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp"}
GREY_MODES = {"L", "1", "LA"}
DEEP_MODES = ("I", "F")

FOLDER = Option("folder", {"type": "string", "minLength": 1, "description": "The folder, with one sub-folder a class."})


class ImageFolder(Dataset):
    name = "image_folder"
    summary = "Images in one sub-folder a class; grey (height × width) if all are, else height × width × 3."
    options = (FOLDER, SHUFFLED_SPLIT)

    def describe(self, options: Options) -> Description:
        folder = Path(options["folder"]).expanduser()
        classes = len(_classes(folder)) if folder.is_dir() else None
        return Description(None, classes, asked_for(options))

    def sources(self, options: Options) -> list[str]:
        folder = Path(options["folder"]).expanduser()
        if not folder.is_dir():
            return [str(folder)]
        return [str(path) for name in _classes(folder) for path in _images(folder / name)]

    def load(self, options: Options) -> Splits:
        folder = Path(options["folder"]).expanduser()
        if not folder.is_dir():
            raise DataError(f"{folder} is no folder; one with a sub-folder a class was expected")
        names = _classes(folder)
        if len(names) < 2:
            raise DataError(f"{folder} has {len(names)} sub-folders; one for each of at least two classes was expected")
        paths = [(path, index) for index, name in enumerate(names) for path in _images(folder / name)]
        for index, name in enumerate(names):
            if all(label != index for _, label in paths):
                raise DataError(f"{folder / name} holds no image ({', '.join(sorted(SUFFIXES))})")
        x = _samples([path for path, _ in paths])
        y = np.array([index for _, index in paths], dtype=np.int32)
        return shuffled(x, y, len(names), options.get("split"), str(folder), names)


def _classes(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _images(folder: Path) -> list[Path]:
    paths = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in paths if path.suffix.lower() in SUFFIXES)


def _samples(paths: list[Path]) -> np.ndarray:
    """All images, uint8: (n, height, width) if all are grey, else (n, height, width, 3)."""
    images = [_read(path) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape[:2] != images[0].shape[:2]:
            raise DataError(
                f"{path} has {shape_text(image.shape[:2])} pixels (height × width), "
                f"and {paths[0]} has {shape_text(images[0].shape[:2])}; all images must be of one size"
            )
    if all(image.ndim == 2 for image in images):
        return np.stack(images)
    return np.stack([image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2) for image in images])


def _read(path: Path) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.mode.startswith(DEEP_MODES):
                raise DataError(f"{path} has more than 8 bits a pixel (mode {image.mode}); convert it to 8 bits")
            return np.asarray(image.convert("L" if image.mode in GREY_MODES else "RGB"), dtype=np.uint8)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} cannot be read as an image: {error}") from error


DATASET = ImageFolder()
