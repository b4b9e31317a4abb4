"""Keras for the tests of layers, set up as training sets it up: the first one to start it decides for the process."""

from __future__ import annotations

import pytest

from toolchain.training import session


@pytest.fixture(scope="session", autouse=True)
def started():
    return session.start()


@pytest.fixture
def keras(started):
    started.keras.backend.clear_session()
    started.keras.utils.set_random_seed(1)
    return started.keras
