/* What the convolutions in portable C share: the walk over windows and filters.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_CONVOLUTION_SUM_H
#define GC_CONVOLUTION_SUM_H

#include "gc_convolution.h"

/* The cast keeps the product an 8 x 8 bit multiplication (MULSU); the sum of 16-bit products is proven to fit. */
#define GC_PRODUCT(x, w) ((int16_t)((uint8_t)(x) * (w)))

/* Defines gc_k_<name>_<rule>_<width>. sum(x, row, column, filter, layer) gives the accumulator of one filter for the
 * window whose first pixel is at (row, column), which may lie outside; value is the requantization of that accumulator. */
#define GC_CONVOLVE(name, rule, width, sum, value)                                                                     \
    void gc_k_##name##_##rule##_##width(const uint8_t *x, uint8_t *y,                                                  \
                                        const GC_FLASH struct gc_convolution_##width *layer)                           \
    {                                                                                                                  \
        const GC_FLASH struct gc_windows *at = &layer->windows;                                                        \
        const uint16_t down = at->stride_down, right = at->stride_right, pool = at->pool;                              \
        int16_t row = (int16_t)-at->top;                                                                               \
        for (uint16_t i = at->output_rows; i; i--, row += (int16_t)(down * pool)) {                                    \
            int16_t column = (int16_t)-at->left;                                                                       \
            for (uint16_t j = at->output_columns; j; j--, column += (int16_t)(right * pool), y += at->pitch) {         \
                for (uint16_t filter = 0; filter < layer->filters; filter++) {                                         \
                    gc_acc##width##_t acc = sum(x, row, column, filter, layer);                                        \
                    for (uint16_t k = 1; k < pool * pool; k++) {                                                       \
                        int16_t r = row + (int16_t)(k / pool * down), c = column + (int16_t)(k % pool * right);        \
                        gc_acc##width##_t other = sum(x, r, c, filter, layer);                                         \
                        if (other > acc)                                                                               \
                            acc = other;                                                                               \
                    }                                                                                                  \
                    y[filter] = gc_clamped(value, &layer->clamp);                                                      \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

#define GC_CONVOLUTIONS(name, width)                                                                                   \
    GC_CONVOLVE(name, shift, width, name##_sum_##width, acc >> *layer->shift)                                          \
    GC_CONVOLVE(name, scale, width, name##_sum_##width,                                                                \
                gc_scale##width(acc, layer->multiplier[filter], layer->shift[filter]))

#endif
