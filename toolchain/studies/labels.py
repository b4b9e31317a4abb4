"""Names beside the points of a figure, placed so that they cover neither each other nor points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

NAME = "name of a point"  # what an annotation that may be moved is known by
NEAR = 6.0  # points from the point to its name; if it is more, a line joins them
DISTANCES = (NEAR, 10.0, 15.0, 21.0, 28.0, 36.0)
DIRECTIONS = (30, 330, 150, 210, 0, 180, 90, 270)  # degrees, the best first
ROUNDS = 4  # how often each name may look for a better place among the others
AIR = 2.0  # points on either side of a name that nothing else should cover
COVERED, OUTSIDE = 50.0, 200.0  # the cost of covering or leaving the axes by a whole name; a point of distance costs 1

Box = tuple[float, float, float, float]  # left, bottom, right, top in pixels


@dataclass(frozen=True)
class Place:
    """Offset from the point in points, alignment, and the box that the name would cover."""

    dx: float
    dy: float
    alignment: Literal["left", "center", "right"]
    box: Box


def name(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    """Names the point (x, y); where the name goes is decided by ``spread``, once everything is drawn."""
    line = {"arrowstyle": "-", "color": colour, "linewidth": 0.6, "alpha": 0.6, "shrinkA": 0, "shrinkB": 3}
    ground = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.3}  # no grid through the letters
    axes.annotate(text, (x, y), xytext=(NEAR, 0), textcoords="offset points", fontsize=7.5, color=colour, gid=NAME,
                  va="center", arrowprops=line, bbox=ground)  # fmt: skip


def spread(figure: Figure) -> None:
    """Finds a place for all names. The layout must be final but for them; they stay inside their axes if they can."""
    figure.draw_without_rendering()
    for axes in figure.axes:
        names = [each for each in axes.texts if isinstance(each, Annotation) and each.get_gid() == NAME]
        if names:
            _spread(axes, names)


def legend_covers_points(axes: Axes) -> bool:
    """Whether the axes have a legend that lies over one of their points; the figure must have been laid out."""
    own = np.array(list(_legend(axes))).reshape(-1, 4)
    return bool(_common(own, np.array(list(_points(axes))).reshape(-1, 4)).any())


def _spread(axes: Axes, names: Sequence[Annotation]) -> None:
    inside, fixed = np.array([axes.get_window_extent().extents]), [*_points(axes), *_legend(axes)]
    places = [list(_places(axes, each)) for each in names]
    chosen: dict[int, Place] = {}
    for _ in range(ROUNDS):
        for index, possible in enumerate(places):
            taken = fixed + [place.box for other, place in chosen.items() if other != index]
            chosen[index] = possible[int(np.argmin(_costs(possible, np.array(taken), inside)))]
    for index, each in enumerate(names):
        place = chosen[index]
        each.xyann = (place.dx, place.dy)
        each.set_horizontalalignment(place.alignment)
        assert each.arrow_patch is not None
        each.arrow_patch.set_visible(math.hypot(place.dx, place.dy) > 1.5 * NEAR)


def _places(axes: Axes, annotation: Annotation) -> Iterator[Place]:
    """Where the name can stand, the best first."""
    scale = axes.figure.dpi / 72  # pixels a point
    own = Text.get_window_extent(annotation)  # of an annotation it would be that of its line too
    width, height = own.width + 2 * AIR * scale, own.height
    x, y = axes.transData.transform(annotation.xy)
    for distance in DISTANCES:
        for direction in DIRECTIONS:
            dx, dy = (distance * turn(math.radians(direction)) for turn in (math.cos, math.sin))
            alignment: Literal["left", "center", "right"] = "left" if dx > 0 else "right"
            if direction in (90, 270):
                alignment = "center"
                dy += math.copysign(height / scale / 2 - 2, dy)  # half of the text is between its middle and the point
            beside = {"left": AIR * scale, "center": width / 2, "right": width - AIR * scale}[alignment]
            left, bottom = x + dx * scale - beside, y + dy * scale - height / 2
            yield Place(dx, dy, alignment, (left, bottom, left + width, bottom + height))


def _legend(axes: Axes) -> Iterator[Box]:
    """The box of the legend, if there is one."""
    legend = axes.get_legend()
    if legend is not None:
        left, bottom, right, top = legend.get_window_extent().extents
        yield left, bottom, right, top


def _points(axes: Axes) -> Iterator[Box]:
    """The boxes of all markers."""
    for line in axes.lines:
        if line.get_marker() in (None, "None", "", " "):
            continue
        half = line.get_markersize() * axes.figure.dpi / 72 / 2
        for x, y in axes.transData.transform(line.get_xydata()):
            yield (x - half, y - half, x + half, y + half)


def _costs(places: Sequence[Place], taken: np.ndarray, inside: np.ndarray) -> np.ndarray:
    boxes = np.array([place.box for place in places])
    smaller = np.minimum(_area(boxes)[:, np.newaxis], _area(taken))
    covered = (_common(boxes, taken) / smaller).sum(axis=1)
    outside = 1 - _common(boxes, inside)[:, 0] / _area(boxes)
    return COVERED * covered + OUTSIDE * outside + [math.hypot(place.dx, place.dy) for place in places]


def _area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _common(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The area that each box (n, 4) has in common with each other one (m, 4): pixels (n, m)."""
    low = np.maximum(boxes[:, np.newaxis, :2], others[np.newaxis, :, :2])
    high = np.minimum(boxes[:, np.newaxis, 2:], others[np.newaxis, :, 2:])
    return np.clip(high - low, 0, None).prod(axis=2)
