/* The portable twin of gc_dense8_ternary.S: which weights a byte means follows from the lengths of the assembly's pieces.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "gc_dense8_twin.h"

#if !defined __AVR__ || defined GC_PORTABLE
/* Digits in base 3, one a weight: 0, 1, 2 for 0, 1, -1. A piece adds or subtracts for each digit that is not 0. */
static uint8_t digits_of(uint8_t piece)
{
    return (uint8_t)((piece / 9 != 0) + (piece / 3 % 3 != 0) + (piece % 3 != 0));
}

/* The number of the piece that lies `place` words behind the first: of the first six outputs, in ascending order. */
static uint8_t piece_at(uint8_t place)
{
    uint8_t piece = 0;
    for (uint8_t at = 0; at != place; piece++)
        at += (uint8_t)(3 + 2 * digits_of(piece));
    return piece;
}

/* The last two outputs' pieces: behind the first three's, from 8 down to 2, a word for the end of a part, 1 and 0. */
static uint8_t last_piece_at(uint8_t place)
{
    uint8_t piece = 8;
    for (uint8_t at = 189; at != place; piece--)
        at += (uint8_t)(piece == 1 ? 2 : 5 + 2 * digits_of(piece) + (piece == 2));
    return piece;
}

static uint32_t product(uint8_t value, uint8_t digit)
{
    return digit == 0 ? 0 : digit == 1 ? value : -(uint32_t)value;
}

static const GC_FLASH uint8_t *digits(uint32_t *sums, const uint8_t *x, uint8_t width, const GC_FLASH uint8_t *stream,
                                      const GC_FLASH struct gc_dense8 *layer)
{
    (void)width;
    GC_EACH_LIVE_ROW (x, layer, x++) {
        for (uint8_t group = 0; group < 3; group++) {
            uint8_t byte = *stream++;
            uint8_t piece = group < 2 ? piece_at(byte) : last_piece_at(byte);
            uint32_t *sum = sums + 3 * group;
            if (group < 2)
                *sum++ += product(*x, piece / 9);
            *sum++ += product(*x, piece / 3 % 3);
            *sum += product(*x, piece % 3);
        }
    }
    return stream;
}

void gc_k_dense8_as_ternary(uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer)
{
    gc_k_dense8_twin(x, y, layer, digits);
}
#endif
