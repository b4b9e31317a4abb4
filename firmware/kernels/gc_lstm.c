/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_recurrent.h"

static int16_t before(const uint8_t *x, const uint8_t *h, uint16_t output, const GC_FLASH struct gc_recurrent *layer)
{
    return gc_clamp16(gc_k_of_input(x, output, layer) + gc_k_of_state(h, output, layer));
}

void gc_k_lstm(const uint8_t *x, uint8_t *y, uint8_t *codes, int16_t *memory, const GC_FLASH struct gc_recurrent *layer)
{
    const uint16_t units = layer->units;
    uint8_t *next = codes + units;
    gc_clear_state(codes, memory, units);
    for (uint16_t step = layer->steps; step; step--, x += layer->inputs) {
        for (uint16_t u = 0; u < units; u++) {
            const int16_t i = gc_k_sigmoid(before(x, codes, u, layer));
            const int16_t f = gc_k_sigmoid(before(x, codes, units + u, layer));
            const int16_t g = gc_k_tanh(before(x, codes, (uint16_t)(2 * units + u), layer));
            const int16_t o = gc_k_sigmoid(before(x, codes, (uint16_t)(3 * units + u), layer));
            const int32_t added = ((int32_t)i * g + 4) >> 3;
            memory[u] = gc_clamp16(((int32_t)f * memory[u] + added + 16384) >> 15);
            next[u] = gc_state_code(((int32_t)o * gc_k_tanh(memory[u]) + 4194304) >> 23);
        }
        y = gc_take_state(next, codes, y, layer, step == 1);
    }
}
