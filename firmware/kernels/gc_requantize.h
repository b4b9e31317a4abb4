/* From accumulator to 8-bit code, exactly as toolchain/ir/operators.py (Requantization) defines it:
 *
 *     y = clamp(((acc * multiplier + 2^(shift-1)) >> shift) + zero_point, low, high)
 *
 * Power-of-two scales have no multiplier, and the rounding term is already in the bias. Other scales have multipliers of
 * 15 bits and shifts of at least 9, so that the product of a 24-bit accumulator needs no 64-bit arithmetic:
 * floor(acc * m / 256) = (acc >> 8) * m + (((acc & 255) * m) >> 8), exactly.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_REQUANTIZE_H
#define GC_REQUANTIZE_H

#include "gc.h"

struct gc_clamp {
    int16_t zero_point, low, high; /* low and high include the zero point */
};

/* Constant time: on the AVR each branch jumps over one MOV, which takes as long. Only the low byte of a value below low is
 * replaced; its upper bytes are then at most those of low, and the comparison with high still holds. */
static inline uint8_t gc_clamped(int32_t value, const GC_FLASH struct gc_clamp *clamp)
{
    const int32_t low = clamp->low, high = clamp->high;
    value += clamp->zero_point;
#ifdef __AVR__
    __asm__("cp %A0, %A1\n\tcpc %B0, %B1\n\tcpc %C0, %C1\n\tcpc %D0, %D1\n\t"
            "brge .+2\n\tmov %A0, %A1" : "+r"(value) : "r"(low));
    __asm__("cp %A1, %A0\n\tcpc %B1, %B0\n\tcpc %C1, %C0\n\tcpc %D1, %D0\n\t"
            "brge .+2\n\tmov %A0, %A1" : "+r"(value) : "r"(high));
#else
    if (value < low)
        value = low;
    if (value > high)
        value = high;
#endif
    return (uint8_t)value;
}

/* acc * multiplier / 2^shift, rounded to nearest; acc within 24 bits. */
static inline int32_t gc_scale24(gc_acc24_t acc, int16_t multiplier, uint8_t shift)
{
    int32_t high = (int32_t)(int16_t)(acc >> 8) * multiplier;
    uint32_t low = (uint32_t)(uint8_t)acc * (uint16_t)multiplier;
    return (high + (int32_t)(low >> 8) + ((int32_t)1 << (shift - 9))) >> (shift - 8);
}

/* The same for an accumulator that needs up to 32 bits. In two halves, because libgcc multiplies 64 bits in varying time. */
static inline int32_t gc_scale32(gc_acc32_t acc, int16_t multiplier, uint8_t shift)
{
    int32_t high = (acc >> 16) * multiplier;
    uint32_t low = (uint32_t)(uint16_t)acc * (uint16_t)multiplier;
    return (int32_t)((high * (int64_t)0x10000 + low + ((int64_t)1 << (shift - 1))) >> shift);
}

#endif
