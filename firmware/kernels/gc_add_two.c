/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_merge.h"

void gc_k_add_two(const uint8_t *a, const uint8_t *b, uint8_t *y, const GC_FLASH struct gc_add *layer)
{
    const int16_t low = layer->low, high = layer->high;
    const uint8_t flip_a = layer->flip[0], flip_b = layer->flip[1];
    const int32_t of_a = layer->multiplier[0], of_b = layer->multiplier[1], start = layer->start;
    for (uint16_t count = layer->count; count; count--)
        *y++ = gc_sum_code((uint8_t)(*a++ ^ flip_a) * of_a + (uint8_t)(*b++ ^ flip_b) * of_b + start, low, high);
}
