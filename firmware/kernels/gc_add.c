/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_merge.h"

void gc_k_add(const uint8_t *const *x, uint8_t *y, const GC_FLASH struct gc_add *layer)
{
    const uint8_t inputs = layer->inputs;
    const int16_t low = layer->low, high = layer->high;
    for (uint16_t i = 0; i < layer->count; i++) {
        int32_t sum = layer->start;
        for (uint8_t k = 0; k < inputs; k++)
            sum += (uint8_t)(x[k][i] ^ layer->flip[k]) * layer->multiplier[k];
        y[i] = gc_sum_code(sum, low, high);
    }
}
