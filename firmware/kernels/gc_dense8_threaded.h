/* What the kernels of threaded code share: weights -1, 0 and 1 need no multiplication, so a piece of code for each pattern of
 * weights adds and subtracts the input, and the weights in flash say which piece comes next.
 *
 *   r0  input     r1  zero     X  input     Y  weights, in data space     Z  the next piece
 *   r3:r2 … r15:r14, r25:r24  sums 0 … 7, 16 bits
 *   r18  values left of a part      r19  values that the sums still take
 *   r20  values of the run behind this part, or r21:r20 rows
 *
 * 16 bits hold the sum of 128 inputs. After so many, at the latest, FOLD adds them to sums of 24 bits in the frame of
 * gc_k_dense8, which needs them there in the end.
 *
 * Each of these kernels has a macro PAGES, all its pieces from .L`name`_first on, and a macro FIRST, which goes to the piece for
 * a row's first weights. A page is 256 words, so that the low byte of a piece's address says where in its page it is. When r18
 * has come to 0, the pieces jump to .L`name`_next.
 *
 * Only for chips that map all of their flash into data space. They are the ones for which GC_THREADED is defined.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_DENSE8_THREADED_H
#define GC_DENSE8_THREADED_H

#include <avr/io.h>
#include "gc_dense8_asm.h"

#if defined MAPPED_PROGMEM_START && MAPPED_PROGMEM_SIZE > FLASHEND
#define GC_THREADED
#define GC_MAPPED (MAPPED_PROGMEM_START >> 8)
#define GC_SUM_INPUTS 128

.macro PLUS low, high
        add     \low, r0
        adc     \high, r1
.endm

.macro MINUS low, high
        sub     \low, r0
        sbc     \high, r1
.endm

/* All sums of 16 bits 0, r1 as well. */
.macro CLEAR
        clr     r1
        clr     r2
        clr     r3
        .irp    r, 4, 6, 8, 10, 12, 14, 24
        movw    r\r, r2
        .endr
.endm

/* The function gc_k_dense8_`kind`_`name`, behind pages of its own; Y the weights, Z the sums in the frame of gc_k_dense8. */
.macro GC_THREADED_FUNCTION kind, name
        .section .text.gc_k_dense8_\kind\()_\name, "ax", @progbits
        .balign 512
        .type   gc_k_dense8_\kind\()_\name\()_pages, @object
gc_k_dense8_\kind\()_\name\()_pages:
        PAGES   \name
GC_END gc_k_dense8_\kind\()_\name\()_pages
GC_FUNCTION gc_k_dense8_\kind\()_\name
        movw    YL, r0
        subi    YH, -GC_MAPPED
        clr     r1
        GC_FRAME ZL, ZH
.endm

/* The first row of a part; the pieces go on until r18 is 0. */
.macro ROW name
        ld      r0, X+                  ; 2
        FIRST   .L\name\()_first
.L\name\()_next:
.endm

/* What the sums in the frame begin with. */
.macro START low, middle, high
        .rept   8
        st      Z+, \low
        st      Z+, \middle
        st      Z+, \high
        .endr
.endm

/* At the end of a piece: Z the biases. */
.macro DONE
        movw    ZL, YL
        subi    ZH, GC_MAPPED
        clr     r1
        ret
.endm

/* Sums, low and high byte of each, to those in the frame, Z; `factor` 2: twice. 15 cycles each. */
.macro FOLD_EACH factor, low, high, more:vararg
.if \factor == 2
        lsl     \low
        rol     \high
        sbc     r16, r16
.else
        GC_SIGN r16, \high
.endif
        ld      r17, Z
        add     r17, \low
        st      Z+, r17
        ld      r17, Z
        adc     r17, \high
        st      Z+, r17
        ld      r17, Z
        adc     r17, r16
        st      Z+, r17
.ifnb \more
        FOLD_EACH \factor, \more
.endif
.endm

/* The function `name`: all sums to those in the frame of the caller's caller, and 0. 145 cycles. */
.macro FOLD name, factor
GC_FUNCTION \name
        in      ZL, GC_SPL
        in      ZH, GC_SPH
        adiw    ZL, 2 * GC_RETURN_ADDRESS + GC_DENSE8_ACCUMULATORS
        FOLD_EACH \factor, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15, r24, r25
        CLEAR
        ldi     r19, GC_SUM_INPUTS
        ret
GC_END \name
.endm

/* Rows, all of them, in parts of GC_SUM_INPUTS, with the pages of `name`; `done` ends. */
.macro ROWS name, fold, done
        movw    r20, r24
        CLEAR
1:      ldi     r18, GC_SUM_INPUTS
        cp      r20, r18
        cpc     r21, r1
        brsh    2f
        mov     r18, r20
2:      sub     r20, r18
        sbc     r21, r1
        ROW     \name
        call    \fold
        mov     r18, r20
        or      r18, r21
        brne    1b
        \done
.endm

/* Runs of values between zeros, see gc_dense8_rows.S, with `bytes` of weights a row. 17 cycles a run. */
.macro RUNS bytes, name, fold, done
        CLEAR
        ldi     r19, GC_SUM_INPUTS
2:      ld      ZL, X+                  ; 2  rows whose input is zero
        ldi     ZH, \bytes              ; 1
        mul     ZL, ZH                  ; 2
        add     YL, r0                  ; 1
        adc     YH, r1                  ; 1
        clr     r1                      ; 1
        clr     r20                     ; 1
        ld      r18, X+                 ; 2  values
        tst     r18                     ; 1
        breq    8f                      ; 1
5:      sub     r19, r18                ; 1
        brcs    6f                      ; 1
7:      ROW     \name
        tst     r20                     ; 1
        breq    2b                      ; 2
        mov     r18, r20                ; the rest of a long run
        clr     r20
        rjmp    5b
6:      call    \fold                   ; too many for the sums
        cp      r19, r18
        brsh    3f
        mov     r20, r18
        sub     r20, r19
        mov     r18, r19
3:      sub     r19, r18
        rjmp    7b
8:      call    \fold
        \done
.endm
#endif
#endif
