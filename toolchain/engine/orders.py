"""What travels between a build and a worker: plain values, so that both sides understand them whatever they run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Order:
    """One command. Files are named by their path from the project's folder and by their content in ``Blobs``."""

    program: str  # python, avr-gcc or cc: each machine has its own
    words: list[str]  # what follows it
    environment: dict[str, str]  # what the command must be told beside the machine's own environment
    inputs: dict[str, str]
    targets: list[str]
    cache: str  # the shared folder, as the build sees it
    project: dict[str, str]  # the build's identity
    topic: str  # under which progress is told
    key: str


@dataclass(frozen=True)
class Result:
    """What came of it. ``missing`` are blobs that were not found: nothing has been run."""

    status: int = 0
    errors: str = ""
    output: list[str] = field(default_factory=list)  # what the command showed
    news: list[dict[str, Any]] = field(default_factory=list)  # its last messages
    targets: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    worker: str = ""
