/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_stream.h"

void gc_k_stream_feed(uint8_t *x, uint8_t *sums, const GC_FLASH struct gc_stream *stream, uint8_t piece)
{
    if (piece == 0)
        for (uint16_t i = stream->bytes; i != 0; i--)
            sums[i - 1] = 0;
    gc_k_dense8_add(x, sums, stream->pieces[piece]);
}
