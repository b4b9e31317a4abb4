/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_softmax.h"

static uint16_t power(const GC_FLASH struct gc_softmax *layer, uint8_t distance)
{
    return distance < layer->entries ? layer->table[distance] : 0;
}

void gc_k_softmax(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_softmax *layer)
{
    const uint16_t count = layer->count;
    const uint8_t flip = layer->flip;
    for (uint16_t row = layer->rows; row; row--, x += count, y += count) {
        uint8_t greatest = 0;
        for (uint16_t i = 0; i < count; i++) {
            uint8_t value = x[i] ^ flip;
            if (value > greatest)
                greatest = value;
        }
        uint32_t sum = 0;
        for (uint16_t i = 0; i < count; i++)
            sum += power(layer, greatest - (x[i] ^ flip));
        for (uint16_t i = 0; i < count; i++) {
            uint32_t share = ((uint32_t)power(layer, greatest - (x[i] ^ flip)) * layer->one + (sum >> 1)) / sum;
            y[i] = share > layer->high ? layer->high : (uint8_t)share;
        }
    }
}
