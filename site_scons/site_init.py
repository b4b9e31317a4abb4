"""SCons reads this before SConstruct: the toolchain becomes importable, and SCons's own chatter is turned off."""

import sys
from pathlib import Path

import SCons.Script.Main as main
import SCons.Taskmaster

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SetOption("no_progress", True)  # noqa: F821 (SCons defines it): "Reading SConscript files ..." and its like
main.progress_display.set_mode(0)
main.BuildTask.needs_execute = SCons.Taskmaster.OutOfDateTask.needs_execute  # "`…' is up to date."
