/* What max and average pooling share: the walk over windows and channels, and over the values of one window.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_POOL_WALK_H
#define GC_POOL_WALK_H

#include "gc_pool.h"

/* One channel of one window: `first` is its first value, `channels` the bytes to the next one, `pitch` those to the next row. */
struct gc_patch {
    const uint8_t *first;
    uint16_t height, width, pitch, channels;
    uint8_t flip;
};

static inline uint8_t gc_greatest(struct gc_patch patch)
{
    uint8_t greatest = 0;
    for (uint16_t i = patch.height; i; i--, patch.first += patch.pitch) {
        const uint8_t *pixel = patch.first;
        for (uint16_t j = patch.width; j; j--, pixel += patch.channels) {
            uint8_t value = *pixel ^ patch.flip;
            if (value > greatest)
                greatest = value;
        }
    }
    return greatest ^ patch.flip;
}

static inline gc_acc24_t gc_sum(gc_acc24_t sum, struct gc_patch patch)
{
    for (uint16_t i = patch.height; i; i--, patch.first += patch.pitch) {
        const uint8_t *pixel = patch.first;
        for (uint16_t j = patch.width; j; j--, pixel += patch.channels)
            sum += (uint8_t)(*pixel ^ patch.flip);
    }
    return sum;
}

/* Defines a function over windows that lie side by side; `value` is the output for the channel that `patch` describes. */
#define GC_POOL(name, value)                                                                                           \
    void name(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_pool *layer)                                      \
    {                                                                                                                  \
        const uint16_t channels = layer->channels, width = layer->width;                                               \
        const uint8_t flip = layer->flip;                                                                              \
        for (uint16_t row = layer->rows; row; row--, x += (uint16_t)(layer->pitch * layer->height)) {                  \
            const uint8_t *window = x;                                                                                 \
            for (uint16_t column = layer->columns; column; column--, window += (uint16_t)(channels * (width - 1))) {   \
                for (uint16_t channel = channels; channel; channel--, window++) {                                      \
                    const struct gc_patch patch = {window, layer->height, width, layer->pitch, channels, flip};        \
                    *y++ = value;                                                                                      \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

/* The same over windows at any distance that are cut off at the edges; `prepare` stands before the channels of each window,
 * whose part inside of the input is `rows` by `columns`. */
#define GC_WINDOW(name, prepare, value)                                                                                \
    void name(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_window *layer)                                    \
    {                                                                                                                  \
        const uint16_t channels = layer->channels, pitch = (uint16_t)(layer->columns.extent * channels);               \
        const uint8_t flip = layer->flip;                                                                              \
        for (uint16_t row = 0; row < layer->rows.count; row++) {                                                       \
            const struct gc_span rows = gc_window_span(&layer->rows, row);                                             \
            const uint8_t *band = x + (uint16_t)(rows.first * pitch);                                                  \
            for (uint16_t column = 0; column < layer->columns.count; column++) {                                       \
                const struct gc_span columns = gc_window_span(&layer->columns, column);                                \
                const uint8_t *window = band + (uint16_t)(columns.first * channels);                                   \
                prepare;                                                                                               \
                for (uint16_t channel = channels; channel; channel--, window++) {                                      \
                    const struct gc_patch patch = {window, rows.count, columns.count, pitch, channels, flip};          \
                    *y++ = value;                                                                                      \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

#endif
