/* What all generated and hand-written code of Goldcrest's networks shares: flash data and accumulator types.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_H
#define GC_H

#include <stdint.h>

#ifdef __AVR__
/* Constants stay in flash and are read with LPM on every AVR: that takes as long as a load from mapped flash on AVRxt
 * cores (3 cycles), reaches beyond 32 KiB, and works on chips that do not map their flash. */
#define GC_FLASH __flash
typedef __int24 gc_acc24_t;
#else
#define GC_FLASH
typedef int32_t gc_acc24_t; /* the compiler has proven that 24 bits are enough, so a wider type gives the same values */
#endif
typedef int32_t gc_acc32_t;

#endif
