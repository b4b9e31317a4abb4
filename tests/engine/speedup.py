"""How much sooner two workers are done than one: ``python -m tests.engine.speedup``, on an otherwise idle machine.

Sixteen points, 784-W-10 on MNIST with W from 1 to 16, are built twice from nothing: by one worker, then by two. Each
worker runs one stage at a time on one processor of its own, so trainings are single-threaded. The files that are
compared are all that a build leaves.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.engine.clusters import cluster
from tests.graph.project import Project

POINTS = 16


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=POINTS, help=f"how many (default {POINTS})")
    parser.add_argument("--limit", type=float, default=0.65, help="exit status 1 if the ratio is above (default 0.65)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        origin = Project.copied(Path(name) / "origin")
        models = [point(origin, width) for width in range(1, args.points + 1)]
        seconds, files = [], []
        for workers in (1, 2):
            taken, made = measured(Path(name) / f"with-{workers}", origin, models, workers)
            print(f"{workers} worker{'s' * (workers > 1)}: {len(models)} points in {taken:.1f} s", flush=True)
            seconds.append(taken)
            files.append(made)
    ratio = seconds[1] / seconds[0]
    same = files[0] == files[1]
    print(f"ratio {ratio:.3f}; {len(files[0])} files {'are the same' if same else 'DIFFER'}")
    return 0 if same and ratio <= args.limit else 1


def point(project: Project, width: int) -> str:
    text = (project.root / "models/mnist_dense32.yaml").read_text(encoding="utf-8")
    name = f"point_{width}"
    text = text.replace("model: mnist_dense32", f"model: {name}").replace("units: 32", f"units: {width}")
    (project.root / "models" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return name


def measured(folder: Path, origin: Project, models: list[str], workers: int) -> tuple[float, dict[str, bytes]]:
    """Seconds from the command to its end, and the files that were made."""
    with cluster(folder) as found:
        processors = sorted(os.sched_getaffinity(0))
        for index in range(workers):
            worker = found.add(origin)
            for thread in Path(f"/proc/{worker.process.pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {processors[index % len(processors)]})
        home = Project.copied(folder / "home", origin.root)
        began = time.monotonic()
        run = found.scons(home, f"model={','.join(models)}")
        taken = time.monotonic() - began
        if run.status:
            sys.exit(run.out + run.err)
    build = home.root / "build"
    paths = [path for model in models for path in sorted((build / model).rglob("*")) if path.is_file()]
    return taken, {str(path.relative_to(build)): path.read_bytes() for path in paths}


if __name__ == "__main__":
    sys.exit(main())
