/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_move.h"

static uint8_t *fill(uint8_t *y, uint8_t value, uint16_t count)
{
    for (; count; count--)
        *y++ = value;
    return y;
}

void gc_k_pad(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_pad *layer)
{
    const uint8_t zero = layer->zero;
    y = fill(y, zero, layer->above);
    for (uint16_t row = layer->rows; row; row--) {
        y = fill(y, zero, layer->left);
        for (uint16_t i = layer->bytes; i; i--)
            *y++ = *x++;
        y = fill(y, zero, layer->right);
    }
    fill(y, zero, layer->below);
}
