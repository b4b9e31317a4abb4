"""Figures that others published or measured for the same layers, to stand beside ours.

Cycles a product on an AVRxt core: the mean over MNIST test images and, behind a stroke, what an input without zeros
takes (one figure: constant time). They are measurements of hand-written kernels that this project started from; and
NNoM's on the real chip.
"""

from __future__ import annotations

PUBLISHED = {
    ("dense 784-32", "dense_c"): "18–22, NNoM",
    ("dense 784-32", "dense8"): "8.6",
    ("dense 784-32", "dense8_skip"): "1.95 / 8.06",
    ("dense 784-32", "dense8_stream_skip"): "2.6 / 9.8",
    ("dense 784-32 int4", "dense8_int4"): "7",
    ("dense 784-32 int4", "dense8_int4_skip"): "1.8 / 8.0",
    ("dense 784-32 ternary", "dense8_ternary_skip"): "1.2 / 4.2",
    ("dense 784-32 binary", "dense8_binary_skip"): "1.0 / 3.8",
    ("dense 784-32, 80 % zeros", "dense8_sparse"): "3.5",
    ("dense 784-32, 90 % zeros", "dense8_sparse"): "1.84",
    ("conv 3×3 1-8, pool 2", "convolution_patch"): "4.8",
    ("conv 3×3 1-8, pool 2", "convolution_patch_skip"): "2.25 / 4.8",
    ("conv 3×3 8-16", "convolution_unrolled"): "8.3",
}
"""(case, kernel) → figure."""
