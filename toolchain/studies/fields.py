"""Which figures of a build a study can measure, and the files that hold them."""

from __future__ import annotations

from fnmatch import fnmatchcase

from toolchain.manifest.diagnostics import expected

FILES = {  # file → which of a point's folders it lies in
    "model.h5": "trained",
    "weights.h": "network",
    "network.c": "network",
    "network.S": "network",
    "quantized.npz": "network",
    "firmware.elf": "point",
}
DOCUMENTS = {  # first step of a field → its file and folder; report.json without any
    "history": ("model.history.json", "trained"),
    "ranges": ("ranges.json", "network"),
    "memory": ("memory.json", "point"),
}
REPORT = ("report.json", "report")
ANSWERS = ("answers.npz", "network")

LAYER_RANGES = ("minimum", "maximum", "saturated", "weight_bits", "weight_bytes", "nonzero")
FIELDS = (  # `*` stands for the name or the place of a layer, or the number of an epoch
    *(f"program.{part}" for part in ("used", "budget", "weights", "kernels", "application")),
    *(f"data.{part}" for part in ("used", "budget", "static", "activations", "stack")),
    *(f"latency.{part}" for part in ("cycles", "cycles_mean", "cycles_max", "ms", "layers.*.macs", "layers.*.cycles")),
    *(f"accuracy.{part}" for part in ("float", "quantized", "board", "samples", "error.float", "error.quantized")),
    *(f"layers.*.{part}" for part in LAYER_RANGES),
    *(f"history.{part}" for part in ("seed", "kept_epoch", "test.loss", "test.accuracy", "zeros.*")),
    *(f"history.validation.{part}" for part in ("loss", "accuracy")),
    *(f"history.epochs.*.{part}" for part in ("loss", "accuracy", "validation_loss", "validation_accuracy")),
    *(f"ranges.layers.*.{part}" for part in LAYER_RANGES),
    *(f"memory.{part}" for part in ("stack.main", "stack.interrupts")),
)


def unknown_field(field: str) -> tuple[str, ...] | None:
    """A message and notes if no build has such a figure."""
    if any(fnmatchcase(field, known) and field.count(".") == known.count(".") for known in FIELDS):
        return None
    steps = field.split(".")
    # The names of layers are the manifest's own: they are left out of the comparison.
    alike = [known for known in FIELDS if known.count(".") == field.count(".")]
    filled = {_filled(known, steps): known for known in alike}
    plain = expected(field, filled or FIELDS)
    if plain[0].startswith("did you mean"):
        return f"no build has a field `{field[:60]}`", *plain
    part = [known for known in FIELDS if known.split(".")[0] == steps[0]]
    heads = list(dict.fromkeys(known.split(".")[0] for known in FIELDS))
    notes = (f"fields there: {', '.join(part)}",) if part else expected(steps[0], heads, "fields begin with one of")
    return f"no build has a field `{field[:60]}`", *notes


def _filled(known: str, steps: list[str]) -> str:
    return ".".join(own if step == "*" else step for step, own in zip(known.split("."), steps, strict=True))
