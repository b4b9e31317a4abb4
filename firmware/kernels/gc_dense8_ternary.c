/* The portable twin of gc_dense8_ternary.S: which weights a byte means follows from the lengths of the assembly's pieces.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "gc_dense8_twin.h"

#if !defined __AVR__ || defined GC_PORTABLE
/* The number of the piece that lies `place` words behind the first; digits in base 3, one a weight: 0, 1, 2 for 0, 1, -1.
 * A piece has `words` words for each weight that is not zero and `fixed` more. */
static uint8_t piece_at(uint8_t place, uint8_t words, uint8_t fixed)
{
    uint8_t piece = 0;
    for (uint8_t at = 0; at != place; piece++)
        at += (uint8_t)(fixed + words * ((piece / 9 != 0) + (piece / 3 % 3 != 0) + (piece % 3 != 0)));
    return piece;
}

static uint32_t product(uint8_t value, uint8_t digit)
{
    return digit == 0 ? 0 : digit == 1 ? value : -(uint32_t)value;
}

static const GC_FLASH uint8_t *digits(uint32_t *sums, const uint8_t *x, const GC_FLASH uint8_t *stream,
                                      const GC_FLASH struct gc_dense8 *layer, uint8_t words, uint8_t last)
{
    const GC_FLASH uint8_t *live = layer->live;
    for (uint8_t runs = *live++; runs != 0; runs--, live += 3) {
        x += live[0];
        for (uint16_t length = (uint16_t)gc_number(live + 1, 2); length != 0; length--, x++) {
            for (uint8_t group = 0; group < 3; group++) {
                uint8_t byte = *stream++;
                uint8_t piece = group < 2 ? piece_at(byte, words, 3) : piece_at((uint8_t)(byte - last), words, 1);
                uint32_t *sum = sums + 3 * group;
                if (group < 2)
                    *sum++ += product(*x, piece / 9);
                *sum++ += product(*x, piece / 3 % 3);
                *sum += product(*x, piece % 3);
            }
        }
    }
    return stream;
}

static const GC_FLASH uint8_t *digits_16(uint32_t *sums, const uint8_t *x, uint8_t width, const GC_FLASH uint8_t *stream,
                                         const GC_FLASH struct gc_dense8 *layer)
{
    (void)width;
    return digits(sums, x, stream, layer, 2, 189);
}

static const GC_FLASH uint8_t *digits_24(uint32_t *sums, const uint8_t *x, uint8_t width, const GC_FLASH uint8_t *stream,
                                         const GC_FLASH struct gc_dense8 *layer)
{
    (void)width;
    return digits(sums, x, stream, layer, 3, 0);
}

void gc_k_dense8_as_ternary_16(uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer)
{
    gc_k_dense8_twin(x, y, layer, digits_16);
}

void gc_k_dense8_as_ternary_24(uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer)
{
    gc_k_dense8_twin(x, y, layer, digits_24);
}
#endif
