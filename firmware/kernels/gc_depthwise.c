/* Depthwise convolution in portable C, output by output.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "gc_convolution_sum.h"

/* Filters of one channel follow one another: filter f reads channel f / (filters / channels). */
#define GC_DEPTHWISE_SUM(width)                                                                                        \
    static gc_acc##width##_t depthwise_sum_##width(const uint8_t *x, int16_t row, int16_t column, uint16_t filter,     \
                                                   const GC_FLASH struct gc_convolution_##width *layer)                \
    {                                                                                                                  \
        const GC_FLASH struct gc_windows *at = &layer->windows;                                                        \
        const uint16_t columns = at->columns, channels = at->channels;                                                 \
        const uint16_t channel = layer->filters == channels ? filter : filter / (layer->filters / channels);           \
        const uint8_t flip = at->flip, pad = at->pad;                                                                  \
        const GC_FLASH int8_t *w = layer->weights + filter * (uint16_t)(at->kernel_rows * at->kernel_columns);         \
        gc_acc##width##_t acc = layer->bias[filter];                                                                   \
        x += channel;                                                                                                  \
        for (uint16_t i = at->kernel_rows; i; i--, row += (int16_t)at->dilation_down) {                                \
            int16_t place = column;                                                                                    \
            for (uint16_t j = at->kernel_columns; j; j--, place += (int16_t)at->dilation_right, w++) {                 \
                uint8_t pixel = pad;                                                                                   \
                if ((uint16_t)row < at->rows && (uint16_t)place < columns)                                             \
                    pixel = x[(uint16_t)((uint16_t)row * columns + (uint16_t)place) * channels] ^ flip;                \
                acc += GC_PRODUCT(pixel, *w);                                                                          \
            }                                                                                                          \
        }                                                                                                              \
        return acc;                                                                                                    \
    }                                                                                                                  \
    GC_CONVOLUTIONS(depthwise, width)

GC_DEPTHWISE_SUM(24)
GC_DEPTHWISE_SUM(32)
