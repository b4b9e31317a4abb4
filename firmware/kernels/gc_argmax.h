/* The index of the greatest byte, the first of equal ones; flip is 0x80 for signed codes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_ARGMAX_H
#define GC_ARGMAX_H

#include "gc.h"

uint8_t gc_k_argmax(const uint8_t *x, uint8_t count, uint8_t flip);

#endif
