/* Sparse weights: for each output a list of positions and weights, instead of the inner loops of gc_dense8_rows.S.
 *
 *     for each output, as often as the layer's `rows` says:
 *         number of positive weights; for each: distance from the one before (from the input's beginning), weight
 *         number of negative weights; for each: distance, -weight
 *
 * A list has up to 255 entries; a distance over 255 takes entries of weight 0. Constant time: 16.5 cycles an entry.
 *
 *   entry  Z this piece, r1:r0 the stream, X the input, r25:r24 the layer's `rows`, r2 = 0
 *   exit   Z the first bias, the sums in the caller's frame, r1 = 0
 *
 *   r10:r9:r8  sum          r24  entries left, by two     X, Z  input and entries
 *   r25  distance, input    r2   zero                     Y     where the sum goes
 *   r15:r14  the input's beginning     r17  outputs left     r16, r13  rounds of lists, rounds left
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#if defined __AVR__ && !defined GC_PORTABLE
#include "gc_dense8_asm.h"

.macro ENTRY add, adc
        lpm     r25, Z+                 ; 3  distance
        add     XL, r25                 ; 1
        adc     XH, r2                  ; 1
        ld      r25, X                  ; 2
        lpm     r0, Z+                  ; 3  weight
        mul     r0, r25                 ; 2
        \add    r8, r0                  ; 1
        \adc    r9, r1                  ; 1
        \adc    r10, r2                 ; 1
.endm

.macro LIST add, adc
        movw    XL, r14
        lpm     r24, Z+
        lsr     r24                     ; two entries a pass; of an odd number the first pass has one
        brcs    3f
        breq    4f
1:      ENTRY   \add, \adc
2:      ENTRY   \add, \adc
        dec     r24                     ; 1
        brne    1b                      ; 2
        rjmp    4f
3:      inc     r24
        rjmp    2b
4:
.endm

GC_FUNCTION gc_k_dense8_sparse
        movw    ZL, r0
        GC_FRAME YL, YH
        ldd     r17, Y+GC_DENSE8_WIDTH-GC_DENSE8_ACCUMULATORS
        andi    r17, GC_DENSE8_LAST - 1
        movw    r14, XL
        mov     r16, r24
5:      clr     r8
        clr     r9
        clr     r10
        mov     r13, r16
6:      LIST    add, adc
        LIST    sub, sbc
        dec     r13
        breq    7f
        rjmp    6b
7:      st      Y+, r8
        st      Y+, r9
        st      Y+, r10
        dec     r17
        breq    8f
        rjmp    5b
8:      clr     r1
        ret
GC_END gc_k_dense8_sparse

/* Nothing to prepare: no sum is needed. */
GC_FUNCTION gc_k_dense8_none
        ret
GC_END gc_k_dense8_none
#endif
