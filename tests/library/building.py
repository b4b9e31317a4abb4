"""Small networks as libraries on the disk, and the compilers that take them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from toolchain import passes
from toolchain.graph import compilers
from toolchain.ir.graph import Encoding, Graph, Layer, Tensor, verify
from toolchain.layers.activation import Activation
from toolchain.layers.convolution import Convolution
from toolchain.layers.dense import Dense
from toolchain.layers.flatten import Flatten
from toolchain.layers.pooling import MaxPooling
from toolchain.library.library_stage import library
from toolchain.memory.compiler import avr_gcc
from toolchain.memory.elf import Image
from toolchain.quantization.quantize import quantize
from toolchain.quantization.scheme import SCHEMES

BYTES = Encoding(np.array([-127.0]), np.array([8.0]), quantize=False)
FLAGS = ("-std=gnu11", "-Os", "-Wall", "-Wextra", "-Werror", "-ffunction-sections", "-fdata-sections")
CHIPS = ("atmega4809", "atmega328p")


def samples(graph: Graph, count: int, seed: int = 0) -> np.ndarray:
    """Raw samples as a data set has them: bytes, many of them 0, or floats of very different sizes a feature."""
    rng = np.random.default_rng(seed)
    shape = (count, *graph.input.shape)
    if graph.encoding.quantize:
        spread = 10.0 ** rng.integers(-2, 3, graph.input.shape)
        return (rng.normal(size=shape) * spread).astype(np.float32)
    return (rng.integers(0, 256, shape) * (rng.random(shape) < 0.4)).astype(np.uint8)


def integer(graph: Graph, scheme: str = "power_of_two", decision: str = "argmax") -> Graph:
    """The integer graph of a float one, after the passes."""
    passed = passes.run(passes.FLOAT_PASSES, replace(graph, decision=decision))
    return quantize(passed, SCHEMES[scheme](), samples(graph, 200), 0.5)


@cache
def dense(
    name: str,
    inputs: int = 20,
    hidden: int = 9,
    outputs: int = 6,
    scheme: str = "power_of_two",
    decision: str = "argmax",
    seed: int = 1,
    divide: float = 8,
) -> Graph:
    """Two dense layers on bytes."""
    encoding = replace(BYTES, divide=np.array([float(divide)]))
    return integer(_dense(name, encoding, inputs, hidden, outputs, seed), scheme, decision)


@cache
def measured(name: str, features: int = 5, scheme: str = "power_of_two", decision: str = "argmax") -> Graph:
    """Two dense layers on floats that are standardized feature by feature."""
    rng = np.random.default_rng(7)
    encoding = Encoding(rng.normal(size=features), 10.0 ** rng.uniform(-2, 2, features), quantize=True)
    return integer(_dense(name, encoding, features, 8, 3, 2), scheme, decision)


@cache
def convolutional(name: str, scheme: str = "power_of_two") -> Graph:
    """A convolution with its border, a pooling and a dense layer on bytes."""
    rng = np.random.default_rng(3)
    weights = rng.normal(0, 0.3, (3, 3, 1, 4)).astype(np.float32)
    layers = (
        Layer("conv", ("input",), Convolution(weights, np.zeros(4, np.float32), padding="same"), Tensor((8, 8, 4))),
        Layer("relu", ("conv",), Activation("relu"), Tensor((8, 8, 4))),
        Layer("pool", ("relu",), MaxPooling((2, 2), (2, 2)), Tensor((4, 4, 4))),
        Layer("flat", ("pool",), Flatten(), Tensor((64,))),
        Layer("last", ("flat",), _layer(rng, 64, 5), Tensor((5,))),
    )
    return integer(verify(Graph(name, Tensor((8, 8, 1)), BYTES, layers)), scheme)


def _dense(name: str, encoding: Encoding, inputs: int, hidden: int, outputs: int, seed: int) -> Graph:
    rng = np.random.default_rng(seed)
    layers = (
        Layer("hidden", ("input",), _layer(rng, inputs, hidden), Tensor((hidden,))),
        Layer("relu", ("hidden",), Activation("relu"), Tensor((hidden,))),
        Layer("last", ("relu",), _layer(rng, hidden, outputs), Tensor((outputs,))),
    )
    return verify(Graph(name, Tensor((inputs,)), encoding, layers))


def _layer(rng: np.random.Generator, inputs: int, outputs: int) -> Dense:
    weights = rng.normal(0, 1 / np.sqrt(inputs), (inputs, outputs)).astype(np.float32)
    return Dense(weights, rng.normal(0, 0.2, outputs).astype(np.float32))


_contents: dict[tuple[str, str], dict[str, str]] = {}


def content(graph: Graph, mcu: str = "atmega4809") -> dict[str, str]:
    """Every file of the graph's library by its path, made once."""
    if (graph.name, mcu) not in _contents:
        _contents[graph.name, mcu] = made(graph, mcu)
    return _contents[graph.name, mcu]


def made(graph: Graph, mcu: str = "atmega4809", description: str = "A network of the tests") -> dict[str, str]:
    raw = samples(graph, 10, seed=5)
    plan = {
        "mcu": mcu, "prefer": "speed", "latency": "data_dependent", "clock_hz": 16_000_000,
        "description": description,
    }  # fmt: skip
    return library(graph, plan, raw, (float(raw.min()), float(raw.max())))


def write(graph: Graph, folder: Path, mcu: str = "atmega4809") -> Path:
    """The library on the disk; returns its folder."""
    for name, text in content(graph, mcu).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def objects(library: Path, command: Sequence[object], into: Path) -> list[Path]:
    """Every source of a library's ``src``, compiled one by one."""
    into.mkdir(parents=True, exist_ok=True)
    made = []
    for source in sorted((library / "src").iterdir()):
        if source.suffix in (".c", ".S"):
            made.append(into / f"{source.name}.o")
            run([*command, f"-I{library / 'src'}", "-c", source, "-o", made[-1]])
    return made


def avr(mcu: str) -> list[object]:
    return [avr_gcc(), f"-mmcu={mcu}", *FLAGS]


def linked(mcu: str, main: str, parts: Sequence[Path], folder: Path, include: Sequence[Path]) -> Image:
    """An AVR image of a main file's text and objects."""
    folder.mkdir(parents=True, exist_ok=True)
    source, image = folder / "main.c", folder / "image.elf"
    source.write_text(main, encoding="utf-8")
    headers = [f"-I{path}" for path in include]
    run([*avr(mcu), *headers, source, *parts, "-Wl,--gc-sections", *compilers.UNLIMITED, "-lm", "-o", image])
    return Image(image)


def host() -> list[object]:
    return [compilers.host_compiler(), *FLAGS, "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def run(command: Sequence[object], data: bytes = b"", folder: Path | None = None) -> bytes:
    words = [str(word) for word in command]
    done = subprocess.run(words, input=data, capture_output=True, cwd=folder, check=False)
    assert not done.returncode, f"{' '.join(words)}\n{done.stderr.decode(errors='replace')[:4000]}"
    return done.stdout


def has(tool: str) -> bool:
    return shutil.which(tool) is not None
