/* From accumulators to output codes: bias, 128 * sum x, shift or multiplier, clamp; exactly as toolchain/ir/operators.py
 * (Requantization) defines it. A relu is a clamp at the zero point and costs nothing.
 *
 *   entry  Y the accumulators, 24 bits each; r7:r6 the stream of biases; r10:r9:r8 128 * sum x; X the output
 *          r17 outputs; r15 factor, r13 bytes; r3:r2 low and r5:r4 high, less the zero point; r14 zero point
 *   exit   r7:r6 the stream behind the biases, X behind the output, r1 = 0
 *
 * The number of cycles depends on the shifts, never on data: each branch of the clamp jumps over one MOV, which takes as long.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#if defined __AVR__ && !defined GC_PORTABLE
#include "gc_asm.h"

/* r22:r21:r20 = the next accumulator + its bias + 128 * sum x. 24 cycles. */
.macro ACCUMULATOR
        ld      r20, Y+
        ld      r21, Y+
        ld      r22, Y+
        lpm     r0, Z+                  ; leaves the carry alone
        add     r20, r0
        lpm     r0, Z+
        adc     r21, r0
        lpm     r0, Z+
        adc     r22, r0
        add     r20, r8
        adc     r21, r9
        adc     r22, r10
.endm

/* Z the stream; r6 zero, while r1 holds products; the bytes that go on above low and high. */
.macro BEGIN above_low, above_high
        movw    ZL, r6
        clr     r6
        GC_SIGN \above_low, r3
        GC_SIGN \above_high, r5
.endm

/* One shift for all outputs, of at least 1, the rounding term in the bias. 57 cycles an output, 7 more for each byte.
 * a >> 8 * bytes + bits, with bits from 1 to 8, is (a * 2^(8 - bits) >> 8) >> 8 * bytes: a multiplication shifts in one go. */
GC_FUNCTION gc_k_dense8_finish_shift
        BEGIN   r11, r12
        mov     r18, r15                ; 2^(8 - bits), where MULSU takes it
1:      ACCUMULATOR
        mul     r20, r18                ; r22:r21:r20 * factor >> 8
        mov     r20, r1
        mul     r21, r18
        mov     r21, r1
        add     r20, r0
        adc     r21, r6
        mulsu   r22, r18                ; only the top byte has a sign
        mov     r22, r1
        add     r21, r0
        adc     r22, r6
        mov     r24, r13                ; and down by whole bytes
        rjmp    3f
2:      mov     r20, r21
        mov     r21, r22
        lsl     r22
        sbc     r22, r22
3:      dec     r24
        brpl    2b
        cp      r20, r2                 ; below low: low. The upper bytes may stay as they are: they are not above high's
        cpc     r21, r3
        cpc     r22, r11
        brge    4f
        mov     r20, r2
4:      cp      r4, r20
        cpc     r5, r21
        cpc     r12, r22
        brge    5f
        mov     r20, r4
5:      add     r20, r14
        st      X+, r20
        dec     r17
        brne    1b
        movw    r6, ZL
        clr     r1
        ret
GC_END gc_k_dense8_finish_shift

/* A multiplier (15 bits) and a shift (at least 9) for each output: (a * m >> shift - 1) + 1 >> 1 rounds to nearest.
 * a * m >> 8 fits 32 bits, so the lowest byte of the product is never kept. */
GC_FUNCTION gc_k_dense8_finish_scale
        BEGIN   r7, r23
1:      ACCUMULATOR
        lpm     r18, Z+                 ; r19:r18 multiplier
        lpm     r19, Z+
        lpm     r24, Z+                 ; shift - 9
        mul     r20, r18                ; r16:r13:r12:r11 = a * m >> 8
        mov     r11, r1
        mul     r21, r19
        movw    r12, r0
        mulsu   r22, r19                ; only the top byte of the accumulator has a sign
        add     r13, r0
        mov     r16, r1
        adc     r16, r6
        mulsu   r22, r18
        sbc     r25, r25                ; the sign of that product: MULSU puts it into the carry
        add     r12, r0
        adc     r13, r1
        adc     r16, r25
        mul     r20, r19
        add     r11, r0
        adc     r12, r1
        adc     r13, r6
        adc     r16, r6
        mul     r21, r18
        add     r11, r0
        adc     r12, r1
        adc     r13, r6
        adc     r16, r6
2:      subi    r24, 8                  ; by whole bytes
        brcs    3f
        mov     r11, r12
        mov     r12, r13
        mov     r13, r16
        lsl     r16
        sbc     r16, r16
        rjmp    2b
3:      subi    r24, -8                 ; by the bits that remain
        rjmp    5f
4:      asr     r16
        ror     r13
        ror     r12
        ror     r11
5:      dec     r24
        brpl    4b
        sec                             ; round
        adc     r11, r6
        adc     r12, r6
        adc     r13, r6
        adc     r16, r6
        asr     r16
        ror     r13
        ror     r12
        ror     r11
        cp      r11, r2
        cpc     r12, r3
        cpc     r13, r7
        cpc     r16, r7
        brge    6f
        mov     r11, r2
6:      cp      r4, r11
        cpc     r5, r12
        cpc     r23, r13
        cpc     r23, r16
        brge    7f
        mov     r11, r4
7:      add     r11, r14
        st      X+, r11
        dec     r17
        breq    8f
        rjmp    1b
8:      movw    r6, ZL
        clr     r1
        ret
GC_END gc_k_dense8_finish_scale

/* No code yet: the accumulators are added to sums of 24 bits at X, where more will be added. 30 cycles an output. */
GC_FUNCTION gc_k_dense8_finish_add
1:      ld      r20, Y+
        ld      r21, Y+
        ld      r22, Y+
        add     r20, r8
        adc     r21, r9
        adc     r22, r10
        .irp    r, 20, 21, 22
        ld      r0, X                   ; leaves the carry alone, as does ST
        .if     \r == 20
        add     r\r, r0
        .else
        adc     r\r, r0
        .endif
        st      X+, r\r
        .endr
        dec     r17
        brne    1b
        ret
GC_END gc_k_dense8_finish_add
#endif
