/* Ternary weights, -1, 0 and 1: threaded code instead of the inner loops of gc_dense8_rows.S.
 *
 * The weights of a row are three bytes: for outputs 0 to 2, 3 to 5, and 6 and 7. Each byte is where in a page of 256 words the
 * code lies that adds and subtracts the input for just these weights and goes on to the next byte; 27, 27 and 9 pieces. A
 * weight of zero costs nothing but its share of the byte. A block always has eight outputs; those that are missing have
 * weights of zero. 25 cycles a row, and 2 for each weight that is not zero, if 16 bits are proven to hold a sum; with
 * 24 bits 28 and 3, because the loop counter waits on the stack.
 *
 *   r0  input     r1  zero     X  input     Y  weights, in data space     Z  the next piece
 *   r3:r2 … r15:r14, r25:r24  lower 16 bits of sums 0 … 7     r16 … r23  upper bytes (24 bits)
 *   r18  loop counter     r19  chunks (16 bits)
 *
 * Only for chips that map all of their flash into data space. The sum of the inputs is not wanted, and taken back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#if defined __AVR__ && !defined GC_PORTABLE
#include <avr/io.h>
#include "gc_asm.h"
#include "gc_dense8.h"

#if defined MAPPED_PROGMEM_START && MAPPED_PROGMEM_SIZE > FLASHEND
#define MAPPED (MAPPED_PROGMEM_START >> 8)
#define SUM 35 /* in the frame of gc_k_dense8 */

/* One weight: 0 nothing, 1 add, 2 subtract. */
.macro DIGIT digit, bits, low, middle, high
.if (\digit) == 1
        add     \low, r0
        adc     \middle, r1
.if \bits == 24
        adc     \high, r1
.endif
.endif
.if (\digit) == 2
        sub     \low, r0
        sbc     \middle, r1
.if \bits == 24
        sbc     \high, r1
.endif
.endif
.endm

/* On to the next byte: 6 cycles. */
.macro NEXT page
        ldi     ZH, pm_hi8(\page)       ; 1
        ld      ZL, Y+                  ; 3
        ijmp                            ; 2
.endm

.macro OUTPUTS_0_TO_2 bits, next
.irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26
        DIGIT   \i / 9, \bits, r2, r3, r16
        DIGIT   \i / 3 % 3, \bits, r4, r5, r17
        DIGIT   \i % 3, \bits, r6, r7, r18
        NEXT    \next
.endr
.endm

.macro OUTPUTS_3_TO_5 bits, next
.irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26
        DIGIT   \i / 9, \bits, r8, r9, r19
        DIGIT   \i / 3 % 3, \bits, r10, r11, r20
        DIGIT   \i % 3, \bits, r12, r13, r21
        NEXT    \next
.endr
.endm

.macro OUTPUTS_6_AND_7 bits, end
.irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8
        DIGIT   \i / 3, \bits, r14, r15, r22
        DIGIT   \i % 3, \bits, r24, r25, r23
        rjmp    \end                    ; 2
.endr
.endm

/* The pages: two for sums of 16 bits (the last outputs behind the first), three for 24 bits. */
.macro PAGES name, bits
        .balign 512
        .type   gc_k_dense8_ternary_\name\()_pages, @object
gc_k_dense8_ternary_\name\()_pages:
.L\name\()_first:
        OUTPUTS_0_TO_2 \bits, .L\name\()_second
.if \bits == 16
        OUTPUTS_6_AND_7 \bits, .L\name\()_end
        .balign 512
.L\name\()_second:
        OUTPUTS_3_TO_5 \bits, .L\name\()_first
.else
        .balign 512
.L\name\()_second:
        OUTPUTS_3_TO_5 \bits, .L\name\()_third
        .balign 512
.L\name\()_third:
        OUTPUTS_6_AND_7 \bits, .L\name\()_end
.endif
GC_END gc_k_dense8_ternary_\name\()_pages
.endm

.macro BEGIN
        movw    YL, r0
        subi    YH, -MAPPED
        clr     r1
.endm

/* Sums of 24 bits in the frame, Z behind the weights, no sum of inputs. */
.macro DONE bits
        movw    ZL, YL
        subi    ZH, MAPPED
        movw    YL, r24
.if \bits == 16
        EXTEND  r3, r16
        EXTEND  r5, r17
        EXTEND  r7, r18
        EXTEND  r9, r19
        EXTEND  r11, r20
        EXTEND  r13, r21
        EXTEND  r15, r22
        EXTEND  r29, r23
.endif
        jmp     gc_k_dense8_unsummed
.endm

.macro EXTEND middle, high
        mov     \high, \middle
        lsl     \high
        sbc     \high, \high
.endm

/* Every input is multiplied. */
.macro ROWS bits
        .section .text.gc_k_dense8_ternary_rows_\bits, "ax", @progbits
        PAGES   rows\bits, \bits
        .global gc_k_dense8_ternary_rows_\bits
        .type   gc_k_dense8_ternary_rows_\bits, @function
gc_k_dense8_ternary_rows_\bits:
        cpse    r24, r2                 ; chunks of up to 256 rows
        inc     r25
        BEGIN
.if \bits == 16
        movw    r18, r24
.else
        push    r25
        push    r24
.endif
        clr     r24
        clr     r25
1:      ld      r0, X+                  ; 2
        NEXT    .Lrows\bits\()_first
.Lrows\bits\()_end:
.if \bits == 16
        dec     r18                     ; 1
        brne    1b                      ; 2
        dec     r19
        brne    1b
.else
        pop     ZL                      ; 2
        dec     ZL                      ; 1
        push    ZL                      ; 1
        brne    1b                      ; 2
        pop     ZL
        pop     ZH
        dec     ZH
        push    ZH
        push    ZL
        brne    1b
        pop     ZL
        pop     ZH
.endif
        DONE    \bits
GC_END gc_k_dense8_ternary_rows_\bits
.endm
        ROWS    16
        ROWS    24

/* Runs of values between zeros, see gc_dense8_rows.S. */
.macro RUNS bits
        .section .text.gc_k_dense8_ternary_runs_\bits, "ax", @progbits
        PAGES   runs\bits, \bits
        .global gc_k_dense8_ternary_runs_\bits
        .type   gc_k_dense8_ternary_runs_\bits, @function
gc_k_dense8_ternary_runs_\bits:
        BEGIN
        clr     r24
        clr     r25
2:      ld      ZL, X+                  ; rows whose input is zero
        ldi     ZH, 3
        mul     ZL, ZH
        add     YL, r0
        adc     YH, r1
        clr     r1
        ld      ZL, X+                  ; values
        tst     ZL
        breq    3f
.if \bits == 16
        mov     r18, ZL
.else
        push    ZL
.endif
1:      ld      r0, X+                  ; 2
        NEXT    .Lruns\bits\()_first
.Lruns\bits\()_end:
.if \bits == 16
        dec     r18                     ; 1
        brne    1b                      ; 2
.else
        pop     ZL                      ; 2
        dec     ZL                      ; 1
        push    ZL                      ; 1
        brne    1b                      ; 2
        pop     ZL
.endif
        rjmp    2b
3:      DONE    \bits
GC_END gc_k_dense8_ternary_runs_\bits
.endm
        RUNS    16
        RUNS    24

GC_FUNCTION gc_k_dense8_unsummed
        in      XL, GC_SPL
        in      XH, GC_SPH
        adiw    XL, GC_RETURN_ADDRESS + SUM
        clr     r1
        st      X+, r1
        st      X+, r1
        st      X, r1
        sbiw    XL, SUM + 2 - GC_DENSE8_ACCUMULATORS
        jmp     gc_k_dense8_store_at_x
GC_END gc_k_dense8_unsummed
#endif
#endif
