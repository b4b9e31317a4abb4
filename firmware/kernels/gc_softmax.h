/* Softmax as toolchain/layers/softmax.py defines it: 16-bit powers from a table, one division a value.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_SOFTMAX_H
#define GC_SOFTMAX_H

#include "gc.h"

struct gc_softmax {
    const GC_FLASH uint16_t *table; /* round(65535 exp(-scale d)) for d = 0, 1, ...; 0 beyond its end */
    uint16_t entries;
    uint16_t rows, count; /* `rows` times `count` values that belong together */
    uint8_t one, high, flip;
};

void gc_k_softmax(const uint8_t *x, uint8_t *y, const GC_FLASH struct gc_softmax *layer); /* y may be x */

#endif
