"""Program the chip and let it answer one test sample.

    python -m toolchain flash --image build/M/firmware.hex --mcu atmega4809 --clock 20000000
        --network build/M/quantized.npz --dataset build/datasets/D.npz
        [--port P] [--programmer NAME] [--updi P] [--baud N] [--settings .local.yaml] [--sample I] [--unlock yes]

Without ``--port``, ``--programmer`` or a settings file it is the virtual board. Writes no file: in SCons an AlwaysBuild
alias.
"""

from __future__ import annotations

import argparse

from rich.console import Console

from toolchain.board import answers, picture, settings, subject
from toolchain.errors import BoardError
from toolchain.report import status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subject.add_arguments(parser)
    settings.add_arguments(parser)
    parser.add_argument("--sample", type=int, default=0, help="index of the test sample to try (default 0)")
    parser.add_argument("--own", choices=("yes", "no"), default="no", help="the user's own program: ask it nothing")
    parser.add_argument("--unlock", choices=("yes", "no"), default="no", help="erase the chip if it is locked")


def run(args: argparse.Namespace) -> None:
    """Programs, verifies, asks the chip. Raises ``GoldcrestError``."""
    given = settings.settings(args)
    what = subject.load(args)
    if args.sample not in range(len(what.samples)):
        raise BoardError(f"sample={args.sample}: the test samples are numbered from 0 to {len(what.samples) - 1:,}")
    console = Console()
    with subject.board(what, given) as at:
        port = subject.flash(what, at, status.update, args.unlock == "yes", args.own == "yes")
        written = f"{len(what.image):,} bytes written and verified"
        if args.own == "yes":
            status.done(written)
            return
        if port is None:
            status.done(
                f"{written} through {at.updi or at.port}; with the chip's serial line connected: evaluate port=…"
            )
            return
        with subject.conversation(what, port, at.baud) as link:
            sample = what.samples[args.sample]
            answer = link.infer(what.codes(sample[None])[0].tobytes())
    difference = answers.difference(what, sample, answer)
    picture.draw(sample, console)
    console.print(answers.sentence(what, args.sample, answer), highlight=False, soft_wrap=True)
    if difference is not None:
        raise BoardError(difference)
    status.done(f"{written} on {'the virtual board' if given.virtual else port}")
