/* What the portable twins of the assembly in gc_dense8*.S have in common.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_DENSE8_TWIN_H
#define GC_DENSE8_TWIN_H

#include "gc_dense8.h"

/* Adds the products of one block of outputs to `sums` (modulo 2^24; any higher bits do not count); returns the stream behind
 * the weights, where the biases are. */
typedef const GC_FLASH uint8_t *gc_products_t(uint32_t *sums, const uint8_t *x, uint8_t width,
                                              const GC_FLASH uint8_t *stream, const GC_FLASH struct gc_dense8 *layer);

void gc_k_dense8_twin(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer, gc_products_t *products);

/* A little-endian number of some bytes. avr-gcc 7 makes one load of neighbouring bytes that are put together with shifts, and
 * forgets that they are in flash; not so if they are volatile. */
uint32_t gc_number(const GC_FLASH volatile uint8_t *bytes, uint8_t count);

/* For each live row of a layer, with x at its input; `step` moves x and whatever else on to the next row. */
#define GC_EACH_LIVE_ROW(x, layer, step)                                                                               \
    const GC_FLASH uint8_t *live = (layer)->live;                                                                      \
    for (uint8_t runs = *live++; runs != 0; runs--, live += 3)                                                         \
        for (uint16_t length = ((x) += live[0], (uint16_t)gc_number(live + 1, 2)); length != 0; length--, step)

#endif
