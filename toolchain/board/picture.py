"""A sample drawn in the terminal: images as half blocks in grey, or as characters where there is no colour."""

from __future__ import annotations

import math

import numpy as np
from rich.color import Color
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

INK = " .:-=+*#%@"
LEAST_SIDE = 4  # pixels: what is narrower is no picture


def draw(sample: np.ndarray, console: Console) -> None:
    """Draws a sample of raw values; one that is no image (a series of few values, say) is written as numbers."""
    grey = as_image(sample)
    if grey is None:
        values = " ".join(f"{value:g}" for value in sample.reshape(-1)[:16])
        console.print(values + (" …" if sample.size > 16 else ""), highlight=False)
    elif console.is_terminal and console.color_system is not None:
        console.print(blocks(grey), end="")
    else:
        console.print(characters(grey), highlight=False, markup=False)


def as_image(sample: np.ndarray) -> np.ndarray | None:
    """The sample as rows of grey values 0 to 255, or ``None`` if it is no image."""
    flat = np.asarray(sample, np.float64)
    if flat.ndim == 3:
        flat = flat.mean(axis=2)
    if flat.ndim != 2:
        side = math.isqrt(flat.size)
        if side * side != flat.size:
            return None
        flat = flat.reshape(side, side)
    if min(flat.shape) < LEAST_SIDE:
        return None
    span = flat.max() - min(0.0, flat.min())
    grey: np.ndarray = ((flat - min(0.0, flat.min())) * (255 / span if span else 0)).astype(np.uint8)
    return grey


def characters(grey: np.ndarray) -> str:
    """Two rows of pixels a line, the darker of them shown; without the empty lines above and below."""
    rows = [grey[at : at + 2].max(axis=0) for at in range(0, len(grey), 2)]
    return "\n".join("".join(INK[int(value) * len(INK) // 256] for value in row).rstrip() for row in rows).strip("\n")


def blocks(grey: np.ndarray) -> Segments:
    """Two rows of pixels a line, in shades of grey."""
    segments = []
    padded = np.vstack([grey, np.zeros((len(grey) % 2, grey.shape[1]), np.uint8)])
    for upper, lower in zip(padded[::2], padded[1::2], strict=True):
        for above, below in zip(upper, lower, strict=True):
            style = Style(color=Color.from_rgb(above, above, above), bgcolor=Color.from_rgb(below, below, below))
            segments.append(Segment("▀", style))
        segments.append(Segment.line())
    return Segments(segments)
