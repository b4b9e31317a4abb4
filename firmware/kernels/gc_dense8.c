/* The portable twin of the assembly: the same layout, the same results, the input left alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "gc_dense8_twin.h"
#include "gc_stream.h"

#if !defined __AVR__ || defined GC_PORTABLE
#include "gc_requantize.h"

uint32_t gc_number(const GC_FLASH volatile uint8_t *bytes, uint8_t count)
{
    uint32_t value = 0;
    while (count-- != 0)
        value = value << 8 | bytes[count];
    return value;
}

/* What assembly keeps in 24 bits. */
static int32_t wrapped(uint32_t value)
{
    value &= 0xffffff;
    return value & 0x800000 ? (int32_t)value - 0x1000000 : (int32_t)value;
}

/* The products of bytes: 128 * sum x - sum x * (128 - w). */
static const GC_FLASH uint8_t *bytes(uint32_t *sums, const uint8_t *x, uint8_t width, const GC_FLASH uint8_t *stream,
                                     const GC_FLASH struct gc_dense8 *layer)
{
    uint32_t sum = 0;
    GC_EACH_LIVE_ROW (x, layer, x++) {
        uint8_t value = *x ^ layer->flip;
        sum += value;
        for (uint8_t o = 0; o < width; o++)
            sums[o] -= (uint16_t)value * (uint16_t)*stream++;
    }
    for (uint8_t o = 0; o < width; o++)
        sums[o] += 128 * sum;
    return stream;
}

/* The outputs of one block, from its sums and the biases in the stream; returns the stream behind them. */
static const GC_FLASH uint8_t *finish(const uint32_t *sums, uint8_t *y, uint8_t width, const GC_FLASH uint8_t *stream,
                                      const GC_FLASH struct gc_dense8 *layer)
{
    for (uint8_t o = 0; o < width; o++) {
        int32_t value = wrapped(gc_number(stream, 3) + sums[o]);
        stream += 3;
        if (layer->factor == 0) {
            value = gc_scale24((gc_acc24_t)value, (int16_t)gc_number(stream, 2), stream[2] + 9);
            stream += 3;
        } else {
            value = (value * layer->factor >> 8) >> 8 * layer->bytes;
        }
        if (value < layer->low)
            value = layer->low;
        if (value > layer->high)
            value = layer->high;
        y[o] = (uint8_t)(value + layer->zero_point);
    }
    return stream;
}

/* Adds the sums of one block to those in memory; the stream has no biases. */
static const GC_FLASH uint8_t *add(const uint32_t *sums, uint8_t *y, uint8_t width, const GC_FLASH uint8_t *stream,
                                   const GC_FLASH struct gc_dense8 *layer)
{
    (void)layer;
    for (uint8_t o = 0; o < width; o++, y += 3) {
        uint32_t sum = (y[0] | (uint32_t)y[1] << 8 | (uint32_t)y[2] << 16) + sums[o];
        y[0] = (uint8_t)sum;
        y[1] = (uint8_t)(sum >> 8);
        y[2] = (uint8_t)(sum >> 16);
    }
    return stream;
}

typedef const GC_FLASH uint8_t *finish_t(const uint32_t *sums, uint8_t *y, uint8_t width, const GC_FLASH uint8_t *stream,
                                         const GC_FLASH struct gc_dense8 *layer);

/* All blocks, each finished into `bytes_each` bytes an output. */
static void blocks(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer, gc_products_t *products,
                   finish_t *finished, uint8_t bytes_each)
{
    for (const GC_FLASH struct gc_dense8_part *part = layer->parts;; part++) {
        const GC_FLASH uint8_t *stream = part->stream;
        const uint8_t width = part->width & (GC_DENSE8_LAST - 1);
        for (uint8_t blocks = part->blocks; blocks != 0; blocks--, y += width * bytes_each) {
            uint32_t sums[8] = {0};
            stream = products(sums, x, width, stream, layer);
            stream = finished(sums, y, width, stream, layer);
        }
        if (part->width & GC_DENSE8_LAST)
            return;
    }
}

void gc_k_dense8_twin(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer, gc_products_t *products)
{
    blocks(x, y, layer, products, finish, 1);
}

void gc_k_dense8_add(uint8_t *x, uint8_t *sums, const GC_FLASH struct gc_dense8 *layer)
{
    blocks(x, sums, layer, bytes, add, 3);
}

void gc_k_stream_finish(const uint8_t *sums, uint8_t *y, const GC_FLASH struct gc_dense8 *layer)
{
    const GC_FLASH uint8_t *stream = layer->parts->stream;
    for (uint8_t left = layer->parts->width; left != 0; left--, sums += 3) {
        uint32_t sum = sums[0] | (uint32_t)sums[1] << 8 | (uint32_t)sums[2] << 16;
        stream = finish(&sum, y++, 1, stream, layer);
    }
}

void gc_k_dense8(uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer)
{
    gc_k_dense8_twin(x, y, layer, bytes);
}
#endif
