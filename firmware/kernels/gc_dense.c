/* Dense layers in portable C, output by output.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "gc_dense.h"

/* The cast keeps the product an 8 x 8 bit multiplication (MULSU); the sum of 16-bit products is proven to fit. */
#define GC_DENSE_SUM(width)                                                                                            \
    static inline gc_acc##width##_t sum_##width(const uint8_t *x, const GC_FLASH int8_t *w, uint16_t n, uint8_t flip,  \
                                                gc_acc##width##_t acc)                                                 \
    {                                                                                                                  \
        const uint8_t *end = x + n;                                                                                    \
        do                                                                                                             \
            acc += (int16_t)((uint8_t)(*x++ ^ flip) * *w++);                                                           \
        while (x != end);                                                                                              \
        return acc;                                                                                                    \
    }

#define GC_DENSE_KERNELS(width)                                                                                        \
    GC_DENSE_SUM(width)                                                                                                \
    void gc_k_dense_shift_##width(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense_##width *layer)         \
    {                                                                                                                  \
        const GC_FLASH int8_t *w = layer->weights;                                                                     \
        uint16_t inputs = layer->inputs;                                                                               \
        for (uint16_t o = 0; o < layer->outputs; o++, w += inputs)                                                     \
            *y++ = gc_clamped(sum_##width(x, w, inputs, layer->flip, layer->bias[o]) >> *layer->shift, &layer->clamp); \
    }                                                                                                                  \
    void gc_k_dense_scale_##width(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense_##width *layer)         \
    {                                                                                                                  \
        const GC_FLASH int8_t *w = layer->weights;                                                                     \
        uint16_t inputs = layer->inputs;                                                                               \
        for (uint16_t o = 0; o < layer->outputs; o++, w += inputs)                                                     \
            *y++ = gc_clamped(gc_scale##width(sum_##width(x, w, inputs, layer->flip, layer->bias[o]),                  \
                                              layer->multiplier[o], layer->shift[o]),                                  \
                              &layer->clamp);                                                                          \
    }

GC_DENSE_KERNELS(24)
GC_DENSE_KERNELS(32)
