/* A clamp of codes: the relu that no layer before it could absorb.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_CLAMP_H
#define GC_CLAMP_H

#include "gc.h"

/* low and high are codes ^ flip, with flip 0x80 for signed codes; y may be x. */
void gc_k_clamp(const uint8_t *x, uint8_t *y, uint16_t count, uint8_t flip, uint8_t low, uint8_t high);

#endif
