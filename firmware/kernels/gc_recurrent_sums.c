/* The weighted sums of a recurrent layer's gates.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "gc_recurrent.h"

static gc_acc24_t sum(const uint8_t *x, const GC_FLASH int8_t *w, uint16_t n, uint8_t flip, gc_acc24_t acc)
{
    const uint8_t *end = x + n;
    do
        acc += (int16_t)((uint8_t)(*x++ ^ flip) * *w++);
    while (x != end);
    return acc;
}

int32_t gc_k_of_input(const uint8_t *x, uint16_t output, const GC_FLASH struct gc_recurrent *layer)
{
    const uint16_t n = layer->inputs, entry = layer->varies ? output : 0;
    gc_acc24_t acc = sum(x, layer->input_weights + (uint16_t)(output * n), n, layer->flip, layer->input_bias[output]);
    return gc_scale24(acc, layer->input_multiplier[entry], layer->input_shift[entry]);
}

int32_t gc_k_of_state(const uint8_t *h, uint16_t output, const GC_FLASH struct gc_recurrent *layer)
{
    const uint16_t n = layer->units, entry = layer->varies ? output : 0;
    gc_acc24_t acc = sum(h, layer->state_weights + (uint16_t)(output * n), n, 0x80, layer->state_bias[output]);
    return gc_scale24(acc, layer->state_multiplier[entry], layer->state_shift[entry]);
}
