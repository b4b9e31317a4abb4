"""Goldcrest's model compiler: manifests in, exact integer C for an 8-bit microcontroller out.

Data flows one way: manifest → datasets → training → quantization → passes → codegen → memory → report.
Each stage is one verb of ``python -m toolchain`` and writes one file (or one and its companions), whole or not at all.
"""
