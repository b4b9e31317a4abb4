"""The scales of a figure's axes: ticks at round figures, written plainly."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib import ticker
from matplotlib.axis import XAxis, YAxis

STEPS = (1, 2, 2.5, 5, 10)
AS_GOOD_AS_THERE = 1e-4  # of a limit: what is nearer to it is drawn at that distance


class Plain(ticker.Formatter):
    """Figures with commas, all of an axis with the decimals that its finest needs."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:,.10g}"

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        digits = max((len(f"{value:.6f}".rstrip("0").partition(".")[2]) for value in values), default=0)
        return [f"{value:,.{digits}f}" for value in values]


def linear(axis: XAxis | YAxis, whole: bool = False) -> None:
    """About six ticks; ``whole``: at integers only."""
    axis.set_major_locator(ticker.MaxNLocator(nbins=6, steps=STEPS, integer=whole))
    axis.set_major_formatter(Plain())


def logarithmic(axis: XAxis | YAxis, few: Sequence[float] = ()) -> None:
    """Ticks at ``few`` values, or at 1, 2 and 5 of each decade: a range within one decade has some too."""
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    axis.set_major_locator(ticker.FixedLocator(few) if few else ticker.LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_locator(ticker.NullLocator())


def approaching(axis: YAxis, limit: float) -> None:
    """Logarithmic in what is missing to ``limit``: between 98 and 99 of 100 percent lies as much as from 96 to 98."""

    def near(values: np.ndarray) -> np.ndarray:
        return -np.log10(np.maximum(limit - values, limit * AS_GOOD_AS_THERE))

    def back(heights: np.ndarray) -> np.ndarray:
        return limit - 10.0**-heights

    functions: tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]] = near, back
    axis.axes.set_yscale("function", functions=functions)
    decades = 10.0 ** np.arange(np.floor(np.log10(limit)), np.log10(limit * AS_GOOD_AS_THERE) - 1, -1)
    axis.set_major_locator(ticker.FixedLocator([limit - step * decade for decade in decades for step in (5, 2, 1)]))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_locator(ticker.NullLocator())
    axis.axes.autoscale_view()  # the margins were those of a linear scale
