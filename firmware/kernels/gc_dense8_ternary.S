/* Ternary weights, -1, 0 and 1: threaded code instead of the inner loops of gc_dense8_rows.S (see gc_dense8_threaded.h).
 *
 * The weights of a row are three bytes: for outputs 0 to 2, 3 to 5, and 6 and 7. Each byte is where in a page of 256 words the
 * code lies that adds and subtracts the input for just these weights and goes on to the next byte; 27, 27 and 9 pieces. A
 * weight of zero costs nothing but its share of the byte. A block always has eight outputs; those that are missing have
 * weights of zero. 21 cycles a row, and 2 for each weight that is not zero.
 *
 * The sum of the inputs is not wanted, and taken back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#if defined __AVR__ && !defined GC_PORTABLE
#include "gc_dense8_threaded.h"

#ifdef GC_THREADED
/* One weight: 0 nothing, 1 add, 2 subtract. */
.macro DIGIT digit, low, high
.if (\digit) == 1
        PLUS     \low, \high
.endif
.if (\digit) == 2
        MINUS \low, \high
.endif
.endm

/* On to the next byte, whose pieces lie in `page`: 6 cycles. */
.macro NEXT page
        ldi     ZH, pm_hi8(\page)       ; 1
        ld      ZL, Y+                  ; 3
        ijmp                            ; 2
.endm

.macro FIRST page
        NEXT    \page
.endm

/* The pieces for a byte of three outputs. */
.macro THREE_OUTPUTS next, low0, high0, low1, high1, low2, high2
.irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26
        DIGIT   \i / 9, \low0, \high0
        DIGIT   \i / 3 % 3, \low1, \high1
        DIGIT   \i % 3, \low2, \high2
        NEXT    \next
.endr
.endm

/* The last pieces lie in the first page and go on to the next row, without a detour, until r18 is 0. Piece 0 is the end of
 * piece 1: there is room for no more. */
.macro NEXT_ROW end
        dec     r18                     ; 1
        breq    \end                    ; 1
        ld      r0, X+                  ; 2
        ld      ZL, Y+                  ; 3
        ijmp                            ; 2
.endm

.macro OUTPUTS_6_AND_7 name
.irp i, 8, 7, 6, 5, 4, 3, 2
        DIGIT   \i / 3, r14, r15
        DIGIT   \i % 3, r24, r25
        NEXT_ROW .L\name\()_last
.endr
.L\name\()_last:
        rjmp    .L\name\()_next
        DIGIT   1, r24, r25
        NEXT_ROW .L\name\()_last
.endm

/* Two pages: the last outputs behind the first. */
.macro PAGES name
.L\name\()_first:
        THREE_OUTPUTS .L\name\()_second, r2, r3, r4, r5, r6, r7
        OUTPUTS_6_AND_7 \name
        .balign 512
.L\name\()_second:
        THREE_OUTPUTS .L\name\()_first, r8, r9, r10, r11, r12, r13
.endm

/* No sum of inputs. */
.macro UNSUMMED
        in      ZL, GC_SPL
        in      ZH, GC_SPH
        adiw    ZL, GC_RETURN_ADDRESS + GC_DENSE8_SUM
        st      Z+, r1
        st      Z+, r1
        st      Z, r1
        DONE
.endm

GC_THREADED_FUNCTION ternary, rows
        START   r1, r1, r1
        ROWS    rows, gc_k_dense8_fold, UNSUMMED
GC_END gc_k_dense8_ternary_rows

GC_THREADED_FUNCTION ternary, runs
        START   r1, r1, r1
        RUNS    3, runs, gc_k_dense8_fold, UNSUMMED
GC_END gc_k_dense8_ternary_runs

        FOLD    gc_k_dense8_fold, 1
#endif
#endif
