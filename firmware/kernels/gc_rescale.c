/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_merge.h"

void gc_k_rescale(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_rescale *layer)
{
    const uint16_t gap = layer->pitch - layer->bytes;
    for (uint16_t row = layer->rows; row; row--, y += gap)
        for (uint16_t i = layer->bytes; i; i--) {
            const int16_t code = (uint8_t)(*x++ ^ layer->flip);
            *y++ = gc_clamped(((int32_t)code * layer->multiplier + layer->start) >> layer->shift, &layer->clamp);
        }
}
