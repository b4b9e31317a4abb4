/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_pool.h"

void gc_k_max_pool(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_pool *layer)
{
    const uint8_t channels = layer->channels, size = layer->size, flip = layer->flip;
    for (uint8_t row = 0; row < layer->rows; row++, x += (uint16_t)(layer->pitch * size)) {
        const uint8_t *window = x;
        for (uint8_t column = 0; column < layer->columns; column++, window += (uint16_t)(channels * size)) {
            for (uint8_t channel = 0; channel < channels; channel++) {
                const uint8_t *line = window + channel;
                uint8_t greatest = 0;
                for (uint8_t i = 0; i < size; i++, line += layer->pitch) {
                    const uint8_t *pixel = line;
                    for (uint8_t j = 0; j < size; j++, pixel += channels) {
                        uint8_t value = *pixel ^ flip;
                        if (value > greatest)
                            greatest = value;
                    }
                }
                *y++ = greatest ^ flip;
            }
        }
    }
}
