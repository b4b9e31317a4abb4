"""Random networks, three ways: numpy, sanitized C on this machine and the simulated AVR agree on every byte.

200 of them belong to every run of the tests. More, and others than those:

    GOLDCREST_NETWORKS=2000 GOLDCREST_SEED=7 ./scons test only=tests/exact/test_random_networks.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.coverage import PROPERTY
from tests.exact.harness import check
from tests.exact.random_networks import Coverage, draw
from tests.exact.random_weights import FORMS
from toolchain.layers.registry import kinds

COUNT = int(os.environ.get("GOLDCREST_NETWORKS", "200"))
SEED = int(os.environ.get("GOLDCREST_SEED", "1"))
SHARES = 4  # tests that may run side by side


@pytest.mark.parametrize("share", range(SHARES))
def test_random_networks(tmp_path: Path, share: int, record_property: Callable[[str, object], None]) -> None:
    from toolchain.training.session import start

    session = start()
    rng = np.random.default_rng((SEED, share))
    coverage = Coverage()
    for number in range(COUNT // SHARES):
        network = draw(rng, session, tmp_path, coverage)
        try:
            check(
                network.graph,
                network.codes,
                tmp_path / "bench",
                network.prefer,
                network.latency,
                optimize=network.optimize,
                forced=network.forced,
                streamed=network.streamed,
            )
            coverage.update(f"kernel {name}" for name in kernels_of(tmp_path / "bench"))
        except Exception as error:
            error.add_note(f"network {number} of share {share}, seed {SEED}: {network.description}")
            error.add_note(
                f"prefer {network.prefer}, latency {network.latency}, -O{network.optimize}, forced {network.forced}, "
                f"streamed {network.streamed}"
            )
            raise
    coverage["networks, three ways equal:"] = COUNT // SHARES
    record_property(PROPERTY, dict(coverage))
    wanted = [*(f"layer {name}" for name in kinds()), *(f"weights {form}" for form in FORMS)]
    wanted += ["input streamed", "input in several pieces"]
    missing = [name for name in wanted if not coverage[name]]
    assert not missing, f"no network of this share has {missing}"


def kernels_of(folder: Path) -> set[str]:
    """The kernels that the generated network calls."""
    description = json.loads((folder / "network.json").read_text(encoding="utf-8"))
    return {layer["kernel"] for layer in description["layers"][:-1] if layer["function"]}
