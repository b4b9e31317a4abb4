/* Several inputs joined value by value, each with a scale of its own, and values brought to another scale.
 *
 *     sum:     y = clamp((start + sum over k of (x_k ^ flip_k) * multiplier_k) >> 16)
 *     product: y = requantize(((x_0 ^ flip_0) - zero_0) * ((x_1 ^ flip_1) - zero_1))
 *
 * A flip of 0x80 reads a signed code as an unsigned byte, 128 greater; start takes that back and holds all zero points
 * and the rounding term. The compiler has proven that sums stay within 31 bits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_MERGE_H
#define GC_MERGE_H

#include "gc_requantize.h"

static inline uint8_t gc_sum_code(int32_t sum, int16_t low, int16_t high)
{
    int16_t value = (int16_t)(sum >> 16);
    if (value < low)
        value = low;
    if (value > high)
        value = high;
    return (uint8_t)value;
}

struct gc_add {
    const GC_FLASH int32_t *multiplier; /* one an input */
    const GC_FLASH uint8_t *flip;
    uint8_t inputs;
    uint16_t count;
    int32_t start;
    int16_t low, high;
};

void gc_k_add(const uint8_t *const *x, uint8_t *y, const GC_FLASH struct gc_add *layer); /* y may be one of x */
void gc_k_add_two(const uint8_t *a, const uint8_t *b, uint8_t *y, const GC_FLASH struct gc_add *layer);

struct gc_multiply {
    uint16_t count;
    uint8_t flip[2];
    int16_t zero[2];    /* zero points, flips included */
    int16_t multiplier; /* 0: shift only, and start holds the rounding */
    int32_t start;
    uint8_t shift;
    struct gc_clamp clamp;
};

/* y may be one of the inputs */
void gc_k_multiply(const uint8_t *a, const uint8_t *b, uint8_t *y, const GC_FLASH struct gc_multiply *layer);

/* A sum of one input, with a multiplier and a start for each channel, channels innermost; y may be x. */
struct gc_scaling {
    const GC_FLASH int32_t *multiplier;
    const GC_FLASH int32_t *start;
    uint16_t channels, pixels;
    uint8_t flip;
    int16_t low, high;
};

void gc_k_scaling(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_scaling *layer);

/* A sum of one input: `rows` times `bytes` values that lie `pitch` apart in y. */
struct gc_rescale {
    uint16_t rows, bytes, pitch;
    int32_t multiplier, start;
    uint8_t flip;
    int16_t low, high;
};

void gc_k_rescale(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_rescale *layer);

#endif
