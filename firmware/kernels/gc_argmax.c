/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_argmax.h"

#if !defined __AVR__ || defined GC_PORTABLE
uint8_t gc_k_argmax(const uint8_t *x, uint8_t count, uint8_t flip)
{
    uint8_t best = 0, greatest = x[0] ^ flip;
    for (uint8_t i = 1; i < count; i++) {
        uint8_t value = x[i] ^ flip;
        if (value > greatest) {
            greatest = value;
            best = i;
        }
    }
    return best;
}
#endif
