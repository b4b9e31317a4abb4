/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_pool.h"

void gc_k_average_pool(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_pool *layer)
{
    const uint16_t channels = layer->channels, width = layer->width;
    const uint8_t flip = layer->flip;
    for (uint16_t row = layer->rows; row; row--, x += (uint16_t)(layer->pitch * layer->height)) {
        const uint8_t *window = x;
        for (uint16_t column = layer->columns; column; column--, window += (uint16_t)(channels * (width - 1))) {
            for (uint16_t channel = channels; channel; channel--, window++) {
                const uint8_t *line = window;
                gc_acc24_t sum = layer->start;
                for (uint16_t i = layer->height; i; i--, line += layer->pitch) {
                    const uint8_t *pixel = line;
                    for (uint16_t j = width; j; j--, pixel += channels)
                        sum += (uint8_t)(*pixel ^ flip);
                }
                int32_t mean = layer->multiplier ? gc_scale24(sum, layer->multiplier, layer->shift)
                                                 : (int32_t)(sum >> layer->shift);
                *y++ = gc_clamped(mean, &layer->clamp);
            }
        }
    }
}
