"""The small data set of the training's tests."""

from tests.training.conftest import splits

__all__ = ["splits"]
