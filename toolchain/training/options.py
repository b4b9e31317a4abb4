"""What a manifest may write below ``training:`` beside optimizer, loss, epochs, batch and seed.

Described once: the manifest's schema, the defaults and the reference page are made from here. Light to import: reading
a manifest must not import TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolchain.layers.base import Option


@dataclass(frozen=True)
class Variant:
    """One of several things that a key may be: ``cosine``, or ``cosine: {final: 0.01}``."""

    name: str
    summary: str
    options: tuple[Option, ...] = ()


def choice(name: str, description: str, variants: Sequence[Variant], default: str) -> Option:
    """An option whose value is the name of a variant, or a mapping of one variant's name to its options."""
    bare = [variant.name for variant in variants if all(not option.required for option in variant.options)]
    named = {
        "type": "object",
        "properties": {variant.name: group(variant.options, variant.summary) for variant in variants},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return Option(name, {"anyOf": [{"enum": bare}, named], "default": default, "description": description})


def group(options: Sequence[Option], description: str) -> dict[str, Any]:
    """The JSON Schema of a mapping with these keys."""
    return {
        "type": "object",
        "properties": {option.name: dict(option.schema) for option in options},
        "required": [option.name for option in options if option.required],
        "additionalProperties": False,
        "description": description,
    }


def optional_group(name: str, description: str, options: Sequence[Option]) -> Option:
    """An option that is a mapping of these keys, or left out."""
    return Option(
        name, {"anyOf": [group(options, description), {"type": "null"}], "default": None, "description": description}
    )


def chosen(value: str | Mapping[str, Any], variants: Sequence[Variant]) -> tuple[str, dict[str, Any]]:
    """The variant that ``value`` names and all its options, defaults filled in."""
    name, given = (value, {}) if isinstance(value, str) else next(iter(value.items()))
    variant = next(variant for variant in variants if variant.name == name)
    return name, filled(given, variant.options)


def filled(given: Mapping[str, Any] | None, options: Sequence[Option]) -> dict[str, Any]:
    """The value of every option: as given, else its default."""
    given = given or {}
    return {option.name: given[option.name] if option.name in given else option.schema["default"] for option in options}


def _amount(name: str, default: float, description: str, **limits: Any) -> Option:
    limits = limits or {"minimum": 0}
    return Option(name, {"type": "number", **limits, "default": default, "description": description})


def _share(name: str, default: float, description: str) -> Option:
    return _amount(name, default, description, minimum=0, exclusiveMaximum=1)


def _whole(name: str, least: int, description: str, **more: Any) -> Option:
    return Option(name, {"type": "integer", "minimum": least, **more, "description": description})


SCHEDULES = (
    Variant("constant", "The learning rate stays."),
    Variant(
        "cosine",
        "The learning rate falls along half a cosine to the end of the training.",
        (_share("final", 0.0, "The last learning rate, as a share of the first."),),
    ),
    Variant(
        "steps",
        "The learning rate falls by a factor after each of the epochs named.",
        (
            Option(
                "epochs",
                {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 1},
                    "minItems": 1,
                    "uniqueItems": True,
                    "description": "After how many epochs the learning rate falls.",
                },
            ),
            _amount("factor", 0.1, "What the learning rate is multiplied by.", exclusiveMinimum=0),
        ),
    ),
)

EARLY_STOPPING = (
    _whole("patience", 1, "Epochs without a better value before the end."),
    Option(
        "monitor",
        {"enum": ["loss", "accuracy"], "default": "loss", "description": "What is watched on the validation samples."},
    ),
)

AFFINE = (
    _amount("rotation", 0.0, "Largest angle, in degrees, either way."),
    _share("scale", 0.0, "Largest change of size, as a share (0.06: 94 % to 106 %)."),
    _amount("shift", 0.0, "Largest shift, in pixels, along each axis."),
    _amount("shear", 0.0, "Largest shear: by how many pixels a row moves against the next one."),
)
ELASTIC = (
    _amount("strength", 1.0, "Root mean square of the displacement, in pixels."),
    _amount("smoothness", 4.0, "Standard deviation of the Gaussian that smooths it, in pixels.", exclusiveMinimum=0),
)
AUGMENTATION = (
    optional_group("affine", "Random rotation, scale, shift and shear of every image in every epoch.", AFFINE),
    optional_group("elastic", "Random smooth displacement of the pixels (Simard and others, 2003).", ELASTIC),
)

MIXTURE = (
    _amount("temperature", 4.0, "What both networks' scores are divided by: more shows more.", exclusiveMinimum=0),
    _amount("weight", 0.7, "The teacher's share of the loss; the labels have the rest.", minimum=0, maximum=1),
)
DISTILLATION = (
    Option(
        "teacher",
        {
            "type": "string",
            "minLength": 1,
            "description": "A manifest (.yaml, relative to this one; it needs no `target`), which is trained first, "
            "or a trained Keras model (.h5 or .keras, relative to the folder of the build).",
        },
    ),
    *MIXTURE,
)

PRUNING: tuple[Option, ...] = (
    Option(
        "schedule",
        {
            "enum": ["polynomial", "constant"],
            "default": "polynomial",
            "description": "polynomial: the share of zeros rises from initial to final; constant: it is final.",
        },
    ),
    _share("initial", 0.0, "Share of zeros at the beginning (polynomial)."),
    Option(
        "final",
        {"type": "number", "minimum": 0, "exclusiveMaximum": 1, "description": "Share of zeros at the end."},
    ),
    _amount("power", 3.0, "Exponent of the polynomial.", exclusiveMinimum=0),
    _whole("begin", 0, "The step (batch) from which weights are set to zero.", default=0),
    Option(
        "end",
        {
            "anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}],
            "default": None,
            "description": "The step at which the zeros are final; fine-tuning follows. Left out: half the training.",
        },
    ),
    _whole("frequency", 1, "Steps between two choices of which weights are zero.", default=100),
    Option(
        "structure",
        {
            "enum": ["weights", "units", "rows"],
            "default": "weights",
            "description": "What becomes zero together: single weights; all of an output unit or channel, "
            "its bias too; all that one input or input channel feeds.",
        },
    ),
    Option(
        "keep",
        {
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "description": "Names of layers that are not pruned (pruning the output layer costs most).",
        },
    ),
)
"""The keys below ``pruning:``."""

PRUNED = ("dense", "convolution", "convolution_1d", "depthwise_convolution")
"""Kinds of layers whose weights pruning sets to zero; those of others stay."""

EXTRA: tuple[Option, ...] = (
    choice("schedule", "How the learning rate changes.", SCHEDULES, "constant"),
    _whole("warm_up", 0, "Steps (batches) in which the learning rate rises from 0 to its value.", default=0),
    _share("label_smoothing", 0.0, "Share of the probability that is spread over all classes (cross-entropies only)."),
    optional_group(
        "early_stopping",
        "Stops when validation gets no better, and keeps the best epoch's weights. "
        "With `pruning` epochs count from its `end` on.",
        EARLY_STOPPING,
    ),
    optional_group(
        "augmentation", "Random changes of the training images; validation and test images stay.", AUGMENTATION
    ),
    optional_group(
        "distillation",
        "Learning from a larger network's answers beside the labels (Hinton and others, 2015).",
        DISTILLATION,
    ),
    Option(
        "trained",
        {
            "type": ["string", "null"],
            "default": None,
            "description": "A model file (.h5) that this very training has made, relative to the folder of the build: "
            "taken instead of training, as long as nothing that decides the weights has changed since.",
        },
    ),
    _whole("tries", 1, "Trainings with seed, seed + 1, …; the one best on the validation samples is kept.", default=1),
)
"""The keys below ``training:`` that are defined here; optimizers are in ``training.optimizers``, losses in
``manifest.losses``."""
