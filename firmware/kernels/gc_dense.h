/* Dense layers: y[o] = requantize(bias[o] + sum over i of x[i] * weights[o][i]).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_DENSE_H
#define GC_DENSE_H

#include "gc_requantize.h"

/* One descriptor for each accumulator width; the kernel's name says which. Inputs are read as x ^ flip, an unsigned byte:
 * flip is 0x80 for signed codes, whose offset of 128 the bias takes back. */
#define GC_DENSE(width)                                                                                                \
    struct gc_dense_##width {                                                                                          \
        const GC_FLASH int8_t *weights;                                                                                \
        const GC_FLASH gc_acc##width##_t *bias;                                                                        \
        const GC_FLASH int16_t *multiplier; /* of the scale kernels, one an output */                                  \
        const GC_FLASH uint8_t *shift;      /* of the scale kernels one an output, of the shift kernels a single one */ \
        uint16_t inputs, outputs;                                                                                      \
        uint8_t flip;                                                                                                  \
        struct gc_clamp clamp;                                                                                         \
    };                                                                                                                 \
    void gc_k_dense_shift_##width(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense_##width *layer);        \
    void gc_k_dense_scale_##width(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense_##width *layer);

GC_DENSE(24)
GC_DENSE(32)

#endif
