/* Multiplication: the inner loops of gc_k_dense8, one for each number of outputs in a block.
 *
 *   entry  Z this piece, r1:r0 the stream, X the input, r25:r24 the number of rows, accumulators 0
 *   exit   Z the first bias, the accumulators (-sum x * (128 - w)) in the caller's frame
 *
 *   r0, r1   weight, then product              r24      loop counter
 *   X, Z     input and weights                 r25      input byte, between rows chunks left
 *
 * The weight is loaded into r0, where MUL puts the product after it has read it: no register is left over, none is needed.
 * LPM takes as long as a load from flash that is mapped into data space, and reaches all of 64 KiB.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#if defined __AVR__ && !defined GC_PORTABLE
#include "gc_dense8_asm.h"

/* One product: 8 cycles. */
.macro PRODUCT low, middle, high
        lpm     r0, Z+                  ; 3  128 - w
        mul     r0, r25                 ; 2
        sub     \low, r0                ; 1
        sbc     \middle, r1             ; 1
        sbci    \high, 0                ; 1
.endm

/* One row of a block of `width` outputs: 2 + 8 * width cycles. */
.macro ROW width
        ld      r25, X+                 ; 2
        GC_EACH \width, PRODUCT, GC_ACCUMULATORS
.endm

/* Every input is multiplied: 5 + 8 * width cycles a row. */
.macro ROWS width
GC_FUNCTION gc_k_dense8_rows_\width
        movw    ZL, r0
        GC_CHUNKS
1:      push    r25                     ; r25 is free between rows only
2:      ROW     \width
        dec     r24                     ; 1
        brne    2b                      ; 2
        pop     r25
        dec     r25
        brne    1b
        jmp     gc_k_dense8_store
GC_END gc_k_dense8_rows_\width
.endm
.irp width, 1, 2, 3, 4, 5, 6, 7, 8
        ROWS    \width
.endr

/* Rows of eight outputs, two a pass, from 2 on; 3: the first pass has one. */
.macro TWO_A_PASS
2:      ROW     8
3:      ROW     8
        dec     r24                     ; 1
        breq    4f                      ; 1, the last time 2
        rjmp    2b                      ; 2  out of reach for a branch
4:
.endm

/* The same for eight outputs with two and with four rows a pass: 68 and 67 cycles a row, for 100 and 280 more bytes. */
GC_FUNCTION gc_k_dense8_rows_8x2
        movw    ZL, r0
        GC_CHUNKS_OF_PAIRS
        push    r25
        brts    3f
        rjmp    2f
1:      push    r25
        TWO_A_PASS
        pop     r25
        dec     r25
        breq    5f
        rjmp    1b
5:      jmp     gc_k_dense8_store
GC_END gc_k_dense8_rows_8x2

GC_FUNCTION gc_k_dense8_rows_8x4
        movw    ZL, r0
        mov     r0, r24                 ; what four does not divide, the first pass has
        adiw    r24, 3
        .rept   2
        lsr     r25
        ror     r24
        .endr
        GC_CHUNKS
        push    r25
        sbrc    r0, 1
        rjmp    1f
        sbrc    r0, 0
        rjmp    5f                      ; one row
        rjmp    2f                      ; four
1:      sbrc    r0, 0
        rjmp    3f                      ; three
        rjmp    4f                      ; two
1:      push    r25
2:      ROW     8
3:      ROW     8
4:      ROW     8
5:      ROW     8
        dec     r24                     ; 1
        breq    6f                      ; 1
        rjmp    2b                      ; 2
6:      pop     r25
        dec     r25
        breq    7f
        rjmp    1b
7:      jmp     gc_k_dense8_store
GC_END gc_k_dense8_rows_8x4

/* Runs of values between zeros, as gc_k_dense8_skip writes them: rows to pass over, number of values, values; the last run
 * has no values. 5 + 8 * width cycles a value, 15 a run. */
.macro RUNS width
GC_FUNCTION gc_k_dense8_runs_\width
        movw    ZL, r0
1:      GC_RUN  \width                  ; 9
        tst     r24                     ; 1
        breq    3f                      ; 1
2:      ROW     \width
        dec     r24                     ; 1
        brne    2b                      ; 2, the last time 1
        rjmp    1b                      ; 2
3:      jmp     gc_k_dense8_store
GC_END gc_k_dense8_runs_\width
.endm
.irp width, 1, 2, 3, 4, 5, 6, 7, 8
        RUNS    \width
.endr

/* The same for eight outputs with two values a pass: 68 cycles a value, 19 a run. */
GC_FUNCTION gc_k_dense8_runs_8x2
        movw    ZL, r0
        rjmp    4f
        TWO_A_PASS
        GC_RUN  8                       ; 9
        lsr     r24                     ; 1
        brcs    5f                      ; 1 | 2
        breq    6f                      ; 1
        rjmp    2b                      ; 2
5:      inc     r24                     ;   | 1  of an odd number the first pass has one
        rjmp    3b                      ;   | 2
6:      jmp     gc_k_dense8_store
GC_END gc_k_dense8_runs_8x2

/* The end of each of the above: all accumulators into the frame of gc_k_dense8, which lies above the return address. */
GC_FUNCTION gc_k_dense8_store
        GC_FRAME XL, XH
        .global gc_k_dense8_store_at_x
        .type   gc_k_dense8_store_at_x, @function
gc_k_dense8_store_at_x:                 ; the same for who has found the frame
        .macro STORE low, middle, high
        st      X+, \low
        st      X+, \middle
        st      X+, \high
        .endm
        GC_EACH 8, STORE, GC_ACCUMULATORS
        clr     r1
        ret
GC_END gc_k_dense8_store
#endif
