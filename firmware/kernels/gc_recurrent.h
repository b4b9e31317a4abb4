/* Recurrent layers, as toolchain/layers/recurrent.py defines them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_RECURRENT_H
#define GC_RECURRENT_H

#include "gc_requantize.h"

struct gc_recurrent {
    const GC_FLASH int8_t *input_weights; /* a row of `inputs` for each gate output: gate by gate, unit by unit */
    const GC_FLASH int8_t *state_weights; /* a row of `units` for each */
    const GC_FLASH gc_acc24_t *input_bias;
    const GC_FLASH gc_acc24_t *state_bias;
    const GC_FLASH int16_t *input_multiplier;
    const GC_FLASH int16_t *state_multiplier;
    const GC_FLASH uint8_t *input_shift;
    const GC_FLASH uint8_t *state_shift;
    uint16_t steps, inputs, units;
    uint8_t flip;      /* of the input's codes */
    uint8_t varies;    /* multipliers and shifts: one a gate output, else a single one */
    uint8_t sequences; /* put out the state after every step */
};

/* codes: room for 2 (a GRU that resets before the product: 3) states of bytes; memory: for a state of 16-bit values. */
void gc_k_simple_rnn(const uint8_t *x, uint8_t *y, uint8_t *codes, const GC_FLASH struct gc_recurrent *layer);
void gc_k_lstm(const uint8_t *x, uint8_t *y, uint8_t *codes, int16_t *memory, const GC_FLASH struct gc_recurrent *layer);
void gc_k_gru(const uint8_t *x, uint8_t *y, uint8_t *codes, int16_t *memory, const GC_FLASH struct gc_recurrent *layer);
void gc_k_gru_before(const uint8_t *x, uint8_t *y, uint8_t *codes, int16_t *memory,
                     const GC_FLASH struct gc_recurrent *layer);

/* What the kernels share. */
int16_t gc_k_tanh(int16_t p);    /* unit 2^-12 to unit 2^-15 */
int16_t gc_k_sigmoid(int16_t p);
int32_t gc_k_of_input(const uint8_t *x, uint16_t output, const GC_FLASH struct gc_recurrent *layer);
int32_t gc_k_of_state(const uint8_t *h, uint16_t output, const GC_FLASH struct gc_recurrent *layer);

static inline int16_t gc_clamp16(int32_t value)
{
    return value < -32768 ? -32768 : value > 32767 ? 32767 : (int16_t)value;
}

static inline uint8_t gc_state_code(int32_t value)
{
    return (uint8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
}

static inline void gc_clear_state(uint8_t *codes, int16_t *memory, uint16_t units)
{
    for (uint16_t u = 0; u < units; u++) {
        codes[u] = 0;
        if (memory)
            memory[u] = 0;
    }
}

static inline uint8_t *gc_take_state(const uint8_t *next, uint8_t *codes, uint8_t *y,
                                     const GC_FLASH struct gc_recurrent *layer, uint8_t last)
{
    for (uint16_t u = 0; u < layer->units; u++) {
        codes[u] = next[u];
        if (last || layer->sequences)
            *y++ = next[u];
    }
    return y;
}

#endif
