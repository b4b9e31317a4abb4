/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_move.h"

void gc_k_permute(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_permute *layer)
{
    for (uint16_t i = layer->count[0]; i; i--, x += layer->step[0]) {
        const uint8_t *line = x;
        for (uint16_t j = layer->count[1]; j; j--, line += layer->step[1]) {
            const uint8_t *value = line;
            for (uint16_t k = layer->count[2]; k; k--, value += layer->step[2])
                *y++ = *value;
        }
    }
}
