/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_merge.h"

void gc_k_multiply(const uint8_t *a, const uint8_t *b, uint8_t *y, const GC_FLASH struct gc_multiply *layer)
{
    for (uint16_t count = layer->count; count; count--) {
        const int16_t left = (int16_t)((uint8_t)(*a++ ^ layer->flip[0]) - layer->zero[0]);
        const int16_t right = (int16_t)((uint8_t)(*b++ ^ layer->flip[1]) - layer->zero[1]);
        const int32_t product = (int32_t)left * right + layer->start;
        *y++ = gc_clamped(layer->multiplier ? gc_scale24((gc_acc24_t)product, layer->multiplier, layer->shift)
                                            : product >> layer->shift,
                          &layer->clamp);
    }
}
