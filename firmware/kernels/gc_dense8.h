/* Dense layers, eight outputs at once: every input byte is loaded once for eight 24-bit accumulators in registers.
 *
 *     y[o] = requantize(bias[o] + sum over i of x[i] * w[i][o])
 *
 * Weights are stored as 128 - w, an unsigned byte (w >= -127), so that the multiplication is MUL and needs no sign extension:
 *
 *     sum x * w  =  128 * sum x  -  sum x * (128 - w)
 *
 * and 128 * sum x is the same for all outputs. Everything is computed modulo 2^24; only the final value must fit, which the
 * compiler proves. Inputs are unsigned bytes; signed codes are flipped (x ^ 0x80 is x + 128) and the bias takes it back.
 *
 * The weights are one stream, read from its beginning to its end. For each block of up to eight outputs:
 *
 *     for each live row: one byte (128 - w) an output
 *     for each output of the block: the bias, 24 bits; with multipliers also the multiplier, 16 bits, and shift - 9, 8 bits
 *
 * A row whose weights are all zero is dead: it is not stored, and its input is not looked at.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_DENSE8_H
#define GC_DENSE8_H

#define GC_DENSE8_LAST 0x80 /* in `width` of the last part */

/* Where in the frame of gc_k_dense8 its pieces find things: offsets from its stack pointer. */
#define GC_DENSE8_ACCUMULATORS 1
#define GC_DENSE8_WIDTH 26
#define GC_DENSE8_SUM 35

#ifndef __ASSEMBLER__
#include "gc.h"

#if defined __AVR__ && !defined GC_PORTABLE
/* The pieces of assembly that a layer is put together from; what no layer names is not linked. */
typedef void gc_piece_t(void);
#define GC_PIECE(name) gc_k_dense8_##name
gc_piece_t gc_k_dense8_sum, gc_k_dense8_copy, gc_k_dense8_skip, gc_k_dense8_window, gc_k_dense8_none;
gc_piece_t gc_k_dense8_finish_shift, gc_k_dense8_finish_scale, gc_k_dense8_finish_add;
gc_piece_t gc_k_dense8_rows_1, gc_k_dense8_rows_2, gc_k_dense8_rows_3, gc_k_dense8_rows_4, gc_k_dense8_rows_5,
    gc_k_dense8_rows_6, gc_k_dense8_rows_7, gc_k_dense8_rows_8, gc_k_dense8_rows_8x2,
    gc_k_dense8_rows_8x4;
gc_piece_t gc_k_dense8_runs_1, gc_k_dense8_runs_2, gc_k_dense8_runs_3, gc_k_dense8_runs_4, gc_k_dense8_runs_5,
    gc_k_dense8_runs_6, gc_k_dense8_runs_7, gc_k_dense8_runs_8, gc_k_dense8_runs_8x2;
gc_piece_t gc_k_dense8_sparse;
gc_piece_t gc_k_dense8_ternary_rows, gc_k_dense8_ternary_runs, gc_k_dense8_binary_rows, gc_k_dense8_binary_runs;
gc_piece_t gc_k_dense8_nibbles_1, gc_k_dense8_nibbles_2, gc_k_dense8_nibbles_3, gc_k_dense8_nibbles_4,
    gc_k_dense8_nibbles_4x2, gc_k_dense8_nibble_runs_1, gc_k_dense8_nibble_runs_2, gc_k_dense8_nibble_runs_3,
    gc_k_dense8_nibble_runs_4, gc_k_dense8_nibble_runs_4x2;
#else
typedef const uint8_t gc_piece_t; /* the portable twin does not need them */
#define GC_PIECE(name) 0
#endif

/* Blocks of one width whose streams follow each other. A layer has several parts because its last block may be narrower, and
 * because avr-gcc limits an object to 32,767 bytes. */
struct gc_dense8_part {
    uint8_t blocks;
    uint8_t width; /* outputs a block, 1 to 8 */
    const GC_FLASH uint8_t *stream;
    gc_piece_t *rows; /* multiplies: rows_* after sum and copy, runs_* after skip, … */
};

/* The fields lie in the order in which the assembly reads them. */
struct gc_dense8 {
    gc_piece_t *prepare;          /* sums the input: sum, copy or skip */
    const GC_FLASH uint8_t *live; /* number of runs; then for each: dead inputs before it, 8 bits, and its length, 16 bits */
    uint8_t room;                 /* of skip: free bytes before x */
    uint8_t flip;                 /* 0x80 for signed codes; only copy takes it */
    gc_piece_t *finish;           /* accumulator to code: finish_shift or finish_scale; or to gc_k_dense8_add's sums: finish_add */
    uint8_t factor, bytes;        /* of finish_shift: y = (value * factor >> 8) >> 8 * bytes; factor 0: there are multipliers */
    int16_t low, high;            /* the clamp, less the zero point */
    uint8_t zero_point;
    uint16_t rows;                /* live ones */
    struct gc_dense8_part parts[];
};

/* copy and skip overwrite the input; skip also `room` bytes before it and two after it. */
void gc_k_dense8(uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer);

/* gc_k_dense8_add adds the products to sums of 24 bits, low byte first, where the others write outputs; there are no biases in
 * its stream. The rest: the same for weights that are stored otherwise, each as its assembly describes it. The assembly knows by its pieces. */
#if defined __AVR__ && !defined GC_PORTABLE
#define gc_k_dense8_add gc_k_dense8
#define gc_k_dense8_as_sparse gc_k_dense8
#define gc_k_dense8_as_int4 gc_k_dense8
#define gc_k_dense8_as_ternary gc_k_dense8
#define gc_k_dense8_as_binary gc_k_dense8
#else
void gc_k_dense8_add(uint8_t *x, uint8_t *sums, const GC_FLASH struct gc_dense8 *layer);
void gc_k_dense8_as_sparse(uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer);
void gc_k_dense8_as_int4(uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer);
void gc_k_dense8_as_ternary(uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer);
void gc_k_dense8_as_binary(uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer);
#endif
#endif

#endif
