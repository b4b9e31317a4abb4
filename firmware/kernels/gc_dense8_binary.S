/* Binary weights, -1 and 1: threaded code instead of the inner loops of gc_dense8_rows.S (see gc_dense8_threaded.h).
 *
 *     sum x * w  =  2 * (sum of x where w is 1)  -  sum x
 *
 * The weights of a row are one byte, its highest bit that of output 0: a 1 means 1. Each half of the byte picks one of 16 pieces
 * of 16 words, which adds the input for these four outputs. 18 cycles a row, and 2 for each weight of 1.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#if defined __AVR__ && !defined GC_PORTABLE
#include "gc_dense8_threaded.h"

#ifdef GC_THREADED
.macro BIT bit, low, high
.if \bit
        PLUS     \low, \high
.endif
.endm

/* The row's weights, r23. */
.macro FIRST page
        ld      r23, Y+                 ; 3
        mov     ZL, r23                 ; 1
        andi    ZL, 0xf0                ; 1
        ldi     ZH, pm_hi8(\page)       ; 1
        ijmp                            ; 2
.endm

/* Where piece `i` lies, and what it adds. */
.macro PIECE i, low0, high0, low1, high1, low2, high2, low3, high3
        .balign 32
        BIT     \i&8, \low0, \high0
        BIT     \i&4, \low1, \high1
        BIT     \i&2, \low2, \high2
        BIT     \i&1, \low3, \high3
.endm

.macro PAGES name
.L\name\()_first:
.irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        PIECE   \i, r2, r3, r4, r5, r6, r7, r8, r9
        mov     ZL, r23                 ; 1
        swap    ZL                      ; 1
        andi    ZL, 0xf0                ; 1
        ldi     ZH, pm_hi8(.L\name\()_second) ; 1
        ijmp                            ; 2
.endr
        .balign 512
.L\name\()_second:
.irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        PIECE   \i, r10, r11, r12, r13, r14, r15, r24, r25
        dec     r18                     ; 1
        breq    .L\name\()_last_\i      ; 1
        ld      r0, X+                  ; 2
        FIRST   .L\name\()_first
.if \i == 15
        .set    .L\name\()_last_15, .L\name\()_last_14
.else
.L\name\()_last_\i:
        rjmp    .L\name\()_next
.endif
.endr
.endm

/* gc_k_dense8 adds 128 * sum x; what is wanted is its opposite divided by 128. So sums begin with -129 * sum x. */
.macro OPPOSITE
        ldd     r16, Z+GC_DENSE8_SUM-GC_DENSE8_ACCUMULATORS
        ldd     r17, Z+GC_DENSE8_SUM-GC_DENSE8_ACCUMULATORS+1
        ldd     r18, Z+GC_DENSE8_SUM-GC_DENSE8_ACCUMULATORS+2
        ldd     r19, Z+GC_DENSE8_SUM-GC_DENSE8_ACCUMULATORS+3
        mov     r20, r16                ; r22:r21:r20 = sum x: a bit up, a byte down
        lsl     r20
        mov     r20, r17
        rol     r20
        mov     r21, r18
        rol     r21
        mov     r22, r19
        rol     r22
        add     r16, r20
        adc     r17, r21
        adc     r18, r22
        com     r18
        com     r17
        neg     r16
        sbci    r17, 255
        sbci    r18, 255
        START   r16, r17, r18
.endm

GC_THREADED_FUNCTION binary, rows
        OPPOSITE
        ROWS    rows, gc_k_dense8_fold_twice, DONE
GC_END gc_k_dense8_binary_rows

GC_THREADED_FUNCTION binary, runs
        OPPOSITE
        RUNS    1, runs, gc_k_dense8_fold_twice, DONE
GC_END gc_k_dense8_binary_runs

        FOLD    gc_k_dense8_fold_twice, 2
#endif
#endif
