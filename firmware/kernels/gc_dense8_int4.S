/* Weights of four bits, -7 to 8: two outputs in a byte, instead of the inner loops of gc_dense8_rows.S.
 *
 * A byte b holds 8 - w of one output in its upper and of the next in its lower half. With
 *
 *     S = sum x * b        L = sum x * (b & 15)
 *
 * S - L is 16 times the upper output's sum; the lower one's is L. So a pair takes two multiplications and one load, 14
 * cycles. All sums leave this file multiplied by 16, and so are the biases in the stream; 16 * 8 * sum x is what gc_k_dense8
 * adds. The compiler proves that 16 times the final value fits 24 bits.
 *
 * Registers as in gc_dense8_rows.S, but r24 holds the byte b: the loop counter waits on the stack.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#if defined __AVR__ && !defined GC_PORTABLE
#include "gc_dense8_asm.h"

/* S and L of the first `count` pairs of the accumulators that follow: 14 cycles a pair. */
.macro PAIRS count, s0, s1, s2, l0, l1, l2, more:vararg
        lpm     r24, Z+                 ; 3  b
        mul     r24, r25                ; 2
        sub     \s0, r0                 ; 1
        sbc     \s1, r1                 ; 1
        sbci    \s2, 0                  ; 1
        andi    r24, 15                 ; 1
        mul     r24, r25                ; 2
        sub     \l0, r0                 ; 1
        sbc     \l1, r1                 ; 1
        sbci    \l2, 0                  ; 1
.if \count > 1
        PAIRS   \count - 1, \more
.endif
.endm

/* 2 + 14 * pairs cycles. */
.macro ROW pairs
        ld      r25, X+                 ; 2
        PAIRS   \pairs, GC_ACCUMULATORS
.endm

/* The loop counter comes from the stack for a moment: down by one, and its flags. */
.macro COUNT_DOWN
        pop     r24                     ; 2
        dec     r24                     ; 1
        push    r24                     ; 1
.endm

/* Every input is multiplied: 8 + 14 * pairs cycles a row. */
.macro ROWS pairs
GC_FUNCTION gc_k_dense8_nibbles_\pairs
        movw    ZL, r0
        GC_CHUNKS
1:      push    r25
        push    r24
2:      ROW     \pairs
        COUNT_DOWN
        brne    2b                      ; 2
        pop     r24
        pop     r25
        dec     r25
        brne    1b
        jmp     gc_k_dense8_nibbles
GC_END gc_k_dense8_nibbles_\pairs
.endm
.irp pairs, 1, 2, 3, 4
        ROWS    \pairs
.endr

/* Rows of eight outputs, two a pass, from 2 on; 3: the first pass has one. 61.5 cycles a row. */
.macro TWO_A_PASS
2:      ROW     4
3:      ROW     4
        COUNT_DOWN
        breq    4f                      ; 1
        rjmp    2b                      ; 2  out of reach for a branch
4:      pop     r24
.endm

GC_FUNCTION gc_k_dense8_nibbles_4x2
        movw    ZL, r0
        GC_CHUNKS_OF_PAIRS
        push    r25
        push    r24
        brts    3f
        rjmp    2f
1:      push    r25
        push    r24
        TWO_A_PASS
        pop     r25
        dec     r25
        breq    5f
        rjmp    1b
5:      jmp     gc_k_dense8_nibbles
GC_END gc_k_dense8_nibbles_4x2

/* Runs of values between zeros, see gc_dense8_rows.S: 8 + 14 * pairs cycles a value, 17 a run. */
.macro RUNS pairs
GC_FUNCTION gc_k_dense8_nibble_runs_\pairs
        movw    ZL, r0
1:      GC_RUN  \pairs
        tst     r24
        breq    3f
        push    r24
2:      ROW     \pairs
        COUNT_DOWN
        brne    2b                      ; 2
        pop     r24
        rjmp    1b
3:      jmp     gc_k_dense8_nibbles
GC_END gc_k_dense8_nibble_runs_\pairs
.endm
.irp pairs, 1, 2, 3, 4
        RUNS    \pairs
.endr

/* The same two a pass: 61.5 cycles a value, 24 a run. */
GC_FUNCTION gc_k_dense8_nibble_runs_4x2
        movw    ZL, r0
        rjmp    5f
        TWO_A_PASS
5:      GC_RUN  4
        lsr     r24
        brcs    6f
        breq    7f
        push    r24
        rjmp    2b
6:      inc     r24                     ; of an odd number the first pass has one
        push    r24
        rjmp    3b
7:      jmp     gc_k_dense8_nibbles
GC_END gc_k_dense8_nibble_runs_4x2

/* The end of each of the above: S and L of each pair become S - L and 16 * L, in the frame of gc_k_dense8. */
GC_FUNCTION gc_k_dense8_nibbles
        GC_FRAME XL, XH
        call    gc_k_dense8_store_at_x
        sbiw    XL, 24
        movw    YL, XL
        ldi     r24, 4
1:      ld      r2, Y
        ldd     r3, Y+1
        ldd     r4, Y+2
        ldd     r5, Y+3
        ldd     r6, Y+4
        ldd     r7, Y+5
        sub     r2, r5
        sbc     r3, r6
        sbc     r4, r7
        .rept   4
        lsl     r5
        rol     r6
        rol     r7
        .endr
        st      Y+, r2
        st      Y+, r3
        st      Y+, r4
        st      Y+, r5
        st      Y+, r6
        st      Y+, r7
        dec     r24
        brne    1b
        ret
GC_END gc_k_dense8_nibbles
#endif
