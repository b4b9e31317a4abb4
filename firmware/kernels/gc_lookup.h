/* Element by element through a table of 256 bytes: tanh, sigmoid and every other function of one 8-bit code.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_LOOKUP_H
#define GC_LOOKUP_H

#include "gc.h"

void gc_k_lookup(const uint8_t *x, uint8_t *y, uint16_t count, const GC_FLASH uint8_t *table); /* y may be x */

#endif
