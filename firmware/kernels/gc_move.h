/* Layers that only move bytes: concatenate and crop, pad, permute.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_MOVE_H
#define GC_MOVE_H

#include "gc.h"

/* `rows` times `bytes`, which lie x_pitch apart in x and y_pitch in y. y may lie before x or at it, where y_pitch does
 * not exceed x_pitch. */
void gc_k_copy(const uint8_t *x, uint8_t *y, uint16_t rows, uint16_t bytes, uint16_t x_pitch, uint16_t y_pitch);

struct gc_pad {
    uint16_t above, below; /* bytes before the first row and after the last */
    uint16_t rows, left, bytes, right;
    uint8_t zero;
};

void gc_k_pad(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_pad *layer);

/* y in the order of its axes; axis i of y has count[i] entries, step[i] bytes apart in x. */
struct gc_permute {
    uint16_t count[3], step[3];
};

void gc_k_permute(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_permute *layer);

#endif
