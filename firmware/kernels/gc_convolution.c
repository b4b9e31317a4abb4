/* Convolution in portable C, output by output.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "gc_convolution_sum.h"

/* A row of the window that lies inside is one run of bytes, if the kernel's columns are neighbours; else each pixel is. */
#define GC_CONVOLUTION_SUM(width)                                                                                      \
    static gc_acc##width##_t convolution_sum_##width(const uint8_t *x, int16_t row, int16_t column, uint16_t filter,   \
                                                     const GC_FLASH struct gc_convolution_##width *layer)              \
    {                                                                                                                  \
        const GC_FLASH struct gc_windows *at = &layer->windows;                                                        \
        const uint16_t columns = at->columns, channels = at->channels, across = at->kernel_columns;                    \
        const uint8_t flip = at->flip, pad = at->pad;                                                                  \
        const uint8_t whole = at->dilation_right == 1 && column >= 0 && (uint16_t)(column + across) <= columns;        \
        const uint16_t runs = whole ? 1 : across, run = whole ? (uint16_t)(across * channels) : channels;              \
        const GC_FLASH int8_t *w = layer->weights + filter * (uint16_t)(at->kernel_rows * across * channels);          \
        gc_acc##width##_t acc = layer->bias[filter];                                                                   \
        for (uint16_t i = at->kernel_rows; i; i--, row += (int16_t)at->dilation_down) {                                \
            int16_t place = column;                                                                                    \
            for (uint16_t j = runs; j; j--, place += (int16_t)at->dilation_right) {                                    \
                const GC_FLASH int8_t *end = w + run;                                                                  \
                if ((uint16_t)row < at->rows && (uint16_t)place < columns) {                                           \
                    const uint8_t *pixel = x + (uint16_t)((uint16_t)row * columns + (uint16_t)place) * channels;       \
                    do                                                                                                 \
                        acc += GC_PRODUCT(*pixel++ ^ flip, *w++);                                                      \
                    while (w != end);                                                                                  \
                } else {                                                                                               \
                    do                                                                                                 \
                        acc += GC_PRODUCT(pad, *w++);                                                                  \
                    while (w != end);                                                                                  \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        return acc;                                                                                                    \
    }                                                                                                                  \
    GC_CONVOLUTIONS(convolution, width)

GC_CONVOLUTION_SUM(24)
GC_CONVOLUTION_SUM(32)
