"""NPZ: numpy arrays of the user's own, `x` and `y` to be split, or already split as x_train, y_train, x_test …"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.datasets.base import (
    PARTS,
    SHUFFLED_SPLIT,
    Dataset,
    Description,
    Options,
    Splits,
    asked_for,
    raw_values,
    shuffled,
)
from toolchain.datasets.labels import integer_labels
from toolchain.errors import DataError
from toolchain.layers.base import Option
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

FILE = Option(
    "file", {"type": "string", "minLength": 1, "description": "The .npz, relative to the folder that holds the build."}
)


class NpzFile(Dataset):
    name = "npz"
    summary = "Numpy arrays: x and y, or x_train, y_train, x_test, y_test and perhaps x_validation, y_validation."
    options = (FILE, SHUFFLED_SPLIT)

    def describe(self, options: Options) -> Description:
        return Description(None, None, asked_for(options))

    def sources(self, options: Options) -> list[str]:
        return [options["file"]]

    def load(self, options: Options) -> Splits:
        path = Path(options["file"]).expanduser()
        arrays = _arrays(path)
        if {"x", "y"} <= arrays.keys():
            y, classes = _outputs(arrays["y"], f"{path}: y")
            x = _inputs(arrays["x"], y, f"{path}: x")
            return shuffled(x, y, classes, options.get("split"), str(path))
        if {"x_train", "y_train", "x_test", "y_test"} <= arrays.keys():
            return _already_split(arrays, options, path)
        raise DataError(
            f"{path} holds {', '.join(sorted(arrays)) or 'nothing'}; "
            "either x and y, or x_train, y_train, x_test and y_test were expected"
        )


def _already_split(arrays: dict[str, np.ndarray], options: Options, path: Path) -> Splits:
    if options.get("split") is not None:
        raise DataError(f"{path} is split already (x_train, x_test …); leave `split` out")
    for name in (f"{axis}_{part}" for axis in "xy" for part in PARTS):
        if name in arrays and not arrays[name].ndim:
            raise DataError(f"{path}: {name} is a single value; one entry a sample was expected")
    for axis in "xy":
        arrays.setdefault(f"{axis}_validation", arrays[f"{axis}_train"][:0])
    sizes = [len(arrays[f"y_{part}"]) for part in PARTS]
    y, classes = _outputs(_joined([_bare(arrays[f"y_{part}"]) for part in PARTS], path), f"{path}: y")
    for part in PARTS:
        _inputs(arrays[f"x_{part}"], arrays[f"y_{part}"], f"{path}: x_{part}", empty=part == "validation")
    shapes = {arrays[f"x_{part}"].shape[1:] for part in PARTS}
    if len(shapes) > 1:
        raise DataError(f"{path}: the samples of x_train, x_validation and x_test differ in shape")
    # One type for all parts: the chip's input cannot change between training and test.
    x = raw_values(np.concatenate([arrays[f"x_{part}"] for part in PARTS]), f"{path}: x")
    edges = np.cumsum([0, *sizes])
    parts = {part: slice(edges[i], edges[i + 1]) for i, part in enumerate(PARTS)}
    return Splits({p: x[i] for p, i in parts.items()}, {p: y[i] for p, i in parts.items()}, classes)


def _joined(parts: Sequence[np.ndarray], path: Path) -> np.ndarray:
    """The labels or targets of all parts, (n,) or (n, k).

    Raises DataError if they differ in shape, or some are class indices and some are not: numpy would make floats of
    them all, and a regression of the classification.
    """
    given = [part for part in parts if len(part)] or [parts[0]]
    if len({(part.dtype.kind in "iub", part.shape[1:]) for part in given}) > 1:
        found = ", ".join(f"{part.dtype} {part.shape}" for part in given)
        raise DataError(f"{path}: y_train, y_validation and y_test must be of one type and shape; they are {found}")
    return np.concatenate([part.astype(np.int64) if part.dtype.kind in "iub" else part for part in given])


def _bare(y: np.ndarray) -> np.ndarray:
    """Class indices (n, 1) as (n,)."""
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 and y.dtype.kind in "iub" else y


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; the path is read from the folder that holds the build") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError, TypeError) as error:
        raise DataError(
            f"{path} is no .npz of plain arrays, or is torn ({error}); write it with numpy.savez(file, x=…, y=…)"
        ) from error


def _inputs(x: np.ndarray, y: np.ndarray, origin: str, empty: bool = False) -> np.ndarray:
    if x.ndim < 2:
        raise DataError(f"{origin} has the shape {x.shape}; (samples, …) with at least two axes was expected")
    if len(x) != len(y):
        raise DataError(f"{origin} has {len(x):,} samples and y {len(y):,}; one label a sample was expected")
    if not len(x) and not empty:
        raise DataError(f"{origin} holds no sample")
    return raw_values(x, origin)


def _outputs(y: np.ndarray, origin: str) -> tuple[np.ndarray, int]:
    """Integers are class indices, floats are targets (n, k)."""
    y = _bare(y)
    if not y.size:
        raise DataError(f"{origin} holds nothing; one entry a sample was expected")
    if y.dtype.kind in "iub" and y.ndim == 1:
        return integer_labels(y.astype(np.int64), origin)
    if y.dtype.kind != "f" or y.ndim not in (1, 2):
        raise DataError(
            f"{origin} has the type {y.dtype} and the shape {y.shape}; class indices (integers, one a sample) "
            "or targets (floats, one or a row of them a sample) were expected"
        )
    targets = y.reshape(len(y), -1).astype(np.float32)
    if not np.isfinite(targets).all():
        raise DataError(f"{origin}: the target of sample {int(np.argwhere(~np.isfinite(targets))[0][0])} is not finite")
    return targets, 0


DATASET = NpzFile()
