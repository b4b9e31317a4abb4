"""From the network's C to images: the chip's firmware with avr-gcc, and the same network for this machine."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import console
from SCons.Action import Action
from SCons.Scanner.C import CScanner
from SCons.Tool import compilation_db
from shared import BUILD, ROOT, add_methods, known_as, notes, option, screen

from toolchain.board import chips
from toolchain.graph import compilers
from toolchain.memory.compiler import avr_gcc

COMPILE = Action("$( $AVR_GCC $) $AVR_FLAGS $AVR_COMPILE_FLAGS $AVR_INCLUDES -c -o $TARGET $SOURCE")
INCLUDES = ("firmware/runtime", "firmware/kernels", "firmware/ports", "firmware/app")


def generate(env: Any) -> None:
    if option("AVR_GCC"):
        os.environ["AVR_GCC"] = env["ENV"]["AVR_GCC"] = option("AVR_GCC")
    scanner = CScanner()
    link_it = Action("$( $AVR_GCC $) $AVR_FLAGS $AVR_LINK_FLAGS -o $TARGET $SOURCES")
    host_it = Action("$( $HOST_CC $) $HOST_FLAGS $HOST_INCLUDES -o $TARGET $SOURCES")
    env["BUILDERS"]["AvrObject"] = env.Builder(action=COMPILE, source_scanner=scanner, emitter=compiled)
    env["BUILDERS"]["AvrImage"] = env.Builder(action=link_it)
    host_object = Action("$( $HOST_CC $) $HOST_FLAGS $HOST_INCLUDES -r -o $TARGET $SOURCES")
    env["BUILDERS"]["HostObject"] = env.Builder(action=host_object, source_scanner=scanner)
    env["BUILDERS"]["HostProgram"] = env.Builder(action=host_it, source_scanner=scanner)
    env["COMPILATIONDB_COMSTR"] = ""
    env.Tool("compilation_db")
    add_methods(env, Firmware=firmware, Host=host, CompileCommands=compile_commands)


def exists(env: Any) -> bool:
    return True


def firmware(env: Any, plan: Any, generated: list[Any]) -> SimpleNamespace:
    """``firmware.elf``, linked even if it is larger than the chip, and the compiler's stack usage of every object."""
    settings = plan.values.compilation
    flags = compilers.avr_flags(settings["mcu"], settings["clock_hz"], settings["optimize"])
    definitions = [f"-D{name}={value}" for name, value in chips.defines(settings["mcu"]).items()]
    compiler = avr_gcc()
    avr = env.Clone(
        AVR_GCC=shlex.quote(str(compiler)),
        AVR_FLAGS=[*flags, *definitions],
        AVR_COMPILE_FLAGS=compilers.avr_compile_flags(),
        AVR_LINK_FLAGS=compilers.avr_link_flags(),
        AVR_INCLUDES=[f"-I{folder}" for folder in INCLUDES],
        CPPPATH=[f"#{folder}" for folder in INCLUDES],
    )
    seeing = avr.Clone(  # the network: its own files and the application
        AVR_INCLUDES=[f"-I{plan.folders.network}", *avr["AVR_INCLUDES"]],
        CPPPATH=[f"#{plan.folders.network}", *avr["CPPPATH"]],
    )
    version = known_as("the version of avr-gcc", compilers.version(compiler, notes))
    objects, usages = [], []
    own = settings.get("firmware")
    program = [] if own else chips.sources(settings["mcu"])
    shared = plan.folders.objects
    for using, folder, target, source, options in [
        *(own_source(seeing, plan.folder, own, source) for source in (own or {"sources": []})["sources"]),
        *((seeing, plan.folder / "obj", Path(each).name, each, {}) for each in program),
        *((avr, shared, Path(each).name, each, {}) for each in (*kernels("*.c"), *kernels("*.S"))),
        *((seeing, plan.folder / "obj", Path(str(each)).name, each, {}) for each in translated(generated)),
    ]:
        made = once(using, "AvrObject", f"{folder}/{target}.o", source, STAGE="compile", QUIET=True, **options)
        avr.Depends(made, version)
        objects.append(made[0])
        usages += made[1:]
    # A program of the user's may call less than is measured: these stay in the image all the same.
    kept = [f"-Wl,-u,{name}" for name in ("gc_input", "gc_infer", "gc_output", "gc_begin", "gc_feed")] if own else []
    elf = avr.AvrImage(
        f"{plan.folder}/firmware.elf", objects, STAGE="link", AVR_LINK_FLAGS=[*avr["AVR_LINK_FLAGS"], *kept]
    )
    avr.Depends(elf, version)
    return SimpleNamespace(elf=elf[0], usages=usages)


def once(env: Any, builder: str, target: str, source: Any, **options: Any) -> Any:
    """The nodes of a target that several points of a study may ask for."""
    node = env.File(target)
    if node.has_builder():
        return node.get_executor().get_all_targets()
    return getattr(env, builder)(target, source, **options)


def own_source(env: Any, folder: Path, own: Any, source: str) -> tuple[Any, Path, str, str, dict[str, Any]]:
    """A file of the user's program: its object in a folder of its own, warnings that stop nothing, its own headers."""
    folders = own["include"]
    flags = [flag for flag in env["AVR_COMPILE_FLAGS"] if flag != "-Werror"]
    includes = [*env["AVR_INCLUDES"], *(f"-I{folder}" for folder in folders)]
    path = [*env["CPPPATH"], *(folder if Path(folder).is_absolute() else f"#{folder}" for folder in folders)]
    target = "firmware/" + source.strip("/").replace("..", "_")
    return env, folder / "obj", target, source, {"AVR_COMPILE_FLAGS": flags, "AVR_INCLUDES": includes, "CPPPATH": path}


def host(env: Any, plan: Any, generated: list[Any]) -> Any:
    """The same network and kernels as a program for this machine: inputs on standard input, outputs on the other."""
    compiler = compilers.host_compiler()
    native = env.Clone(
        HOST_CC=shlex.quote(str(compiler)),
        HOST_FLAGS=compilers.host_flags(),
        HOST_INCLUDES=[f"-I{folder}" for folder in (plan.folders.network, *INCLUDES)],
        CPPPATH=[f"#{folder}" for folder in (plan.folders.network, *INCLUDES)],
    )
    network = [node for node in generated if str(node).endswith(".c")]
    # The kernels know nothing of a network: they are compiled once for all, in one command as one object.
    alone = {"HOST_INCLUDES": [f"-I{folder}" for folder in INCLUDES], "CPPPATH": [f"#{folder}" for folder in INCLUDES]}
    shared = once(native, "HostObject", f"{BUILD}/host/kernels.o", kernels("*.c"), STAGE="compile", QUIET=True, **alone)
    sources = [*chips.HOST_SOURCES, *shared, *network]
    program = once(native, "HostProgram", f"{plan.folders.network}/host/network", sources, STAGE="host")
    version = known_as("the version of the host's compiler", compilers.version(compiler, notes))
    native.Depends([*shared, *program], version)
    return program[0]


def compile_commands(env: Any) -> None:
    """``build/compile_commands.json``: how each file of the named models' firmware is compiled, for editors."""

    def tell(target: Any, source: Any, env: Any) -> None:
        console.work_was_done()
        count = len(json.loads(Path(target[0].get_internal_path()).read_text(encoding="utf-8")))
        screen.line("write", str(target[0]), f"{count} files")

    node = env.CompilationDatabase(str(BUILD / "compile_commands.json"))
    env.AddPostAction(node, Action(tell, cmdstr=None))
    env.Alias("compile_commands", node)


def compiled(target: list[Any], source: list[Any], env: Any) -> tuple[list[Any], list[Any]]:
    """avr-gcc writes ``x.su`` beside ``x.o`` for C; assembly has none. SCons's tool for editors learns the command."""
    # The tool finds the commands of SCons's own builders by itself, and has no other way in for those of others.
    vars(compilation_db)["__COMPILATION_DB_ENTRIES"].append((target[0], source[0], env, COMPILE))
    if str(source[0]).endswith(".c"):
        target.append(env.File(str(target[0]).removesuffix(".o") + ".su"))
    return target, source


def kernels(pattern: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "firmware" / "kernels").glob(pattern))


def translated(generated: list[Any]) -> list[Any]:
    return [node for node in generated if str(node).endswith((".c", ".S"))]
