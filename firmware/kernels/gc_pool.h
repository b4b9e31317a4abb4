/* Pooling over height x width x channels, channels innermost; a sequence has a width of 1.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_POOL_H
#define GC_POOL_H

#include "gc_requantize.h"

/* Windows that lie side by side, all of them inside. */
struct gc_pool {
    uint16_t rows, columns; /* of the output */
    uint16_t channels;
    uint16_t height, width; /* of the window */
    uint16_t pitch;         /* bytes of one row of the input */
    uint8_t flip;           /* 0x80 for signed codes: x ^ flip orders like an unsigned byte */
    gc_acc24_t start;       /* of the average: takes back the flips, and holds the rounding where there is no multiplier */
    int16_t multiplier;     /* of the average; 0: shift only */
    uint8_t shift;
    struct gc_clamp clamp;
};

/* y may start where x starts: a window is read before its output is written, and outputs lie before what is still read. */
void gc_k_max_pool(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_pool *layer);
void gc_k_average_pool(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_pool *layer);

/* Windows at any distance, cut off at the edges: along one axis, `before` is how far the first one reaches over. */
struct gc_axis {
    uint16_t extent, count; /* of the input, of the output */
    uint16_t size, stride, before;
};

struct gc_window {
    struct gc_axis rows, columns;
    uint16_t channels;
    uint8_t flip;
    uint8_t varies;             /* of the average: one divisor for each number of values, else a single one */
    const GC_FLASH int16_t *multiplier; /* of the average: entry n - 1 divides by n */
    const GC_FLASH uint8_t *shift;
    struct gc_clamp clamp;
};

void gc_k_max_window(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_window *layer);
void gc_k_average_window(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_window *layer);

struct gc_span {
    uint16_t first, count;
};

/* The part of window `index` that lies inside of the input. */
static inline struct gc_span gc_window_span(const GC_FLASH struct gc_axis *axis, uint16_t index)
{
    int16_t first = (int16_t)(index * axis->stride - axis->before), last = (int16_t)(first + axis->size);
    if (first < 0)
        first = 0;
    if (last > (int16_t)axis->extent)
        last = (int16_t)axis->extent;
    return (struct gc_span){(uint16_t)first, (uint16_t)(last - first)};
}

#endif
