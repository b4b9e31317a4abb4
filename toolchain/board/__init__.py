"""The board: chips, the serial link, programmers, the virtual board, and the verbs that use them.

Nothing is imported here: ``toolchain.board.chips`` is read while SCons reads the graph and must stay light.
"""
