/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_pool_walk.h"

GC_POOL(gc_k_max_pool, gc_greatest(patch))
