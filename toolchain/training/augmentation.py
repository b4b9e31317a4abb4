"""Random changes of training images: affine maps and elastic displacements, computed in the graph.

Stateless random numbers (seed, step) decide: the same step of the same training always sees the same images, whether
the training was interrupted before it or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from toolchain.errors import GoldcrestError
from toolchain.layers.base import Shape
from toolchain.training.loop import Augment
from toolchain.training.options import AFFINE, AUGMENTATION, ELASTIC, filled
from toolchain.training.session import Session


def build(session: Session, options: Mapping[str, Any] | None, shape: Shape, seed: int) -> Augment | None:
    """The function (raw batch float32, step) → batch, or None if nothing is asked for."""
    chosen = filled(options, AUGMENTATION) if options else {}
    if not any(chosen.values()):
        return None
    height, width, channels = _pixels(shape)
    affine = filled(chosen["affine"], AFFINE) if chosen["affine"] else None
    elastic = filled(chosen["elastic"], ELASTIC) if chosen["elastic"] else None
    tf = session.tf
    rows, columns = (tf.constant(axis) for axis in np.mgrid[0:height, 0:width].astype(np.float32))

    def warp(images: Any, step: Any, displaced: Any) -> Any:
        shape = (tf.shape(images)[0], height, width)
        y, x = tf.broadcast_to(rows, shape), tf.broadcast_to(columns, shape)
        if affine:
            y, x = _affine(tf, affine, y, x, (height, width), (seed, step))
        if elastic:
            y, x = y + displaced[0], x + displaced[1]
        return sample(tf, images, y, x)

    # XLA makes one pass of it: 0.8 ms a batch of 128 instead of 4.4; but it draws normal numbers slowly (17 ms).
    compiled = tf.function(warp, jit_compile=True)

    def augment(batch: Any, step: Any) -> Any:
        count = tf.shape(batch)[0]
        images = tf.reshape(batch, (count, height, width, channels))
        displaced = _displacement(tf, elastic, count, (height, width), (seed, step)) if elastic else None
        return tf.reshape(compiled(images, step, displaced), tf.shape(batch))

    return augment


def sample(tf: Any, images: Any, y: Any, x: Any) -> Any:
    """The images (n, h, w, c) at real coordinates y, x (n, h, w), bilinear; outside the image lies 0."""
    height, width = int(images.shape[1]), int(images.shape[2])
    # One pixel of 0 around the image; coordinates further out land in it.
    padded = tf.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = tf.clip_by_value(y + 1, 0.0, height + 1.0)
    x = tf.clip_by_value(x + 1, 0.0, width + 1.0)
    top = tf.minimum(tf.floor(y), float(height))
    left = tf.minimum(tf.floor(x), float(width))
    down, right = (y - top)[..., None], (x - left)[..., None]
    first = tf.cast(top, tf.int32) * (width + 2) + tf.cast(left, tf.int32)
    flat = tf.reshape(padded, (tf.shape(images)[0], (height + 2) * (width + 2), images.shape[3]))

    def at(offset: int) -> Any:
        return tf.gather(flat, first + offset, batch_dims=1)

    upper = at(0) * (1 - right) + at(1) * right
    lower = at(width + 2) * (1 - right) + at(width + 3) * right
    return upper * (1 - down) + lower * down


def _affine(
    tf: Any, options: Mapping[str, Any], y: Any, x: Any, size: tuple[int, int], seed: tuple[int, Any]
) -> tuple[Any, Any]:
    """Where each pixel of the result comes from: rotation, scale and shear about the centre, then a shift."""
    count = tf.shape(y)[0]
    random = tf.random.stateless_uniform((count, 5, 1, 1), _seed(tf, seed, 0), -1.0, 1.0)
    angle = random[:, 0] * (options["rotation"] * np.pi / 180)
    scale = 1 + random[:, 1] * options["scale"]
    shear = random[:, 2] * options["shear"]
    centre_y, centre_x = (size[0] - 1) / 2, (size[1] - 1) / 2
    dy = y - centre_y - random[:, 3] * options["shift"]
    dx = x - centre_x - random[:, 4] * options["shift"]
    cosine, sine = tf.cos(angle) / scale, tf.sin(angle) / scale
    from_y = cosine * dy - sine * dx
    from_x = sine * dy + cosine * dx + shear * from_y
    return from_y + centre_y, from_x + centre_x


def _displacement(tf: Any, options: Mapping[str, Any], count: Any, size: tuple[int, int], seed: tuple[int, Any]) -> Any:
    """Smooth random displacements (2, n, h, w) of rows and columns, of the root mean square asked for."""
    noise = tf.random.stateless_normal((2, count, *size), _seed(tf, seed, 1))
    vertical, horizontal = (tf.constant(_smoother(axis, options["smoothness"])) for axis in size)
    smooth = tf.matmul(tf.matmul(vertical, tf.reshape(noise, (-1, *size))), horizontal, transpose_b=True)
    return tf.reshape(smooth, (2, count, *size)) * options["strength"]


def _smoother(size: int, sigma: float) -> np.ndarray:
    """The (size, size) matrix that smooths white noise by a Gaussian and leaves its variance 1 at every place."""
    places = np.arange(size)
    kernel = np.exp(-((places[:, None] - places[None, :]) ** 2) / (2 * sigma**2))
    kernel /= np.sqrt((kernel**2).sum(axis=1, keepdims=True))
    result: np.ndarray = kernel.astype(np.float32)
    return result


def _seed(tf: Any, seed: tuple[int, Any], stream: int) -> Any:
    """Two words for a stateless generator: the training's seed with the stream, and the step."""
    first = np.int32((seed[0] * 2 + stream) % 2**31)
    return tf.stack([tf.constant(first), tf.cast(seed[1], tf.int32)])


def _pixels(shape: Shape) -> tuple[int, int, int]:
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    if len(shape) == 2:
        return shape[0], shape[1], 1
    side = round(shape[0] ** 0.5)
    if side * side != shape[0]:
        raise GoldcrestError(f"training.augmentation changes images, and the input is a row of {shape[0]} values")
    return side, side, 1
