/* The end of a layer that took its input in pieces: gc_k_dense8's own end, all outputs at once, on sums in memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#if defined __AVR__ && !defined GC_PORTABLE
#include "gc_dense8_asm.h"

/* void gc_k_stream_finish_x(const uint8_t *sums, uint8_t *y, const GC_FLASH struct gc_dense8 *layer)
 *                           r25:r24              r23:r22     r21:r20 */
.macro FINISH how
GC_FUNCTION gc_k_stream_finish_\how
        GC_SAVE_REGISTERS
        movw    YL, r24
        movw    XL, r22
        movw    ZL, r20
        adiw    ZL, 8                   ; factor
        GC_FINISH_FIELDS
        adiw    ZL, 3                   ; rows, and the part's blocks
        lpm     r17, Z+                 ; outputs
        GC_LPM_WORD r6, r7              ; their constants
        clr     r8                      ; 128 * sum x is in the sums already
        clr     r9
        clr     r10
        call    gc_k_dense8_finish_\how
        GC_RESTORE_REGISTERS
        ret
GC_END gc_k_stream_finish_\how
.endm
        FINISH  shift
        FINISH  scale
#endif
