/* The end of a layer that took its input in pieces: gc_k_dense8's own end, all outputs at once, on sums in memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#if defined __AVR__ && !defined GC_PORTABLE
#include "gc_asm.h"
#include "gc_dense8.h"

/* void gc_k_stream_finish_x(const uint8_t *sums, uint8_t *y, const GC_FLASH struct gc_dense8 *layer)
 *                           r25:r24              r23:r22     r21:r20 */
.macro FINISH how
GC_FUNCTION gc_k_stream_finish_\how
        .irp    r, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29
        push    r\r
        .endr
        movw    YL, r24
        movw    XL, r22
        movw    ZL, r20
        adiw    ZL, 8                   ; factor
        lpm     r15, Z+                 ; factor
        lpm     r13, Z+                 ; bytes
        lpm     r2, Z+                  ; r3:r2 low
        lpm     r3, Z+
        lpm     r4, Z+                  ; r5:r4 high
        lpm     r5, Z+
        lpm     r14, Z+                 ; zero point
        adiw    ZL, 3                   ; rows, and the part's blocks
        lpm     r17, Z+                 ; outputs
        lpm     r6, Z+                  ; r7:r6: their constants
        lpm     r7, Z+
        clr     r8                      ; 128 * sum x is in the sums already
        clr     r9
        clr     r10
        call    gc_k_dense8_finish_\how
        .irp    r, 29, 28, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2
        pop     r\r
        .endr
        ret
GC_END gc_k_stream_finish_\how
.endm
        FINISH  shift
        FINISH  scale
#endif
