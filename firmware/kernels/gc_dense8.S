/* gc_k_dense8: a dense layer in blocks of eight outputs. See gc_dense8.h for the arithmetic and the layout of the weights,
 * gc_dense8_rows.S for the multiplication and gc_dense8_prepare.S and gc_dense8_finish.S for what comes before and after.
 *
 * Constant time for constant-time pieces: no branch depends on data.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#if defined __AVR__ && !defined GC_PORTABLE
#include "gc_dense8_asm.h"

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
        GC_SAVE_REGISTERS
        GC_Y_FROM_SP
        sbiw    YL, FRAME
        GC_SP_FROM_Y
        GC_STD_WORD Y+OUTPUT, r22, r23

        movw    XL, r24
        movw    ZL, r20
        GC_LPM_WORD r24, r25            ; prepare
        movw    r4, ZL                  ; what it needs follows: live, room, flip
        movw    ZL, r24
        clr     r8                      ; the sum, r10:r9:r8
        clr     r9
        clr     r10
        icall                           ; X: where the rows' input begins
        GC_Y_FROM_SP
        GC_STD_WORD Y+INPUT, XL, XH
        lsr     r10                     ; 128 * sum: a byte up, a bit down
        ror     r9
        ror     r8
        mov     r0, r1
        ror     r0
        GC_STD_WORD Y+SUM, r0, r8
        std     Y+SUM+2, r9
        std     Y+SUM+3, r10

        movw    ZL, r4
        adiw    ZL, 4                   ; finish, factor, bytes, low, high, zero_point
        GC_STD_WORD Y+LAYER, ZL, ZH
        adiw    ZL, 9
        GC_LPM_WORD r24, r25
        GC_STD_WORD Y+COUNT, r24, r25

.Lpart: lpm     r24, Z+                 ; Z: the part
        std     Y+BLOCKS, r24
        lpm     r24, Z+
        std     Y+WIDTH, r24
        GC_LPM_WORD r6, r7              ; r7:r6: the stream
        GC_LPM_WORD r24, r25
        GC_STD_WORD Y+ROWS, r24, r25
        GC_STD_WORD Y+PART, ZL, ZH

.Lblock:
        movw    r0, r6                  ; the stream; rows take it there
        GC_LDD_WORD XL, XH, Y+INPUT
        GC_LDD_WORD r24, r25, Y+COUNT
        GC_LDD_WORD ZL, ZH, Y+ROWS
        clr     r2                      ; all accumulators: r2–r23 and Y
        clr     r3
        .irp    r, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 28
        movw    r\r, r2
        .endr
        icall                           ; Z: the biases of the block
        GC_Y_FROM_SP
        movw    r6, ZL
        GC_LDD_WORD r8, r9, Y+SUM
        ldd     r10, Y+SUM+2
        GC_LDD_WORD XL, XH, Y+OUTPUT
        ldd     r17, Y+WIDTH
        andi    r17, GC_DENSE8_LAST - 1
        GC_LDD_WORD ZL, ZH, Y+LAYER
        GC_LPM_WORD r24, r25            ; finish
        GC_FINISH_FIELDS
        movw    ZL, r24
        adiw    YL, ACCUMULATORS
        icall                           ; r7:r6: the next block's stream
        GC_Y_FROM_SP
        GC_STD_WORD Y+OUTPUT, XL, XH
        ldd     r24, Y+BLOCKS
        dec     r24
        std     Y+BLOCKS, r24
        brne    .Lblock
        GC_LDD_WORD ZL, ZH, Y+PART
        ldd     r24, Y+WIDTH
        sbrs    r24, 7
        rjmp    .Lpart

        adiw    YL, FRAME
        GC_SP_FROM_Y
        GC_RESTORE_REGISTERS
        ret
GC_END gc_k_dense8
#endif
