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

/* r23: the row's weights. */
.macro FIRST_HALF page
        ld      r23, Y+                 ; 3
        mov     ZL, r23                 ; 1
        andi    ZL, 0xf0                ; 1
        ldi     ZH, pm_hi8(\page)       ; 1
        ijmp                            ; 2
.endm

.macro PAGES name
        .balign 512
        .type   gc_k_dense8_binary_\name\()_pages, @object
gc_k_dense8_binary_\name\()_pages:
.L\name\()_first:
.irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        .balign 32
        BIT     \i&8, r2, r3
        BIT     \i&4, r4, r5
        BIT     \i&2, r6, r7
        BIT     \i&1, r8, r9
        mov     ZL, r23                 ; 1
        swap    ZL                      ; 1
        andi    ZL, 0xf0                ; 1
        ldi     ZH, pm_hi8(.L\name\()_second) ; 1
        ijmp                            ; 2
.endr
        .balign 512
.L\name\()_second:
.irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        .balign 32
        BIT     \i&8, r10, r11
        BIT     \i&4, r12, r13
        BIT     \i&2, r14, r15
        BIT     \i&1, r24, r25
        dec     r18                     ; 1
        breq    .L\name\()_last_\i      ; 1
        ld      r0, X+                  ; 2
        FIRST_HALF .L\name\()_first
.if \i == 15
        .set    .L\name\()_last_15, .L\name\()_last_14
.else
.L\name\()_last_\i:
        rjmp    .L\name\()_next
.endif
.endr
GC_END gc_k_dense8_binary_\name\()_pages
.endm

/* The first row of a part; the pieces go on until r18 is 0. */
.macro ROW name
        ld      r0, X+
        FIRST_HALF .L\name\()_first
.L\name\()_next:
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

        .macro  ROWS_ROW
        ROW     rows
        .endm
        .section .text.gc_k_dense8_binary_rows, "ax", @progbits
        PAGES   rows
        .global gc_k_dense8_binary_rows
        .type   gc_k_dense8_binary_rows, @function
gc_k_dense8_binary_rows:
        BEGIN
        OPPOSITE
        ROWS    ROWS_ROW, gc_k_dense8_fold_twice, DONE
GC_END gc_k_dense8_binary_rows

        .macro  RUNS_ROW
        ROW     runs
        .endm
        .section .text.gc_k_dense8_binary_runs, "ax", @progbits
        PAGES   runs
        .global gc_k_dense8_binary_runs
        .type   gc_k_dense8_binary_runs, @function
gc_k_dense8_binary_runs:
        BEGIN
        OPPOSITE
        RUNS    1, RUNS_ROW, gc_k_dense8_fold_twice, DONE
GC_END gc_k_dense8_binary_runs

        FOLD    gc_k_dense8_fold_twice, 2
#endif
#endif
