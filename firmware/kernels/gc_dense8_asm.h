/* What the pieces of gc_k_dense8 share: its accumulators, its layer's fields, and the beginnings of inner loops.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_DENSE8_ASM_H
#define GC_DENSE8_ASM_H

#include "gc_asm.h"
#include "gc_dense8.h"

/* While a block is multiplied: low, middle and high byte of accumulators 0 … 7 (SBCI needs the high ones in the upper half). */
#define GC_ACCUMULATORS r2, r3, r16, r4, r5, r17, r6, r7, r18, r8, r9, r19, r10, r11, r20, r12, r13, r21, \
                        r14, r15, r22, r28, r29, r23

/* `do` low, middle, high for the first `count` of the accumulators that follow. */
.macro GC_EACH count, do, low, middle, high, more:vararg
        \do     \low, \middle, \high
.if \count > 1
        GC_EACH \count - 1, \do, \more
.endif
.endm

/* Where the frame of gc_k_dense8 keeps the accumulators, for a piece that it has called and that has nothing on the stack. */
.macro GC_FRAME low, high
        in      \low, GC_SPL
        in      \high, GC_SPH
        adiw    \low, GC_RETURN_ADDRESS + GC_DENSE8_ACCUMULATORS
.endm

/* What finishes an output, as gc_dense8_finish.S takes it. Z: the layer's fields from `factor` on; exit: `rows`. */
.macro GC_FINISH_FIELDS
        lpm     r15, Z+                 ; factor
        lpm     r13, Z+                 ; bytes
        GC_LPM_WORD r2, r3              ; low
        GC_LPM_WORD r4, r5              ; high
        lpm     r14, Z+                 ; zero point
.endm

/* r25:r24 rows become r25 chunks of up to 256, the first of r24: one chunk more if a part of one is left. r2 is 0. */
.macro GC_CHUNKS
        cpse    r24, r2
        inc     r25
.endm

/* The same with two rows a pass. T: their number is odd, and the first pass has one. */
.macro GC_CHUNKS_OF_PAIRS
        bst     r24, 0
        adiw    r24, 1
        lsr     r25
        ror     r24
        GC_CHUNKS
.endm

/* The head of a run of values between zeros, with `bytes` of weights a row: Z over the rows whose input is zero; r24 the
 * number of values. */
.macro GC_RUN bytes
        ld      r24, X+                 ; 2  rows whose input is zero
        ldi     r25, \bytes             ; 1
        mul     r24, r25                ; 2
        add     ZL, r0                  ; 1
        adc     ZH, r1                  ; 1
        ld      r24, X+                 ; 2  values
.endm

#endif
