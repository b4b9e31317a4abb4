/* The portable twin of gc_dense8_int4.S. SPDX-License-Identifier: Apache-2.0 */
#include "gc_dense8_twin.h"

#if !defined __AVR__ || defined GC_PORTABLE
static const GC_FLASH uint8_t *nibbles(uint32_t *sums, const uint8_t *x, uint8_t width, const GC_FLASH uint8_t *stream,
                                       const GC_FLASH struct gc_dense8 *layer)
{
    uint32_t sum = 0;
    GC_EACH_LIVE_ROW (x, layer, x++) {
        uint8_t value = *x ^ layer->flip;
        sum += value;
        for (uint8_t o = 0; o < width; o += 2) {
            uint8_t pair = *stream++;
            sums[o] -= (uint16_t)value * (uint16_t)(pair >> 4);
            sums[o + 1] -= (uint16_t)value * (uint16_t)(pair & 15);
        }
    }
    for (uint8_t o = 0; o < width; o++)
        sums[o] = 16 * (sums[o] + 8 * sum);
    return stream;
}

void gc_k_dense8_as_int4(uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer)
{
    gc_k_dense8_twin(x, y, layer, nibbles);
}
#endif
