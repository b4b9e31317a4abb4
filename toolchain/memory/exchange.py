"""Fast code gives way to small code where a network does not fit its chip.

The code generator decides with real costs (``codegen.selection``), the check of a manifest with estimated ones
(``memory.estimate``); the rule is this one. Pure Python: it runs while the build graph is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from toolchain.memory import calibration

Choice = TypeVar("Choice")


def thrifty(
    choices: Sequence[Choice],
    rivals: Callable[[int, Choice], Iterable[Choice]],
    flash: Callable[[Sequence[Choice]], int],
    cycles: Callable[[Choice], int],
) -> list[Choice]:
    """The choices without code that buys next to nothing: a second kernel for a layer that another one serves as well.

    The arguments are those of ``fitted``.
    """
    return _exchanged(choices, rivals, flash, cycles, 0, calibration.CHEAPEST)


def fitted(
    choices: Sequence[Choice],
    rivals: Callable[[int, Choice], Iterable[Choice]],
    flash: Callable[[Sequence[Choice]], int],
    cycles: Callable[[Choice], int],
    chip: int,
) -> list[Choice]:
    """The choices, a layer each, exchanged until the network fits into ``chip`` bytes beside the application.

    ``rivals`` are the other choices for the layer of that number, ``flash`` is what a network of choices takes without
    the application, ``cycles`` what one choice costs. A tenth of the chip stays free if that costs little time; if it
    cannot be, what is left is used up.
    """
    for limit, dearest in ((chip * 9 // 10, calibration.DEAREST), (chip - calibration.LARGEST_APPLICATION, math.inf)):
        found = _exchanged(choices, rivals, flash, cycles, limit, dearest)
        if flash(found) <= limit:
            break
    return found


def _exchanged(
    choices: Sequence[Choice],
    rivals: Callable[[int, Choice], Iterable[Choice]],
    flash: Callable[[Sequence[Choice]], int],
    cycles: Callable[[Choice], int],
    limit: int,
    dearest: float,
) -> list[Choice]:
    """While the network is too large, exchange the choice whose smaller rival costs the fewest cycles a byte saved.

    Exchanges that cost more than ``dearest`` cycles a byte are left alone.
    """
    found = list(choices)
    while (size := flash(found)) > limit:
        swaps = []
        for index, choice in enumerate(found):
            for number, rival in enumerate(rivals(index, choice)):
                changed = [*found[:index], rival, *found[index + 1 :]]
                saved = size - flash(changed)
                slower = cycles(rival) - cycles(choice)
                if saved > 0 and slower <= dearest * saved:
                    swaps.append((slower / saved, index, number, changed))
        if not swaps:
            break
        found = min(swaps, key=lambda swap: swap[:3])[3]
    return found
