/* The portable twin of gc_dense8_binary.S. SPDX-License-Identifier: Apache-2.0 */
#include "gc_dense8_twin.h"

#if !defined __AVR__ || defined GC_PORTABLE
static const GC_FLASH uint8_t *signs(uint32_t *sums, const uint8_t *x, uint8_t width, const GC_FLASH uint8_t *stream,
                                     const GC_FLASH struct gc_dense8 *layer)
{
    GC_EACH_LIVE_ROW (x, layer, (x++, stream++))
        for (uint8_t o = 0; o < width; o++)
            sums[o] += (*stream << o & 0x80) != 0 ? *x : -(uint32_t)*x;
    return stream;
}

void gc_k_dense8_as_binary(uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer)
{
    gc_k_dense8_twin(x, y, layer, signs);
}
#endif
