/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_recurrent.h"

void gc_k_simple_rnn(const uint8_t *x, uint8_t *y, uint8_t *codes, const GC_FLASH struct gc_recurrent *layer)
{
    const uint16_t units = layer->units;
    uint8_t *next = codes + units;
    gc_clear_state(codes, 0, units);
    for (uint16_t step = layer->steps; step; step--, x += layer->inputs) {
        for (uint16_t u = 0; u < units; u++) {
            int16_t h = gc_k_tanh(gc_clamp16(gc_k_of_input(x, u, layer) + gc_k_of_state(codes, u, layer)));
            next[u] = gc_state_code(((int32_t)h + 128) >> 8);
        }
        y = gc_take_state(next, codes, y, layer, step == 1);
    }
}
