/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_merge.h"

void gc_k_rescale(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_rescale *layer)
{
    const uint16_t gap = layer->pitch - layer->bytes;
    const int16_t low = layer->low, high = layer->high;
    const uint8_t flip = layer->flip;
    const int32_t multiplier = layer->multiplier, start = layer->start;
    for (uint16_t row = layer->rows; row; row--, y += gap)
        for (uint16_t i = layer->bytes; i; i--)
            *y++ = gc_sum_code((uint8_t)(*x++ ^ flip) * multiplier + start, low, high);
}
