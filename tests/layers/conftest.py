"""Keras for the tests of layers: imported once, seeded before each test, quiet."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


@pytest.fixture
def keras():
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    return keras
