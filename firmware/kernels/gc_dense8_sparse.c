/* The portable twin of gc_dense8_sparse.S. SPDX-License-Identifier: Apache-2.0 */
#include "gc_dense8_twin.h"

#if !defined __AVR__ || defined GC_PORTABLE
static const GC_FLASH uint8_t *entries(uint32_t *sums, const uint8_t *x, uint8_t width, const GC_FLASH uint8_t *stream,
                                       const GC_FLASH struct gc_dense8 *layer)
{
    for (uint8_t o = 0; o < width; o++)
        for (uint16_t list = 0; list < 2 * layer->rows; list++) {
            const uint8_t *value = x;
            for (uint8_t count = *stream++; count != 0; count--, stream += 2) {
                value += stream[0];
                uint16_t product = (uint16_t)*value * (uint16_t)stream[1];
                sums[o] += list % 2 ? -(uint32_t)product : product;
            }
        }
    return stream;
}

void gc_k_dense8_as_sparse(uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer)
{
    gc_k_dense8_twin(x, y, layer, entries);
}
#endif
