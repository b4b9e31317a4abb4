"""Builds ``avrxt.c`` with the host's compiler when it is first needed, and declares its functions.

The library lies in a cache named after the hash of the source and the compiler's flags, so a change to the source is
a new file and several processes may build it at once without harm.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from toolchain.errors import ToolError
from toolchain.files import staged

SOURCE = Path(__file__).with_name("avrxt.c")
CACHE = Path("build/simulator")
FLAGS = ("-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden")

U8, U32, U64 = ctypes.c_uint8, ctypes.c_uint32, ctypes.c_uint64
BYTES = ctypes.POINTER(U8)


class Config(ctypes.Structure):
    """``config`` in avrxt.c."""

    _fields_ = [
        (name, U32)
        for name in (
            "classic", "wide_pc", "flash_size", "ram_start", "ram_size", "io_size", "map_start", "map_size", "flmap",
        )
    ]  # fmt: skip


class Callee(ctypes.Structure):
    """``callee`` in avrxt.c."""

    _fields_ = [("call", U32), ("target", U32), ("begin", U64), ("end", U64)]


_MACHINE = ctypes.c_void_p
_SIGNATURES = {
    "avr_new": (_MACHINE, [ctypes.POINTER(Config)]),
    "avr_free": (None, [_MACHINE]),
    "avr_write_flash": (ctypes.c_int, [_MACHINE, U32, ctypes.c_char_p, U32]),
    "avr_flash": (BYTES, [_MACHINE]),
    "avr_data": (BYTES, [_MACHINE]),
    "avr_registers": (BYTES, [_MACHINE]),
    "avr_sentinel": (U32, [_MACHINE]),
    "avr_cycles": (U64, [_MACHINE]),
    "avr_set_cycles": (None, [_MACHINE, U64]),
    "avr_pc": (U32, [_MACHINE]),
    "avr_set_pc": (None, [_MACHINE, U32]),
    "avr_sp": (U32, [_MACHINE]),
    "avr_set_sp": (None, [_MACHINE, U32]),
    "avr_min_sp": (U32, [_MACHINE]),
    "avr_set_min_sp": (None, [_MACHINE, U32]),
    "avr_sreg": (U32, [_MACHINE]),
    "avr_set_sreg": (None, [_MACHINE, U32]),
    "avr_fault": (U32, [_MACHINE]),
    "avr_set_breakpoint": (None, [_MACHINE, U32, ctypes.c_int]),
    "avr_profile": (ctypes.POINTER(U64), [_MACHINE, ctypes.c_int]),
    "avr_watch": (None, [_MACHINE, U32, U32]),
    "avr_callee_count": (U32, [_MACHINE]),
    "avr_callees": (ctypes.POINTER(Callee), [_MACHINE]),
    "avr_run": (ctypes.c_int, [_MACHINE, U64]),
    "avr_step": (ctypes.c_int, [_MACHINE, U64]),
    "avr_enter": (None, [_MACHINE, U32]),
    "avr_batch": (
        ctypes.c_int,
        [_MACHINE, ctypes.POINTER(U32), ctypes.c_void_p, U32, U32, U32, ctypes.c_void_p, U32,
         ctypes.c_void_p, ctypes.c_void_p, U64, ctypes.POINTER(U32)],
    ),
}  # fmt: skip


@cache
def library() -> ctypes.CDLL:
    """The compiled core. Raises ToolError if the host has no C compiler or it fails."""
    loaded = ctypes.CDLL(str(build().resolve()))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def build(cache_folder: Path | None = None) -> Path:
    """The shared library's path; compiles it if the cache does not hold it."""
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise ToolError("the simulator needs a C compiler for this machine; install gcc (apt-get install gcc)")
    text = SOURCE.read_bytes()
    key = hashlib.sha256(b"\0".join([text, compiler.encode(), *(flag.encode() for flag in FLAGS)])).hexdigest()[:16]
    path = (cache_folder or CACHE) / f"avrxt-{key}.so"
    if not path.exists():
        with staged(path) as temporary:
            command = [compiler, *FLAGS, "-o", str(temporary), str(SOURCE)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ToolError(f"{compiler} cannot compile the simulator:\n{done.stderr.strip()[:2000]}")
    return path
