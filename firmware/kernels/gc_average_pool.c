/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_pool_walk.h"

static inline uint8_t mean(gc_acc24_t sum, const GC_FLASH struct gc_pool *layer)
{
    int32_t value = layer->multiplier ? gc_scale24(sum, layer->multiplier, layer->shift) : (int32_t)(sum >> layer->shift);
    return gc_clamped(value, &layer->clamp);
}

GC_POOL(gc_k_average_pool, mean(gc_sum(layer->start, patch), layer))
