"""The plan of a model: what each stage reads, and nothing else, so that an edit reruns only the stages it concerns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolchain.layers.registry import kinds
from toolchain.manifest import network, trained_network
from toolchain.manifest.draft import Draft

Section = dict[str, Any]


@dataclass(frozen=True)
class Teacher:
    """What a student learns from: a manifest of that ``name``, whose `training` section is ``training``.

    Of a Keras file ``name`` is empty, and ``training`` holds the sum of its bytes and the input it is taken to have.
    """

    name: str
    path: str
    files: tuple[str, ...]
    dataset: Section
    training: Section
    teacher: Teacher | None


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
    teacher: Teacher | None = None

    @property
    def imported(self) -> Section | None:
        """Format and file of a network that others have trained; None if this plan trains its own."""
        return self.training.get("import")


def make(draft: Draft, path: str, files: tuple[str, ...], chip: Section, teacher: Teacher | None = None) -> Plan:
    """The plan of a draft in which nothing is wrong; ``chip`` holds the chip's own memory sizes."""
    values = draft.values
    target = values["target"]
    quantization = {key: value for key, value in values["quantization"].items() if key != "training"}
    memory = {key: (chip | target["memory"])[key] for key in ("program", "data")}
    if "time" in target:  # microseconds: one more budget, for the stage that holds them all
        memory["time"] = target["time"]
    # Code generation reads the program budget only where it has a choice: else editing it would generate code again.
    choice = any(kinds()[layer.kind].trades_flash for layer in draft.layers) or trained_network.named(values["network"])
    room = {"program": memory["program"]} if choice else {}
    clock = {"mcu": target["mcu"], "clock_hz": target["clock"]}
    return Plan(
        name=values["model"],
        path=path,
        description=values["description"],
        files=files,
        dataset=values["dataset"],
        training=learning(draft, teacher),
        quantization={
            "input": scaling(values["input"]),
            "loss": values.get("training", {}).get("loss"),
            "quantization": quantization,
        },
        generation={
            "model": values["model"],
            **{key: target[key] for key in ("mcu", "prefer", "latency")},
            **({"input": target["input"]} if target["input"] != "whole" else {}),
            **room,
        },
        compilation={**clock, "optimize": str(target["optimize"]), **_own_firmware(values)},
        memory=memory,
        board=clock,
        teacher=teacher,
    )


def learning(draft: Draft, teacher: Teacher | None = None) -> Section:
    """The `training` section: a training, or a file that others have trained.

    It holds that of the teacher: whoever knows the section knows what comes of it.
    """
    values = draft.values
    if found := trained_network.named(values["network"]):
        return {"input": scaling(values["input"]), "import": {"format": found[0], "file": found[1]}}
    section = {
        "input": scaling(values["input"]),
        "network": network.plan(draft.layers),
        "training": values["training"],
        "pruning": values.get("pruning"),
    }
    if values["quantization"]["training"] == "aware":
        section["quantization"] = {"weights": values["quantization"]["weights"]}
    if teacher is not None:
        # What the teacher is counts, not where its manifest or its result may lie.
        mixture = {key: value for key, value in values["training"]["distillation"].items() if key != "teacher"}
        section["training"] = {**values["training"], "distillation": mixture}
        section["teacher"] = {**teacher.training}
        if "training" in teacher.training:
            section["teacher"]["training"] = {**teacher.training["training"], "trained": None}
    return section


def scaling(given: Section) -> Section:
    """The samples' shape, and how they are scaled."""
    return {key: given[key] for key in ("shape", "offset", "divide")}


def _own_firmware(values: Section) -> Section:
    """The user's program, if there is one: the evaluation firmware's plan does not mention it."""
    return {"firmware": values["firmware"]} if "firmware" in values else {}
