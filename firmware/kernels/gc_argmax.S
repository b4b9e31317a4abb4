/* uint8_t gc_k_argmax(const uint8_t *x, uint8_t count, uint8_t flip)
 *                     r25:r24           r22            r20
 *
 * Constant time: each branch jumps over one MOV, which takes as long. MOV leaves the comparison's flags alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#if defined __AVR__ && !defined GC_PORTABLE
#include "gc_asm.h"

GC_FUNCTION gc_k_argmax
        movw    XL, r24
        ldi     r24, 0                  ; the answer so far
        ldi     r25, 0                  ; the index
        ld      r18, X                  ; the greatest so far
        eor     r18, r20
1:      ld      r19, X+                 ; 2   14 cycles a byte
        eor     r19, r20                ; 1
        cp      r18, r19                ; 1
        brsh    2f                      ; 2 | 1
        mov     r18, r19                ;   | 1
2:      brsh    3f                      ; 2 | 1
        mov     r24, r25                ;   | 1
3:      inc     r25                     ; 1
        cp      r25, r22                ; 1
        brne    1b                      ; 2
        ret
GC_END gc_k_argmax
#endif
