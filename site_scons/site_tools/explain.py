"""``explain``: which stages the next build will run, and which line of the manifest or which file is the cause.

SCons knows this only of a stage whose inputs are built. Here nothing is built: the signatures that it keeps are held
against what the manifest and the files are now, and of a stage behind one that runs it is said what it waits for.
"""

from __future__ import annotations

import os
import textwrap
from dataclasses import dataclass, field
from typing import Any

import console
from manifest import origins
from SCons.Action import Action
from SCons.Script import COMMAND_LINE_TARGETS, GetOption
from SCons.Util import hash_collect, hash_signature
from shared import Named, add_methods, screen

from toolchain.errors import GoldcrestError
from toolchain.graph import freshness, reasons

VERB = 11  # columns
WIDTH = 80


def generate(env: Any) -> None:
    add_methods(env, Explain=explain)


def exists(env: Any) -> bool:
    return True


def explain(env: Any, plan: Any, image: Any) -> Any:
    """The target prints a line for each stage behind the image. It runs nothing, so it must be asked for alone."""
    asked = [str(name) for name in COMMAND_LINE_TARGETS]
    if "explain" in asked and len(asked) > 1 and not GetOption("clean"):
        raise GoldcrestError(
            f"explain runs nothing, so {', '.join(asked)} cannot be asked for together; ask for it alone"
        )

    def show(target: Any, source: Any, env: Any) -> None:
        console.work_was_done()
        for line in Explanation(plan).lines(image):
            screen.write(line + "\n")

    return env.AlwaysBuild(env.Command(f"{plan.folder}/.explain", [], Action(show, cmdstr=None)))


@dataclass
class Finding:
    """One command: why it runs (``causes``), and whose results might make it run (verb → files)."""

    verb: str
    causes: list[str] = field(default_factory=list)
    waits: dict[str, list[str]] = field(default_factory=dict)
    cached: bool = False

    @property
    def runs(self) -> bool:
        return bool(self.causes or self.waits)


class Explanation:
    def __init__(self, plan: Any) -> None:
        self.plan = plan
        self.findings: dict[Any, Finding] = {}  # by executor, in the order of the build

    def lines(self, image: Any) -> list[str]:
        self.finding(image)
        by_verb: dict[str, list[Finding]] = {}
        for each in self.findings.values():  # a verb stands where the last of its commands does
            by_verb[each.verb] = [*by_verb.pop(each.verb, []), each]
        found = [f"{'explain':<{VERB}}{self.plan.values.path}"]
        for verb, each in by_verb.items():
            lines = textwrap.wrap(
                summary(each), WIDTH - VERB, break_long_words=False, break_on_hyphens=False, subsequent_indent="  "
            )
            found += [f"{verb if not n else '':<{VERB}}{line}" for n, line in enumerate(lines)]
        return found

    def finding(self, node: Any) -> Finding:
        """The finding of the command that makes ``node``, after those of all commands before it."""
        executor = node.get_executor()
        if executor not in self.findings:
            children = node.children()
            before = {
                child: self.finding(child) for child in children if child.has_builder() and not self.section(child)
            }
            found = Finding(str(executor.get_build_env().get("STAGE", "")))
            for child, other in before.items():
                if other.runs:
                    found.waits.setdefault(other.verb, []).append(child.name)
            known = [child for child in children if not (child in before and before[child].runs)]
            found.causes = self.causes(node, known, settled=len(known) == len(children))
            found.cached = bool(found.causes) and not found.waits and self.is_cached(node)
            self.findings[executor] = found
        return self.findings[executor]

    def section(self, node: Any) -> bool:
        """Is it a file of the plan? It is written anew whenever the graph is read; only its content counts."""
        sources = node.sources if node.has_builder() else []
        return len(sources) == 1 and isinstance(sources[0], Named)

    def causes(self, node: Any, known: list[Any], settled: bool) -> list[str]:
        """Why the node is out of date, as far as its ``known`` inputs tell: those that no other command makes anew.

        Are they all (``settled``)? What a source that is yet to be made includes is not known.
        """
        targets = node.get_executor().get_all_targets()
        missing = [str(each) for each in targets if not each.exists()]
        if missing:
            return [f"{reasons.listed(missing)} {'does' if len(missing) == 1 else 'do'} not exist"]
        altered = [str(each) for each in targets if freshness.was_altered(each)]
        if altered:
            return [f"{reasons.listed(altered)} is not what it wrote"]
        info = node.get_stored_info().binfo
        info.prepare_dependencies()
        try:
            old = dict(
                zip(
                    info.bsources + info.bdepends + info.bimplicit,
                    info.bsourcesigs + info.bdependsigs + info.bimplicitsigs,
                    strict=True,
                )
            )
        except AttributeError:
            return ["nothing is known of the run before"]
        causes = [cause for child in known if child in old for cause in self.change(child, old[child])]
        declared, before = [*node.sources, *node.depends], [*info.bsources, *info.bdepends]
        now = known if settled else declared  # else of what is included only the declared is known
        new = [str(child) for child in now if child not in old]
        gone = [str(child) for child in (old if settled else before) if child not in now]
        causes += [f"reads {reasons.listed(new)} as well"] if new else []
        causes += [f"reads {reasons.listed(gone)} no more"] if gone else []
        executor = node.get_executor()
        if info.bactsig != hash_signature(executor.get_contents()):
            causes += self.target_settings()
            if not causes:  # a command names what it reads: if that changed, it is said already
                causes.append(reasons.in_command(str(info.bact), str(executor)))
        return list(dict.fromkeys(causes))

    def change(self, child: Any, remembered: Any) -> list[str]:
        """How an input differs from what is remembered of it; nothing if it does not."""
        before = getattr(remembered, "csig", None)
        if self.section(child):
            return self.section_change(child, before)
        if not isinstance(child, Named):
            return [f"{child} changed"] if not child.exists() or child.get_csig() != before else []
        if before == child.value:
            return []
        names = reasons.in_lines(str(before or ""), child.value)
        return [f"{reasons.listed(names)} changed" if names else f"{child} changed"]

    def section_change(self, child: Any, before: str | None) -> list[str]:
        value = child.sources[0]
        if hash_signature(value.value.encode()) == before:
            return []
        try:
            with open(child.get_internal_path(), encoding="utf-8") as file:  # noqa: PTH123  a node's path
                old = file.read()
        except OSError:
            old = ""
        if hash_signature(old.encode()) != before:
            return [f"{value} changed"]  # the text of then is no more
        section, path = origins[child]
        if section == "dataset":  # models share it; this one's manifest is the one in question
            path = self.plan.values.path
        return reasons.in_manifest(path, section, old, value.value)

    def target_settings(self) -> list[str]:
        """What changed in the section that the compilers' flags come from."""
        child = self.plan.compilation
        remembered = child.get_stored_info().binfo
        before = [getattr(sig, "csig", "") for sig in getattr(remembered, "bsourcesigs", [])]
        new = child.sources[0].value
        if len(before) != 1 or not before[0] or before[0] == new:
            return []
        return reasons.in_manifest(self.plan.values.path, "compilation", before[0], new)

    def is_cached(self, node: Any) -> bool:
        """Does the shared cache hold the result? (SCons's own answer would read the plan's files, which are not yet
        written.)"""
        cache = node.get_build_env().get_CacheDir()
        if node.nocache or not cache.is_enabled():
            return False
        known = [
            hash_signature(child.sources[0].value.encode()) if self.section(child) else child.get_cachedir_csig()
            for child in node.children()
        ]
        signature = hash_collect([*known, node.get_contents_sig(), node.get_internal_path()])
        return os.path.exists(os.path.join(cache.path, signature[:2].upper(), signature))  # noqa: PTH110, PTH118


def summary(findings: list[Finding]) -> str:
    """What there is to say of a verb; compilers have many commands, other stages one."""
    causes = list(dict.fromkeys(cause for each in findings for cause in each.causes))
    waits: dict[str, list[str]] = {}
    for each in findings:
        for verb, files in each.waits.items():
            waits.setdefault(verb, []).extend(files)
    if causes:
        word = "from the cache" if all(each.cached for each in findings if each.causes) else "runs"
        share = sum(1 for each in findings if each.causes)
        part = f" for {share} of {len(findings)} files" if len(findings) > 1 else ""
        return f"{word}{part}: {'; '.join(causes[:3])}{f'; and {len(causes) - 3} more' if len(causes) > 3 else ''}"
    if not waits:
        return "up to date"
    if len(waits) == 1:
        ((verb, files),) = waits.items()
        return f"runs if {verb} changes {reasons.listed(list(dict.fromkeys(files)))}"
    return f"runs if {', '.join(list(waits)[:-1])} or {list(waits)[-1]} changes what it makes"
