/* SPDX-License-Identifier: Apache-2.0 */
#include "gc_pool_walk.h"

GC_WINDOW(gc_k_max_window, (void)0, gc_greatest(patch))
