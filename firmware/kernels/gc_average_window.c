/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_pool_walk.h"

/* What divides the sum of a window with so many values. */
struct divisor {
    uint16_t values;
    int16_t multiplier;
    uint8_t shift;
};

static inline struct divisor divisor(const GC_FLASH struct gc_window *layer, uint16_t values)
{
    const uint16_t entry = layer->varies ? values - 1 : 0;
    return (struct divisor){values, layer->multiplier[entry], layer->shift[entry]};
}

static inline uint8_t mean(struct gc_patch patch, struct divisor by, const GC_FLASH struct gc_window *layer)
{
    gc_acc24_t sum = gc_sum(-(gc_acc24_t)patch.flip * by.values, patch);
    return gc_clamped(gc_scale24(sum, by.multiplier, by.shift), &layer->clamp);
}

GC_WINDOW(gc_k_average_window, const struct divisor by = divisor(layer, (uint16_t)(rows.count * columns.count)),
          mean(patch, by, layer))
