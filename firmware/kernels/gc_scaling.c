/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_merge.h"

void gc_k_scaling(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_scaling *layer)
{
    const int16_t low = layer->low, high = layer->high;
    const uint8_t flip = layer->flip;
    for (uint16_t pixel = layer->pixels; pixel; pixel--) {
        const GC_FLASH int32_t *multiplier = layer->multiplier, *start = layer->start;
        for (uint16_t c = layer->channels; c; c--)
            *y++ = gc_sum_code((uint8_t)(*x++ ^ flip) * *multiplier++ + *start++, low, high);
    }
}
