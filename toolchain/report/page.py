"""report.html from what the ``report`` stage gathered: one file with its styles, its program and its data inside.

The template, styles and program are files of their own in ``page/``. What a person reads is text in the page already;
the program draws the pictures and lets them be asked. The page refuses (Content-Security-Policy) to load anything.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from toolchain.memory import budgets
from toolchain.report import difference

FOLDER = Path(__file__).parent / "page"
SCRIPTS = ("elements", "tables", "treemap", "layers", "training", "answers")
TIED = "\N{NO-BREAK SPACE}"
COMMENT = re.compile(r"(^|\s)#.*$")
KEY = re.compile(r"^(\s*(?:- )?)([A-Za-z_][\w.-]*)(:)(?=\s|$)")


def render(content: Mapping[str, Any]) -> str:
    """The page. ``content`` is what ``report_stage.gather`` returns."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "count": count,
        "duration": duration,
        "figure": figure,
        "percent": percent,
        "yaml": yaml,
        "axes": axes,
    }
    script = "\n".join((FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    return environment.get_template("report.html").render(
        **content,
        **_verdict(content["report"]),
        changes=_changes(content["previous"], content["report"]),
        style=Markup((FOLDER / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        embedded=Markup(_embedded(content)),
    )


def _embedded(content: Mapping[str, Any]) -> str:
    """What the program draws from, as JSON that cannot end the element it stands in."""
    names = ("program", "data", "layers", "input", "history", "answers", "names", "observed")
    drawn = {name: content[name] for name in names}
    drawn["budgets"] = {name: content["report"][name]["budget"] for name in ("program", "data")}
    return json.dumps(drawn, separators=(",", ":")).replace("<", "\\u003c")


def _verdict(report: Mapping[str, Any]) -> dict[str, Any]:
    longest, over = difference.longest(report), budgets.exceeded(report)
    return {
        "fits": not over,
        "word": "Fits" if not over else "Is too slow on" if over == ["time"] else "Does not fit",
        "chip": report["mcu"].replace("atmega", "ATmega").replace("attiny", "ATtiny").replace("avr", "AVR"),
        "clock": f"{report['clock_hz'] / 1e6:g} MHz",
        "longest": longest,
    }


def _changes(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[dict[str, str | bool]] | None:
    """The rows of the table of what changed since the last build; None without one."""
    if old is None:
        return None
    return [
        {
            "name": row.name,
            "part": row.part,
            "old": difference.shown(row.old, row.unit),
            "new": difference.shown(row.new, row.unit),
            "change": difference.signed(row),
            "verdict": row.verdict,
        }
        for row in difference.rows(old, new)
    ]


def count(value: float) -> str:
    """A whole number with commas."""
    return f"{round(value):,}"


def figure(value: float | None, digits: int = 3) -> str:
    """A number of that many digits, without an exponent where a person would not write one."""
    if value is None:
        return "–"
    if not math.isfinite(value) or (value == int(value) and abs(value) < 10**digits):
        text = f"{value:g}"
    else:
        places = digits - 1 - math.floor(math.log10(abs(value)))
        text = f"{value:.2e}" if places > 7 else f"{round(value, places):,.{max(0, min(places, 6))}f}"
    return text.replace("-", "−")


def duration(milliseconds: float | None) -> str:
    """``2.53 ms``, and ``6.75 µs`` for what takes less than a tenth of one."""
    if milliseconds is None or milliseconds >= 0.1 or not milliseconds:
        return f"{figure(milliseconds)}{TIED}ms"
    return f"{figure(1000 * milliseconds)}{TIED}µs"


def percent(share: float, places: int = 1) -> str:
    return f"{100 * share:.{places}f}{TIED}%"


def axes(shape: list[int]) -> str:
    return " × ".join(map(str, shape))


def yaml(text: str) -> Markup:
    """A manifest's lines, each with its number; keys and comments marked."""
    lines = []
    for line in text.rstrip("\n").split("\n"):
        comment = COMMENT.search(line)
        body, remark = (line[: comment.start()], line[comment.start() :]) if comment else (line, "")
        marked = KEY.sub(lambda m: f"{m[1]}\0{m[2]}\1{m[3]}", body)
        code = str(escape(marked)).replace("\0", '<b class="key">').replace("\1", "</b>")
        tail = f"<i>{escape(remark)}</i>" if remark else ""
        lines.append(f"<li><code>{code}{tail}</code></li>")
    return Markup("\n".join(lines))
