/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_merge.h"

void gc_k_scaling(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_scaling *layer)
{
    for (uint16_t pixel = layer->pixels; pixel; pixel--)
        for (uint16_t c = 0; c < layer->channels; c++) {
            const int16_t code = (uint8_t)(*x++ ^ layer->flip);
            *y++ = gc_clamped(((int32_t)code * layer->multiplier[c] + layer->start[c]) >> layer->shift, &layer->clamp);
        }
}
