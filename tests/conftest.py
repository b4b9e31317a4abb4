"""For all tests: no deadlines (machines differ, and several tests run at once), and a cache of their own."""

from __future__ import annotations

import signal
from itertools import chain

import pytest
from hypothesis import settings

from tests import coverage

settings.register_profile("goldcrest", deadline=None)
settings.load_profile("goldcrest")

# A shell that runs the tests in the background lets them ignore Ctrl-C, and what they start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the random networks of this run covered."""
    counts = coverage.total(chain(*(terminalreporter.stats.get(kind, ()) for kind in ("passed", "failed"))))
    if counts:
        terminalreporter.section("random networks")
        terminalreporter.write(coverage.shown(counts, terminalreporter._tw.fullwidth))
