/* Convolution: y[f] = requantize(bias[f] + sum over the window of x * weights[f]), or the largest over a square of windows.
 *
 * Pictures are height x width x channels, channels innermost; a sequence is a picture of one row.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_CONVOLUTION_H
#define GC_CONVOLUTION_H

#include "gc_requantize.h"

/* Where the windows lie. Inputs are read as x ^ flip, an unsigned byte: flip is 0x80 for signed codes, whose offset of 128
 * the bias takes back. pad stands for every pixel outside, already flipped. */
struct gc_windows {
    uint16_t rows, columns, channels; /* of the input */
    uint16_t kernel_rows, kernel_columns;
    uint16_t stride_down, stride_right;
    uint16_t dilation_down, dilation_right;
    uint16_t top, left;                /* pixels of padding */
    uint16_t output_rows, output_columns;
    uint16_t pool;  /* side of the square of windows of which the largest counts; 1: none */
    uint16_t pitch; /* bytes from one output pixel to the next */
    uint8_t flip, pad;
};

/* One descriptor for each accumulator width; the kernel's name says which. */
#define GC_CONVOLUTION(width)                                                                                          \
    struct gc_convolution_##width {                                                                                    \
        struct gc_windows windows;                                                                                     \
        const GC_FLASH int8_t *weights;            /* filter by filter, each like a window */                          \
        const GC_FLASH gc_acc##width##_t *bias;                                                                        \
        const GC_FLASH int16_t *multiplier; /* of the scale kernels, one a filter */                                   \
        const GC_FLASH uint8_t *shift;      /* of the scale kernels one a filter, of the shift kernels a single one */ \
        uint16_t filters;                                                                                              \
        struct gc_clamp clamp;                                                                                         \
    };                                                                                                                 \
    void gc_k_convolution_shift_##width(const uint8_t *x, uint8_t *y,                                                  \
                                        const GC_FLASH struct gc_convolution_##width *layer);                          \
    void gc_k_convolution_scale_##width(const uint8_t *x, uint8_t *y,                                                  \
                                        const GC_FLASH struct gc_convolution_##width *layer);                          \
    void gc_k_depthwise_shift_##width(const uint8_t *x, uint8_t *y,                                                    \
                                      const GC_FLASH struct gc_convolution_##width *layer);                            \
    void gc_k_depthwise_scale_##width(const uint8_t *x, uint8_t *y,                                                    \
                                      const GC_FLASH struct gc_convolution_##width *layer);

GC_CONVOLUTION(24)
GC_CONVOLUTION(32)

#endif
