"""Random networks of every kind: each layer of the integer one lies within its proven distance from the float one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.exact import random_networks
from tests.layers.models import within_bounds
from toolchain import passes
from toolchain.errors import GoldcrestError
from toolchain.ir import from_keras
from toolchain.ir.graph import Encoding, Tensor
from toolchain.quantization.calibration import METHODS, Calibration
from toolchain.quantization.quantize import quantize
from toolchain.quantization.scheme import SCHEMES
from toolchain.training.network import build, h5_bytes
from toolchain.training.session import start


@pytest.mark.parametrize("share", range(4))
def test_random_networks_stay_within_their_bounds(tmp_path, share: int) -> None:
    session = start()
    rng = np.random.default_rng((5, share))
    coverage = random_networks.Coverage()
    done = 0
    while done < 12:
        shape, layers = random_networks._topology(rng, coverage)
        model = build(shape, layers, session, seed=int(rng.integers(1 << 30)))
        weights = zip(model.get_weights(), model.weights, strict=True)
        model.set_weights([random_networks._weights(rng, old.shape, variable.name) for old, variable in weights])
        (tmp_path / "model.h5").write_bytes(h5_bytes(model))
        raw_bytes = bool(rng.random() < 0.5)
        encoding = Encoding(np.array([float(rng.choice([0, -127]))]), np.array([60.0]), quantize=not raw_bytes)
        raw = rng.integers(0, 256, (16, *shape)).astype(np.uint8 if raw_bytes else np.float32)
        calibration = Calibration(str(rng.choice(METHODS)), percentile=99.0)
        try:
            graph = from_keras.read(tmp_path / "model.h5", encoding, Tensor(shape))
            graph = passes.run(passes.float_passes("probabilities"), graph)
            quantized = quantize(graph, SCHEMES[str(rng.choice(sorted(SCHEMES)))](), raw[:8], 0.5, calibration)
        except GoldcrestError:
            continue  # refused with a reason, as it must be
        within_bounds(graph, quantized, raw)  # half of the samples were not calibrated on
        coverage.update(f"layer {layer['kind']}" for layer in layers)
        done += 1
