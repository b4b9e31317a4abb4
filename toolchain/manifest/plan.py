"""The plan of a model: what each stage reads, and nothing else, so that an edit reruns only the stages it concerns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolchain.layers.registry import kinds
from toolchain.manifest import network
from toolchain.manifest.draft import Draft

Section = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """One model. Sections are plain JSON values with every default filled in; lines and columns never enter them.

    ``path`` is the manifest relative to the project's root, ``files`` are all manifests that were read for it.
    """

    name: str
    path: str
    description: str
    files: tuple[str, ...]
    dataset: Section
    training: Section
    quantization: Section
    generation: Section
    compilation: Section
    memory: Section
    board: Section


def make(draft: Draft, path: str, files: tuple[str, ...], chip: Section) -> Plan:
    """The plan of a draft in which nothing is wrong; ``chip`` holds the chip's own memory sizes."""
    values = draft.values
    target, given = values["target"], values["input"]
    scaled = {"shape": given["shape"], "offset": given["offset"], "divide": given["divide"]}
    quantization = dict(values["quantization"])
    learning = {
        "input": scaled,
        "network": network.plan(draft.layers),
        "training": values["training"],
        "pruning": values.get("pruning"),
    }
    if quantization.pop("training") == "aware":
        learning["quantization"] = {"weights": quantization["weights"]}
    memory = {key: (chip | target["memory"])[key] for key in ("program", "data")}
    # Code generation reads the program budget only where it has a choice: else editing it would generate code again.
    room = {"program": memory["program"]} if any(kinds()[layer.kind].trades_flash for layer in draft.layers) else {}
    clock = {"mcu": target["mcu"], "clock_hz": target["clock"]}
    return Plan(
        name=values["model"],
        path=path,
        description=values["description"],
        files=files,
        dataset=values["dataset"],
        training=learning,
        quantization={"input": scaled, "loss": values["training"]["loss"], "quantization": quantization},
        generation={"model": values["model"], **{key: target[key] for key in ("mcu", "prefer", "latency")}, **room},
        compilation={**clock, "optimize": str(target["optimize"]), **_own_firmware(values)},
        memory=memory,
        board=clock,
    )


def _own_firmware(values: Section) -> Section:
    """The user's program, if there is one: the evaluation firmware's plan does not mention it."""
    return {"firmware": values["firmware"]} if "firmware" in values else {}
