/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_lookup.h"

void gc_k_lookup(const uint8_t *x, uint8_t *y, uint16_t count, const GC_FLASH uint8_t *table)
{
    for (const uint8_t *end = x + count; x != end;)
        *y++ = table[*x++];
}
