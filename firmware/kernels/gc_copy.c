/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_move.h"

void gc_k_copy(const uint8_t *x, uint8_t *y, uint16_t rows, uint16_t bytes, uint16_t x_pitch, uint16_t y_pitch)
{
    const uint16_t x_gap = x_pitch - bytes, y_gap = y_pitch - bytes;
    for (; rows; rows--, x += x_gap, y += y_gap)
        for (uint16_t i = bytes; i; i--)
            *y++ = *x++;
}
