"""scikit-learn's data sets as files that the project does not know."""

from __future__ import annotations

import csv
from pathlib import Path

from sklearn import datasets


def exported(name: str, folder: Path, words: bool = False) -> Path:
    """``NAME.csv`` with a header; the last column ``target`` holds the class, with ``words`` by its name."""
    bunch = getattr(datasets, f"load_{name}")()
    path = folder / f"{name}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*map(str, bunch.feature_names), "target"])
        for row, label in zip(bunch.data, bunch.target, strict=True):
            output = str(bunch.target_names[label]) if words else f"{label:g}"
            writer.writerow([*(f"{value:g}" for value in row), output])
    return path
