"""From integer graphs to C: kernel selection, the activation arena, ``weights.h``, ``network.c`` and ``network.h``."""
