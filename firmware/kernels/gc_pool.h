/* Two-dimensional pooling over square windows that do not overlap; height x width x channels, channels innermost.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_POOL_H
#define GC_POOL_H

#include "gc_requantize.h"

struct gc_pool {
    uint8_t rows, columns; /* of the output */
    uint8_t channels;
    uint8_t size;   /* side of the window */
    uint16_t pitch; /* bytes of one row of the input */
    uint8_t flip;   /* 0x80 for signed codes: x ^ flip orders like an unsigned byte */
    gc_acc24_t start;   /* of the average: takes back the flips, and holds the rounding where there is no multiplier */
    int16_t multiplier; /* of the average; 0: shift only */
    uint8_t shift;
    struct gc_clamp clamp;
};

/* y may start where x starts: a window is read before its output is written, and outputs lie before what is still read. */
void gc_k_max_pool(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_pool *layer);
void gc_k_average_pool(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_pool *layer);

#endif
