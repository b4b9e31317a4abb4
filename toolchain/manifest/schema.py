"""The one description of every key of a manifest: type, default, unit, what it means.

``sections()`` is what manifests are held against, ``json_schema()`` the same for editors (``models/schema.json``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from toolchain.board.chips import CHIPS
from toolchain.datasets import registry as datasets
from toolchain.importing import formats
from toolchain.layers import registry as layers
from toolchain.layers.base import Option
from toolchain.manifest import firmware, network
from toolchain.manifest.losses import LOSSES
from toolchain.manifest.units import CLOCK, SIZE, TIME, Unit
from toolchain.training.aware_plan import CODINGS, WEIGHTED
from toolchain.training.optimizers import OPTIMIZERS
from toolchain.training.options import EXTRA, PRUNING, group

Schema = dict[str, Any]

MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
LAYER_NAME = r"^[a-z][a-z0-9_]*$"

LAYER_OPTIONS = (
    Option(
        "name",
        {
            "type": "string",
            "pattern": LAYER_NAME,
            "maxLength": 40,
            "description": "The layer's name in reports and in the generated C (small letters, digits, underscores). "
            "Left out: the kind and a number, such as dense_1.",
        },
    ),
    Option(
        "inputs",
        {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "description": "Names of the layers whose outputs go in; `input` is the network's own. "
            "Left out: the layer before.",
        },
    ),
)
WEIGHTS = Option(
    "weights",
    {"enum": list(CODINGS), "description": "The integers of this layer's weights, if not quantization.weights."},
)


@cache
def sections() -> Schema:
    """The schema of a manifest with everything it inherits."""
    return _mapping(
        {
            "model": {
                "type": "string",
                "pattern": MODEL_NAME,
                "not": {"const": "all"},
                "maxLength": 60,
                "description": "The model's name: that of its file without .yaml (letters, digits, - and _). "
                "Not `all`, which stands for every model.",
            },
            "description": {"type": "string", "default": "", "description": "One line on what the model is."},
            "extends": {
                "type": "string",
                "description": "Another manifest, relative to this one, that this one starts from.",
            },
            "dataset": _dataset(),
            "input": _input(),
            "network": _network(),
            network.MULTIPLE: {
                "anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 100}, {"const": network.FIT}],
                "default": 1,
                "description": "What the units and filters of all layers but the last are multiplied by. "
                f"`{network.FIT}`: all that the budgets allow, in steps of 1/64.",
            },
            "training": _training(),
            "pruning": group(PRUNING, "Which weights become zero in training, and when. Left out: none."),
            "quantization": _quantization(),
            "target": _target(),
            "firmware": dict(firmware.SCHEMA),
        },
        required=("model", "dataset", "input", "network", "target"),
        description="A Goldcrest manifest: a network, how it is trained and quantized, and the chip it is built for.",
    )


@cache
def lesson() -> Schema:
    """The same for a manifest that is named as a teacher: it may be meant for no chip."""
    complete = sections()
    return {**complete, "required": [key for key in complete["required"] if key != "target"]}


def choices() -> list[tuple[str, ...]]:
    """The key paths outside lists at which one key out of several stands."""
    found: list[tuple[str, ...]] = []
    for name, section in sections()["properties"].items():
        if any(branch.get("maxProperties") == 1 for branch in section.get("anyOf", ())):
            found.append((name,))
        for key, inner in section.get("properties", {}).items():
            if any(branch.get("maxProperties") == 1 for branch in inner.get("anyOf", ())):
                found.append((name, key))
    return found


def _mapping(properties: Mapping[str, Schema], required: Iterable[str] = (), **more: Any) -> Schema:
    schema: Schema = {"type": "object", "properties": dict(properties)}
    if wanted := list(required):
        schema["required"] = wanted
    return {**schema, "additionalProperties": False, **more}


def _options(options: Iterable[Option], optional: Iterable[Option] = (), **more: Any) -> Schema:
    options = tuple(options)
    properties = {option.name: dict(option.schema) for option in (*options, *optional)}
    return _mapping(properties, [option.name for option in options if option.required], **more)


def _choice(kinds: Mapping[str, Schema], **more: Any) -> Schema:
    """One of several names, bare where it needs no options, else with them: ``flatten``, ``dense: {units: 32}``."""
    bare = [name for name, schema in kinds.items() if not _object(schema).get("required")]
    kinds = {name: _or_nothing(schema) if name in bare else schema for name, schema in kinds.items()}
    named = {
        "type": "object",
        "properties": dict(kinds),
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"anyOf": [*([{"enum": bare}] if bare else []), named], **more}


def _or_nothing(schema: Schema) -> Schema:
    """The same, or nothing at all: ``- flatten:`` says as much as ``- flatten``."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return {**schema, "type": ["object", "null"]}


def _object(schema: Schema) -> Schema:
    return next((branch for branch in schema.get("anyOf", ()) if branch.get("type") == "object"), schema)


def _dataset() -> Schema:
    branches = []
    for name, kind in datasets.datasets().items():
        options = _options(datasets.options(name))
        options["properties"] = {"name": {"const": name, "description": kind.summary}, **options["properties"]}
        options["required"] = ["name", *options.get("required", ())]
        branches.append(options)
    return {"oneOf": branches, "title": "data set", "description": "What the network learns from and is tested on."}


def _input() -> Schema:
    def scaling(default: float, description: str, **limits: Any) -> Schema:
        number = {"type": "number", **limits}
        return {
            "anyOf": [number, {"type": "array", "items": number, "minItems": 1}],
            "default": default,
            "description": description,
        }

    shape = {
        "type": "array",
        "items": {"type": "integer", "minimum": 1},
        "minItems": 1,
        "maxItems": 3,
        "description": "Of one sample: [features], or [height, width, channels]; a flat one reads an image row by row.",
        "examples": [[784], [28, 28, 1]],
    }
    features = "one number, or one a feature (of an image: a channel)"
    return _mapping(
        {
            "shape": shape,
            "offset": scaling(0.0, f"Added to each raw value, before the division: {features}."),
            "divide": scaling(
                1.0, f"What each value is divided by, after the offset: {features}.", **{"not": {"const": 0}}
            ),
        },
        required=("shape",),
        description="What the network gets of a sample: x' = (x + offset) / divide.",
    )


def _network() -> Schema:
    kinds = {}
    for name, kind in layers.kinds().items():
        schema = _options(map(_or_fit, kind.options), (*LAYER_OPTIONS, *((WEIGHTS,) if name in WEIGHTED else ())))
        if kind.shorthand:
            value = next(dict(option.schema) for option in kind.options if option.name == kind.shorthand)
            value.pop("default", None)
            schema = {"anyOf": [value, schema], "x-shorthand": kind.shorthand}
        kinds[name] = {**schema, "description": kind.summary}
    layers_of_its_own = {
        "type": "array",
        "items": _choice(kinds, title="layer", examples=[{"dense": {"units": 10}}, "flatten"]),
        "minItems": 1,
        "description": "The layers, first to last.",
    }
    description = "The layers, first to last; or a trained network from a file: its format and its path."
    return {"anyOf": [layers_of_its_own, formats.schema()], "title": "format", "description": description}


def _or_fit(option: Option) -> Option:
    """A width may be left to the compiler."""
    if option.name not in network.WIDTHS:
        return option
    description = f"{option.schema['description']} `{network.FIT}`: all that the budgets allow."
    width = {key: value for key, value in option.schema.items() if key != "description"}
    return Option(option.name, {"anyOf": [width, {"const": network.FIT}], "description": description})


def _training() -> Schema:
    def counted(minimum: int, description: str, **more: Any) -> Schema:
        return {"type": "integer", "minimum": minimum, **more, "description": description}

    optimizers = {o.name: {**_options(o.options), "description": o.summary} for o in OPTIMIZERS.values()}
    first = {option.name: option.schema["default"] for option in OPTIMIZERS["adam"].options}
    optimizer = _choice(
        optimizers,
        title="optimizer",
        examples=[{"adam": {"learning_rate": 0.001}}],
        default={"adam": first},
        description="How the weights are changed.",
    )
    losses = " ".join(f"{loss.name}: {loss.summary}" for loss in LOSSES.values())
    return _mapping(
        {
            "optimizer": optimizer,
            "loss": {"enum": list(LOSSES), "description": f"What training makes small. {losses}"},
            "epochs": counted(1, "How often the training samples are gone through."),
            "batch": counted(1, "Samples between two changes of the weights.", default=32),
            "seed": counted(0, "Seed of the first weights and of the samples' order.", maximum=2**32 - 1, default=1),
            **{option.name: dict(option.schema) for option in EXTRA},
        },
        required=("loss", "epochs"),
        description="How the network is trained.",
    )


def _quantization() -> Schema:
    return _mapping(
        {
            "scheme": {
                "enum": ["power_of_two", "affine"],
                "default": "power_of_two",
                "description": "How reals become integers; power_of_two: one scale a tensor, a power of two; "
                "affine: any scale, with a zero point, and for weights one a channel.",
            },
            "weights": {
                "enum": list(CODINGS),
                "default": "int8",
                "description": "The integers that weights are stored as. int4: -7 to 7; ternary: -1, 0, 1; "
                "binary: -1, 1. Fewer than eight bits need `training: aware`.",
            },
            "training": {
                "enum": ["after", "aware"],
                "default": "after",
                "description": "after: the trained reals are rounded; aware: the network learns with the integers.",
            },
            "calibration": {
                "anyOf": [
                    {"type": "integer", "minimum": 1},
                    _mapping(
                        {
                            "samples": {
                                "type": "integer",
                                "minimum": 1,
                                "default": 1000,
                                "description": "How many training samples are looked at.",
                            },
                            "method": {
                                "enum": ["min_max", "percentile", "mean_squared_error", "kullback_leibler"],
                                "default": "min_max",
                                "description": "min_max: nothing is cut off; percentile: a share of the values is; "
                                "mean_squared_error, kullback_leibler: the range that loses least by that measure.",
                            },
                            "percentile": {
                                "type": "number",
                                "exclusiveMinimum": 50,
                                "maximum": 100,
                                "default": 99.99,
                                "description": "The share of values, in percent, that the method percentile keeps.",
                            },
                        }
                    ),
                ],
                "default": 1000,
                "description": "What the ranges of the activations are measured on: a number of training samples, or "
                "samples with a method.",
            },
            "output": {
                "enum": ["class", "probabilities"],
                "default": "class",
                "description": "class: a final softmax is left out, the greatest score names the class; "
                "probabilities: it is computed.",
            },
            "saturation": {
                "type": ["number", "null"],
                "minimum": 0,
                "maximum": 1,
                "default": None,
                "description": "The greatest share of a layer's values that may lie outside of its range on the "
                "calibration set. Left out: any.",
            },
        },
        default={},
        description="How the trained network becomes integers.",
    )


def _target() -> Schema:
    def choice(default: Any, values: list[Any], description: str) -> Schema:
        return {"enum": values, "default": default, "description": description}

    return _mapping(
        {
            "mcu": {"enum": list(CHIPS), "title": "chip", "description": "The microcontroller."},
            "clock": _quantity(CLOCK, "The chip's clock, such as 20 MHz."),
            "optimize": choice("s", [1, 2, 3, "s"], "The C compiler's level: -O1, -O2, -O3, -Os."),
            "memory": _mapping(
                {
                    "program": _quantity(SIZE, "Budget of program memory. Left out: all that the chip has."),
                    "data": _quantity(SIZE, "Budget of data memory, stack included. Left out: all that the chip has."),
                },
                default={},
                description="How much of the chip's memory the image may take.",
            ),
            "time": _quantity(
                TIME, "Budget of one inference, in the worst case over every possible input. Left out: none."
            ),
            "prefer": choice(
                "speed", ["speed", "size", "balanced"], "Which of the kernels that are exact is picked for a layer."
            ),
            "latency": choice(
                "data_dependent",
                ["data_dependent", "constant"],
                "data_dependent: zero activations are skipped; constant: every inference takes the same time, but for "
                "layers that have no constant kernel, by up to about 3 % of such a layer: lstm, gru, simple_rnn, "
                "softmax, multiply, batch_normalization and rescaling that no layer before them takes up, concatenate "
                "of inputs with different scales, average pooling of overlapping or padded windows. The build then "
                "warns of each layer that varies, and by how many cycles at most.",
            ),
            "input": choice(
                "whole",
                ["whole", "streamed"],
                "streamed: the first layer, a dense one, takes the input in pieces of 64 bytes; it is never in memory.",
            ),
        },
        required=("mcu", "clock"),
        description="The chip that the firmware is built for.",
    )


def _quantity(unit: Unit, description: str) -> Schema:
    return {
        "type": "string",
        "pattern": unit.pattern,
        "x-unit": unit.base,
        "description": description,
        "examples": [unit.example],
    }
