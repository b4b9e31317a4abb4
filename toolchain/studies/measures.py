"""What a study measures of a point, taken from the files of its build."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from toolchain.errors import GoldcrestError
from toolchain.studies.fields import ANSWERS, DOCUMENTS, FILES, REPORT

Value = float | int | str | None
DIGITS = 10  # significant ones that are kept of a figure

REDUCED: Mapping[str, Callable[[Sequence[float]], float]] = {
    "max": max,
    "min": min,
    "sum": sum,
    "mean": lambda values: sum(values) / len(values),
}


def measured(measures: Mapping[str, Any], folders: Mapping[str, str]) -> dict[str, Value]:
    """Every measure of a point whose files lie in ``folders``; None where the build has no such figure (the time of an
    image that is too large to be run). Raises GoldcrestError for a layer or a sample that there is not."""
    found: dict[str, Value] = {}
    for name, measure in measures.items():
        if "ratio" not in measure:
            found[name] = _scaled(_plain(name, measure, folders), measure)
    for name, measure in measures.items():
        if "ratio" in measure:
            above, below = (found[other] for other in measure["ratio"])
            numbers = isinstance(above, int | float) and isinstance(below, int | float) and below
            found[name] = _scaled(above / below, measure) if numbers else None  # type: ignore[operator]
    # As a CSV file keeps them: the table is the same whether its figures were just measured or read back.
    return {name: float(f"{found[name]:.{DIGITS}g}") if isinstance(found[name], float) else found[name]
            for name in measures}  # fmt: skip


def _plain(name: str, measure: Mapping[str, Any], folders: Mapping[str, str]) -> Value:
    if "size" in measure:
        path = Path(folders[FILES[measure["size"]]], measure["size"])
        return size(path, measure["compression"])
    if "accuracy" in measure:
        return accuracy(Path(folders[ANSWERS[1]], ANSWERS[0]), measure["accuracy"], measure.get("samples"), name)
    head, _, rest = measure["field"].partition(".")
    file, folder = DOCUMENTS.get(head, REPORT)
    steps = (rest if head in DOCUMENTS else measure["field"]).split(".")
    values = list(_reached(document(Path(folders[folder], file)), steps, measure["field"]))
    kept = [value for value in values if value is not None]
    if "*" not in steps:
        return values[0]
    return REDUCED[measure["reduce"]](kept) if kept else None


def _scaled(value: Value, measure: Mapping[str, Any]) -> Value:
    return value * measure["factor"] if isinstance(value, int | float) and measure["factor"] != 1 else value


def size(path: Path, compression: str) -> int:
    """Bytes of a file, as it is or compressed: ``zip`` (deflate at zlib's default level) or ``gzip`` (at its best)."""
    if compression == "none":
        return path.stat().st_size
    content = path.read_bytes()
    if compression == "gzip":
        return len(gzip.compress(content, compresslevel=9, mtime=0))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        # A member without the time of day: the same bytes give the same size.
        archive.writestr(zipfile.ZipInfo(path.name), content, zipfile.ZIP_DEFLATED)
    return len(packed.getvalue())


def accuracy(path: Path, of: str, samples: Sequence[int] | None, measure: str) -> float | None:
    """The share of right answers of ``chip`` or ``model`` on a range of the test samples; None of a network that
    puts out values. Raises GoldcrestError for a range that ends beyond the last sample."""
    import numpy as np  # not where stored results are shown: that is a build with nothing to do

    with np.load(path) as answers:
        if of not in answers:
            return None
        right = answers[of] == answers["labels"]
    first, last = samples or (0, len(right))
    if last > len(right):
        raise GoldcrestError(f"the measure {measure}: samples to {last:,}, and there are {len(right):,} test samples")
    return float(right[first:last].mean())


@cache
def document(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _reached(value: Any, steps: Sequence[str], field: str) -> list[Any]:
    """All values at the end of the steps; a list's items are found by number or by their ``name``."""
    if not steps:
        return [value]
    step, rest = steps[0], steps[1:]
    if step == "*":
        items = value.values() if isinstance(value, dict) else value
        return [found for item in items for found in _reached(item, rest, field)]
    if isinstance(value, list):
        names = [item.get("name") for item in value if isinstance(item, dict)]
        if step.isdigit() and int(step) < len(value):
            return _reached(value[int(step)], rest, field)
        if step in names:
            return _reached(value[names.index(step)], rest, field)
        known = ", ".join(filter(None, names)) or f"0 to {len(value) - 1}"
        raise GoldcrestError(f"{field}: there is no `{step}`; known: {known}")
    if not isinstance(value, dict) or step not in value:
        return [None]
    return _reached(value[step], rest, field)
