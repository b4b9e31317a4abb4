"""The virtual board: a process that is, to the outside, an evaluation board with a USB bridge and a programmer.

Two pseudo-terminals: the chip's USART and its UPDI pin. ``python -m toolchain.board.virtual`` is the process; other
code starts it through ``toolchain.board.virtual_board`` and never imports this package, because it uses yasimavr, which
is under the GPL.
"""
