"""Studies: a grid of manifests, what to measure of each, and the table and the figure to draw of it.

``read(path)`` reads a study (milliseconds, neither numpy nor TensorFlow), ``points(study)`` gives the plan of every
point. The rest of the package runs in the stage ``study``, when all points are measured.
"""

from toolchain.studies.points import points
from toolchain.studies.reading import read, read_all
from toolchain.studies.study import Point, Study

__all__ = ["Point", "Study", "points", "read", "read_all"]
