/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_pool.h"

void gc_k_max_window(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_window *layer)
{
    const uint16_t channels = layer->channels, pitch = (uint16_t)(layer->columns.extent * channels);
    const uint8_t flip = layer->flip;
    for (uint16_t row = 0; row < layer->rows.count; row++) {
        const struct gc_span rows = gc_window_span(&layer->rows, row);
        const uint8_t *band = x + (uint16_t)(rows.first * pitch);
        for (uint16_t column = 0; column < layer->columns.count; column++) {
            const struct gc_span columns = gc_window_span(&layer->columns, column);
            const uint8_t *window = band + (uint16_t)(columns.first * channels);
            for (uint16_t channel = channels; channel; channel--, window++) {
                const uint8_t *line = window;
                uint8_t greatest = 0;
                for (uint16_t i = rows.count; i; i--, line += pitch) {
                    const uint8_t *pixel = line;
                    for (uint16_t j = columns.count; j; j--, pixel += channels) {
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
