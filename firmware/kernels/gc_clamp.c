/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_clamp.h"

void gc_k_clamp(const uint8_t *x, uint8_t *y, uint16_t count, uint8_t flip, uint8_t low, uint8_t high)
{
    for (const uint8_t *end = x + count; x != end;) {
        uint8_t value = *x++ ^ flip;
        if (value < low)
            value = low;
        if (value > high)
            value = high;
        *y++ = value ^ flip;
    }
}
