"""Two binary sensors and their logical AND: the smallest data set that a network can learn. Generated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolchain.datasets.base import PARTS, Dataset, Description, Options, Splits, counts_schema
from toolchain.layers.base import Option
from toolchain.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

SPLIT = Option(
    "split",
    {
        **counts_schema({"train": 4, "validation": 0, "test": 4}),
        "default": {"train": 1000, "validation": 100, "test": 100},
        "description": "How many samples are generated for each part; the four combinations follow each other.",
    },
)


class SensorAnd(Dataset):
    name = "sensor_and"
    summary = "Two sensors that are off (0) or on (1); the label is 1 if both are on."
    options = (SPLIT,)

    def describe(self, options: Options) -> Description:
        return Description((2,), 2, {part: options["split"][part] for part in PARTS})

    def load(self, options: Options) -> Splits:
        combinations = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], dtype=np.uint8)
        x = {part: combinations[np.arange(options["split"][part]) % 4] for part in PARTS}
        y = {part: (values[:, 0] & values[:, 1]).astype(np.int32) for part, values in x.items()}
        return Splits(x, y, classes=2, names=["not both on", "both on"])


DATASET = SensorAnd()
