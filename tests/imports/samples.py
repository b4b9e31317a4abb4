"""The real inputs on which imported networks are held against the programs that made them."""

from __future__ import annotations

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split

SEED = 7


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """scikit-learn's 1,797 handwritten digits: x (n, 8, 8, 1) uint8 from 0 to 16, y (n,); 30 % of them for tests."""
    bunch = datasets.load_digits()
    return _split(bunch.images[..., np.newaxis].astype(np.uint8), bunch.target)


def cells() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """scikit-learn's breast cancer data: x (n, 30) float32, y (n,) 0 or 1; 30 % of them for tests."""
    bunch = datasets.load_breast_cancer()
    return _split(bunch.data.astype(np.float32), bunch.target)


def _split(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test samples with their labels: x, y, x, y."""
    train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=0.3, random_state=SEED, stratify=y)
    return train_x, train_y, test_x, test_y
