"""Random networks, three ways: numpy, sanitized C on this machine and the simulated AVR agree on every byte.

GOLDCREST_NETWORKS=2000 GOLDCREST_SEED=7 ./scons test          more of them, others than those of every day
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.exact.harness import check
from tests.exact.random_networks import Coverage, draw
from toolchain.layers.registry import kinds

COUNT = int(os.environ.get("GOLDCREST_NETWORKS", "200"))
SEED = int(os.environ.get("GOLDCREST_SEED", "1"))
SHARES = 4  # tests that may run side by side


@pytest.mark.parametrize("share", range(SHARES))
def test_random_networks(tmp_path: Path, share: int, capsys: pytest.CaptureFixture[str]) -> None:
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
            )
        except Exception as error:
            error.add_note(f"network {number} of share {share}, seed {SEED}: {network.description}")
            error.add_note(f"prefer {network.prefer}, latency {network.latency}, -O{network.optimize}")
            raise
    with capsys.disabled():
        print(f"\n{COUNT // SHARES} random networks, three ways equal\n{coverage}")
    missing = [name for name in kinds() if not coverage[f"layer {name}"]]
    assert not missing, f"no network of this share has {missing}"
