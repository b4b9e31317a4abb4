/* gc_k_dense8: a dense layer in blocks of eight outputs. See gc_dense8.h for the arithmetic and the layout of the weights,
 * gc_dense8_rows.S for the multiplication and gc_dense8_prepare.S and gc_dense8_finish.S for what comes before and after.
 *
 * Constant time for constant-time pieces: no branch depends on data.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#if defined __AVR__ && !defined GC_PORTABLE
#include "gc_asm.h"
#include "gc_dense8.h"

/* The frame, from Y + 1. While a block is multiplied every register is taken: everything else waits here. */
#define ACCUMULATORS GC_DENSE8_ACCUMULATORS /* eight, 24 bits each; the rows pieces store them */
#define BLOCKS 25      /* of this part, still to do */
#define WIDTH GC_DENSE8_WIDTH /* outputs a block, and GC_DENSE8_LAST */
#define ROWS 27        /* the part's piece */
#define PART 29        /* the next part, in flash */
#define INPUT 31       /* where the rows' input begins */
#define OUTPUT 33      /* where the next output goes */
#define SUM GC_DENSE8_SUM /* 128 * sum x: 24 bits, and 8 more for pieces that ask */
#define LAYER 39
#define COUNT 41       /* the number of live rows */
#define FRAME 42

/* void gc_k_dense8(uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer)
 *                  r25:r24     r23:r22     r21:r20 */
GC_FUNCTION gc_k_dense8
        .irp    r, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29
        push    r\r
        .endr
        GC_Y_FROM_SP
        sbiw    YL, FRAME
        GC_SP_FROM_Y
        std     Y+OUTPUT, r22
        std     Y+OUTPUT+1, r23

        movw    XL, r24
        movw    ZL, r20
        lpm     r24, Z+                 ; prepare
        lpm     r25, Z+
        movw    r4, ZL                  ; what it needs follows: live, room, flip
        movw    ZL, r24
        clr     r8                      ; the sum, r10:r9:r8
        clr     r9
        clr     r10
        icall                           ; X: where the rows' input begins
        GC_Y_FROM_SP
        std     Y+INPUT, XL
        std     Y+INPUT+1, XH
        lsr     r10                     ; 128 * sum: a byte up, a bit down
        ror     r9
        ror     r8
        mov     r0, r1
        ror     r0
        std     Y+SUM, r0
        std     Y+SUM+1, r8
        std     Y+SUM+2, r9
        std     Y+SUM+3, r10

        movw    ZL, r4
        adiw    ZL, 4                   ; finish, factor, bytes, low, high, zero_point
        std     Y+LAYER, ZL
        std     Y+LAYER+1, ZH
        adiw    ZL, 9
        lpm     r24, Z+
        lpm     r25, Z+
        std     Y+COUNT, r24
        std     Y+COUNT+1, r25

.Lpart: lpm     r24, Z+                 ; Z: the part
        std     Y+BLOCKS, r24
        lpm     r24, Z+
        std     Y+WIDTH, r24
        lpm     r6, Z+                  ; r7:r6: the stream
        lpm     r7, Z+
        lpm     r24, Z+
        lpm     r25, Z+
        std     Y+ROWS, r24
        std     Y+ROWS+1, r25
        std     Y+PART, ZL
        std     Y+PART+1, ZH

.Lblock:
        movw    r0, r6                  ; the stream; rows take it there
        ldd     XL, Y+INPUT
        ldd     XH, Y+INPUT+1
        ldd     r24, Y+COUNT
        ldd     r25, Y+COUNT+1
        ldd     ZL, Y+ROWS
        ldd     ZH, Y+ROWS+1
        clr     r2                      ; all accumulators: r2–r23 and Y
        clr     r3
        .irp    r, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 28
        movw    r\r, r2
        .endr
        icall                           ; Z: the biases of the block
        GC_Y_FROM_SP
        movw    r6, ZL
        ldd     r8, Y+SUM
        ldd     r9, Y+SUM+1
        ldd     r10, Y+SUM+2
        ldd     XL, Y+OUTPUT
        ldd     XH, Y+OUTPUT+1
        ldd     r17, Y+WIDTH
        andi    r17, GC_DENSE8_LAST - 1
        ldd     ZL, Y+LAYER
        ldd     ZH, Y+LAYER+1
        lpm     r24, Z+                 ; finish
        lpm     r25, Z+
        lpm     r15, Z+                 ; factor
        lpm     r13, Z+                 ; bytes
        lpm     r2, Z+                  ; r3:r2 low
        lpm     r3, Z+
        lpm     r4, Z+                  ; r5:r4 high
        lpm     r5, Z+
        lpm     r14, Z+                 ; zero point
        movw    ZL, r24
        adiw    YL, ACCUMULATORS
        icall                           ; r7:r6: the next block's stream
        GC_Y_FROM_SP
        std     Y+OUTPUT, XL
        std     Y+OUTPUT+1, XH
        ldd     r24, Y+BLOCKS
        dec     r24
        std     Y+BLOCKS, r24
        brne    .Lblock
        ldd     ZL, Y+PART
        ldd     ZH, Y+PART+1
        ldd     r24, Y+WIDTH
        sbrs    r24, 7
        rjmp    .Lpart

        adiw    YL, FRAME
        GC_SP_FROM_Y
        .irp    r, 29, 28, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2
        pop     r\r
        .endr
        ret
GC_END gc_k_dense8
#endif
