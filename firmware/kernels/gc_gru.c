/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_recurrent.h"

/* The 16-bit memory of a unit from its update gate z and its candidate g. */
static int16_t mixed(int16_t z, int16_t memory, int16_t g)
{
    return gc_clamp16(((int32_t)z * memory + (32768 - (int32_t)z) * g + 16384) >> 15);
}

static int16_t gate(const uint8_t *x, const uint8_t *h, uint16_t output, const GC_FLASH struct gc_recurrent *layer)
{
    return gc_k_sigmoid(gc_clamp16(gc_k_of_input(x, output, layer) + gc_k_of_state(h, output, layer)));
}

void gc_k_gru(const uint8_t *x, uint8_t *y, uint8_t *codes, int16_t *memory, const GC_FLASH struct gc_recurrent *layer)
{
    const uint16_t units = layer->units;
    uint8_t *next = codes + units;
    gc_clear_state(codes, memory, units);
    for (uint16_t step = layer->steps; step; step--, x += layer->inputs) {
        for (uint16_t u = 0; u < units; u++) {
            const uint16_t last = (uint16_t)(2 * units + u);
            const int16_t z = gate(x, codes, u, layer), r = gate(x, codes, units + u, layer);
            const int32_t recalled = ((int32_t)r * gc_clamp16(gc_k_of_state(codes, last, layer)) + 16384) >> 15;
            memory[u] = mixed(z, memory[u], gc_k_tanh(gc_clamp16(gc_k_of_input(x, last, layer) + recalled)));
            next[u] = gc_state_code(((int32_t)memory[u] + 128) >> 8);
        }
        y = gc_take_state(next, codes, y, layer, step == 1);
    }
}

void gc_k_gru_before(const uint8_t *x, uint8_t *y, uint8_t *codes, int16_t *memory,
                     const GC_FLASH struct gc_recurrent *layer)
{
    const uint16_t units = layer->units;
    uint8_t *next = codes + units, *reset = next + units;
    gc_clear_state(codes, memory, units);
    for (uint16_t step = layer->steps; step; step--, x += layer->inputs) {
        for (uint16_t u = 0; u < units; u++) {
            const int16_t r = gate(x, codes, units + u, layer);
            reset[u] = gc_state_code(((int32_t)r * (int8_t)codes[u] + 16384) >> 15);
        }
        for (uint16_t u = 0; u < units; u++) {
            const uint16_t last = (uint16_t)(2 * units + u);
            const int16_t z = gate(x, codes, u, layer);
            const int32_t p = gc_k_of_input(x, last, layer) + gc_k_of_state(reset, last, layer);
            memory[u] = mixed(z, memory[u], gc_k_tanh(gc_clamp16(p)));
            next[u] = gc_state_code(((int32_t)memory[u] + 128) >> 8);
        }
        y = gc_take_state(next, codes, y, layer, step == 1);
    }
}
