/* A dense layer that takes its input a piece at a time: the input as a whole is never in memory, only 24-bit sums are.
 *
 * Each piece is a dense layer of its own (gc_dense8.h), whose outputs are added to the sums. When the last piece has been
 * taken, biases, requantization and clamp make the layer's outputs of the sums.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_STREAM_H
#define GC_STREAM_H

#include "gc_dense8.h"

struct gc_stream {
    uint16_t bytes; /* of the sums: three an output */
    const GC_FLASH struct gc_dense8 *pieces[];
};

/* Takes piece number `piece`, which lies at x and is overwritten. The first one begins the sums. */
void gc_k_stream_feed(uint8_t *x, uint8_t *sums, const GC_FLASH struct gc_stream *stream, uint8_t piece);

/* Outputs from sums. `layer` has one part of one block: the number of outputs (up to 255) and the constants of each. */
#if defined __AVR__ && !defined GC_PORTABLE
void gc_k_stream_finish_shift(const uint8_t *sums, uint8_t *y, const GC_FLASH struct gc_dense8 *layer);
void gc_k_stream_finish_scale(const uint8_t *sums, uint8_t *y, const GC_FLASH struct gc_dense8 *layer);
#else
void gc_k_stream_finish(const uint8_t *sums, uint8_t *y, const GC_FLASH struct gc_dense8 *layer);
#define gc_k_stream_finish_shift gc_k_stream_finish
#define gc_k_stream_finish_scale gc_k_stream_finish
#endif

#endif
