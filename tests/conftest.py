"""For all tests: no deadlines (machines differ, and several tests run at once), and a cache of their own."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("goldcrest", deadline=None)
settings.load_profile("goldcrest")
