"""What a data set is, and what all of them share: options, description, splitting, the .npz that the stages read."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from toolchain.errors import DataError
from toolchain.layers.base import Option, Shape
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

Options = Mapping[str, Any]
PARTS = ("train", "validation", "test")


def counts_schema(least: Mapping[str, int], **more: Any) -> dict[str, Any]:
    """The JSON Schema of a split given as counts; ``least`` is the smallest count of each part."""
    meaning = {
        "train": "samples that the network learns from",
        "validation": "samples that decide between trainings and stop them early; never learned from",
        "test": "samples that accuracy is measured on; never used for any choice",
    }
    parts: dict[str, Any] = {
        part: {"type": "integer", "minimum": least[part], "description": f"Number of {meaning[part]}."}
        for part in PARTS
    }
    return {"type": "object", "properties": {**parts, **more}, "required": list(PARTS), "additionalProperties": False}


SHUFFLED_SPLIT = Option(
    "split",
    {
        "anyOf": [
            counts_schema(
                {"train": 1, "validation": 0, "test": 1},
                seed={"type": "integer", "minimum": 0, "description": "Seed of the shuffle (default 1)."},
            ),
            {"type": "null"},
        ],
        "default": None,
        "description": "How many samples go where, after a seeded shuffle. "
        "Left out: 70 % train, 15 % validation, 15 % test.",
    },
)
PREPROCESS = Option(
    "preprocess",
    {
        "type": "array",
        "items": {
            "anyOf": [
                {"const": "grayscale", "description": "Red, green and blue become one brightness (ITU-R BT.601)."},
                {
                    "type": "object",
                    "properties": {
                        "downsample": {
                            "type": "integer",
                            "minimum": 2,
                            "description": "Each block of N × N pixels becomes its mean, rounded to nearest.",
                        }
                    },
                    "required": ["downsample"],
                    "additionalProperties": False,
                },
            ]
        },
        "default": [],
        "description": "Steps applied once, to the data set: training and the bytes sent to the chip see their result.",
    },
)


class DatasetOptionError(DataError):
    """An option that cannot be: ``option`` is the path of the key below ``dataset:`` (``("split", "train")``)."""

    def __init__(self, message: str, *option: str | int) -> None:
        super().__init__(message)
        self.option = option


@dataclass(frozen=True)
class Description:
    """What the manifest alone shows of a data set; ``None`` where only the data can tell.

    ``shape`` of one sample after preprocessing; ``classes`` (0: regression); ``sizes`` of train, validation and test;
    ``typical``, the raw value that most values have or are near to (the background of an image).
    """

    shape: Shape | None
    classes: int | None
    sizes: Mapping[str, int] | None
    typical: float | None = None


@dataclass(frozen=True)
class Splits:
    """The samples by part: ``x[part]`` (n, *shape) uint8 or float32, ``y[part]`` int32 (n,) or float32 (n, k)."""

    x: Mapping[str, np.ndarray]
    y: Mapping[str, np.ndarray]
    classes: int
    names: Sequence[str] | None = None


class Dataset:
    """A data set or a file format. Subclasses set the attributes and hold no state.

    ``name``     the value of ``dataset.name`` in a manifest
    ``summary``  one line for the schema and the reference page
    ``options``  the keys beside ``name``
    """

    name: str
    summary: str
    options: tuple[Option, ...] = ()

    def describe(self, options: Options) -> Description:
        """What the options alone say, before preprocessing. Reads no file. Raises DatasetOptionError."""
        raise NotImplementedError

    def sources(self, options: Options) -> list[str]:
        """The user's files whose content the samples depend on."""
        return []

    def load(self, options: Options) -> Splits:
        """The samples, before preprocessing, all parts of one type (``raw_values``).

        Raises DataError naming the file and the place.
        """
        raise NotImplementedError


def goes_with(shape: Shape, wanted: Shape) -> bool:
    """Whether samples of ``shape`` can be read as ``wanted``: equal but for axes of one, or either of them flat."""

    def bare(axes: Shape) -> Shape:
        return tuple(axis for axis in axes if axis != 1)

    return math.prod(shape) == math.prod(wanted) and (
        bare(shape) == bare(wanted) or len(bare(shape)) <= 1 or len(bare(wanted)) <= 1
    )


def shape_text(shape: Sequence[int]) -> str:
    """``28 × 28`` for messages."""
    return " × ".join(map(str, shape))


def counts(split: Mapping[str, int] | None, total: int, origin: str) -> dict[str, int]:
    """The size of each part of ``total`` samples. Raises DatasetOptionError if there are too few."""
    if split is None:
        held_out = round(total * 0.15)
        if held_out < 1 or total - 2 * held_out < 1:
            raise DataError(f"{origin}: {total} samples are too few to split into train, validation and test")
        return {"train": total - 2 * held_out, "validation": held_out, "test": held_out}
    sizes = {part: int(split[part]) for part in PARTS}
    if sum(sizes.values()) > total:
        asked = " + ".join(f"{sizes[part]:,} {part}" for part in PARTS)
        asked += f" = {sum(sizes.values()):,}"
        raise DatasetOptionError(f"{origin} has {total:,} samples; the split asks for {asked}", "split")
    return sizes


def asked_for(options: Options) -> dict[str, int] | None:
    """How many samples each part is to have, where SHUFFLED_SPLIT says so; None where the file's own number decides."""
    split = options.get("split")
    return {part: split[part] for part in PARTS} if split else None


def shuffled(
    x: np.ndarray,
    y: np.ndarray,
    classes: int,
    split: Mapping[str, int] | None,
    origin: str,
    names: Sequence[str] | None = None,
) -> Splits:
    """Splits samples that have no fixed split, after a shuffle that depends on the seed and their number only."""
    sizes = counts(split, len(x), origin)
    order = np.random.default_rng((split or {}).get("seed", 1)).permutation(len(x))
    edges = np.cumsum([0, *(sizes[part] for part in PARTS)])
    chosen = {part: order[edges[i] : edges[i + 1]] for i, part in enumerate(PARTS)}
    return Splits({p: x[i] for p, i in chosen.items()}, {p: y[i] for p, i in chosen.items()}, classes, names)


def raw_values(x: np.ndarray, origin: str) -> np.ndarray:
    """Samples as the chip takes them: uint8 if all are integers in 0..255, else float32.

    Raises DataError naming ``origin`` and the place for values that are not finite numbers.
    """
    if x.dtype == np.uint8:
        return x
    if x.dtype.kind not in "biuf":
        raise DataError(f"{origin}: the samples are of type {x.dtype}; numbers were expected")
    if not np.isfinite(x).all():
        where = ", ".join(str(int(i)) for i in np.argwhere(~np.isfinite(x))[0])
        raise DataError(f"{origin}: the value at [{where}] is not a finite number")
    if x.size and x.min() >= 0 and x.max() <= 255 and (x.dtype.kind in "biu" or (x == np.floor(x)).all()):
        return x.astype(np.uint8)
    converted = x.astype(np.float32)
    if not np.isfinite(converted).all():
        raise DataError(f"{origin}: some values are larger than a 32-bit float can hold")
    return converted


def save(splits: Splits, file: IO[bytes] | Path) -> None:
    """Writes the .npz that the other stages read: uncompressed, the same bytes for the same samples."""
    arrays: dict[str, Any] = {f"x_{part}": splits.x[part] for part in PARTS}
    arrays |= {f"y_{part}": splits.y[part] for part in PARTS}
    arrays["classes"] = np.int32(splits.classes)
    if splits.names is not None:
        arrays["names"] = np.array(list(splits.names), dtype=np.str_)
    contiguous: dict[str, Any] = {key: np.asarray(value, order="C") for key, value in arrays.items()}
    np.savez(file, **contiguous)


def read(path: Path | str) -> Splits:
    """Reads what ``save`` wrote. Raises DataError for a file that is not such an .npz."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return Splits(
                {part: archive[f"x_{part}"] for part in PARTS},
                {part: archive[f"y_{part}"] for part in PARTS},
                int(archive["classes"]),
                [str(name) for name in archive["names"]] if "names" in archive else None,
            )
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; the `dataset` stage writes it") from error
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not of the `dataset` stage ({error}); delete it and build again") from error
