"""What an evaluation measured, as numbers and as text. No board here: only counting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from toolchain.board.link import Answer

BINS = 12
BAR = 40  # characters of the longest bar
SHOWN_DIFFERENCES = 10


@dataclass
class Evaluation:
    """Answers as they come in. ``classes`` is 0 for a regression, which has no accuracy."""

    model: str
    mcu: str
    clock: int  # Hz
    classes: int
    requested: int
    image_sha256: str = ""  # of the program memory's content: whose accuracy this is
    cycles: list[int] = field(default_factory=list)
    given: list[int] = field(default_factory=list)  # the chip's classes
    labels: list[int] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    retries: int = 0
    dropped: int = 0
    reconnections: int = 0

    def add(self, label: int, answer: Answer, difference: dict[str, Any] | None) -> None:
        """One sample's answer, and what is wrong with it."""
        self.cycles.append(answer.cycles)
        self.given.append(answer.class_)
        self.labels.append(label)
        if difference is not None:
            self.differences.append(difference)

    @property
    def samples(self) -> int:
        return len(self.cycles)

    @property
    def correct(self) -> int:
        return sum(given == label for given, label in zip(self.given, self.labels, strict=True))

    @property
    def accuracy(self) -> float | None:
        """The fraction that the chip got right, ``None`` for a regression or nothing measured."""
        return self.correct / self.samples if self.samples and self.classes else None

    @property
    def confusion(self) -> np.ndarray:
        """Counts (label, answer)."""
        matrix = np.zeros((self.classes, self.classes), np.int64)
        for label, given in zip(self.labels, self.given, strict=True):
            if label < self.classes and given < self.classes:
                matrix[label, given] += 1
        return matrix

    def milliseconds(self, cycles: float) -> float:
        return 1000 * cycles / self.clock

    def as_json(self, port: str, float_accuracy: float | None) -> dict[str, Any]:
        """The content of evaluation.json."""
        counts, edges = self.histogram()
        return {
            "schema": 1,
            "model": self.model,
            "mcu": self.mcu,
            "clock_hz": self.clock,
            "image_sha256": self.image_sha256,
            "port": port,
            "requested": self.requested,
            "samples": self.samples,
            "complete": self.samples == self.requested,
            "identical": self.samples - len(self.differences),
            "differences": self.differences[:SHOWN_DIFFERENCES],
            "accuracy": {"board": self.accuracy, "float": float_accuracy},
            "confusion": self.confusion.tolist(),
            "cycles": {
                "mean": sum(self.cycles) / self.samples if self.samples else None,
                "min": min(self.cycles, default=None),
                "max": max(self.cycles, default=None),
                "histogram": {"edges": edges, "counts": counts},
            },
            "ms": self.milliseconds(sum(self.cycles) / self.samples) if self.samples else None,
            "seconds": round(self.seconds, 3),
            "per_second": round(self.samples / self.seconds, 2) if self.seconds else None,
            "link": {"retries": self.retries, "damaged_frames": self.dropped, "reconnections": self.reconnections},
        }

    def histogram(self) -> tuple[list[int], list[float]]:
        """Counts and edges (in cycles) of the inference times."""
        if not self.cycles:
            return [], []
        spread = max(self.cycles) - min(self.cycles)
        counts, edges = np.histogram(self.cycles, bins=max(1, min(BINS, spread)))  # no bin is narrower than a cycle
        return counts.tolist(), edges.tolist()

    def text(self, float_accuracy: float | None, names: list[str] | None) -> str:
        """The tables for the terminal."""
        if not self.samples:
            return "no sample was measured"
        lines = []
        if self.accuracy is not None:
            against = "" if float_accuracy is None else f"   float {float_accuracy:.2%}"
            lines += [
                f"accuracy   {self.accuracy:.2%}   {self.correct:,} of {self.samples:,}{against}",
                *self._confusion_lines(names),
                "",
            ]
        mean = sum(self.cycles) / self.samples
        lines.append(
            f"inference  {self.milliseconds(mean):.3f} ms mean, {self.milliseconds(max(self.cycles)):.3f} ms worst "
            f"({mean:,.0f} and {max(self.cycles):,} cycles)"
        )
        counts, edges = self.histogram()
        for count, left in zip(counts, edges, strict=False):
            bar = "█" * round(BAR * count / max(counts)) or ("▏" if count else "")
            lines.append(f"  {self.milliseconds(left):8.3f} ms  {bar} {count}")
        lines.append(
            f"reference  {self.samples - len(self.differences):,} of {self.samples:,} answers equal byte for byte"
        )
        rate = f"{self.samples / self.seconds:.1f} a second" if self.seconds else ""
        lines.append(f"line       {rate}, repeated requests {self.retries}, damaged frames {self.dropped}")
        return "\n".join(lines)

    def _confusion_lines(self, names: list[str] | None) -> list[str]:
        """The matrix with labels down and answers across; nothing for more classes than fit a terminal."""
        if not 2 <= self.classes <= 20:
            return []
        titles = [(names[index] if names and index < len(names) else str(index))[:6] for index in range(self.classes)]
        width = max(len(str(self.samples)), *map(len, titles)) + 1
        rows = ["".join(f"{title:>{width}}" for title in ["", *titles])]
        for title, row in zip(titles, self.confusion, strict=True):
            rows.append(f"{title:>{width}}" + "".join(f"{count or '·':>{width}}" for count in row.tolist()))
        return rows
