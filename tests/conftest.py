"""For all tests: no deadlines (machines differ, and several tests run at once), and a cache of their own."""

from __future__ import annotations

import signal

from hypothesis import settings

settings.register_profile("goldcrest", deadline=None)
settings.load_profile("goldcrest")

# A shell that runs the tests in the background lets them ignore Ctrl-C, and what they start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
