/* What the assembly kernels share: names of registers, functions, the stack pointer, numbers of two bytes.
 *
 * Conventions of avr-gcc: arguments in r25:r24, r23:r22, r21:r20; r1 is zero; r2–r17 and Y must be preserved.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_ASM_H
#define GC_ASM_H

#define XL r26
#define XH r27
#define YL r28
#define YH r29
#define ZL r30
#define ZH r31
#define GC_SPL 0x3d
#define GC_SPH 0x3e
#define GC_SREG 0x3f

#ifdef __AVR_3_BYTE_PC__
#define GC_RETURN_ADDRESS 3 /* bytes that a call leaves on the stack */
#else
#define GC_RETURN_ADDRESS 2
#endif

/* A function in a section of its own: what nobody names is not linked. */
.macro GC_FUNCTION name
        .section .text.\name, "ax", @progbits
        .global \name
        .type   \name, @function
\name:
.endm

.macro GC_END name
        .size   \name, . - \name
.endm

/* SP = Y. Writing SPL holds interrupts off for four instructions on AVRxt cores; the classic core needs it done by hand. */
.macro GC_SP_FROM_Y
#ifdef __AVR_XMEGA__
        out     GC_SPL, YL
        out     GC_SPH, YH
#else
        in      r0, GC_SREG
        cli
        out     GC_SPH, YH
        out     GC_SREG, r0
        out     GC_SPL, YL
#endif
.endm

.macro GC_Y_FROM_SP
        in      YL, GC_SPL
        in      YH, GC_SPH
.endm

/* All that a function must preserve, for those that need every register. */
.macro GC_SAVE_REGISTERS
        .irp    r, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29
        push    r\r
        .endr
.endm

.macro GC_RESTORE_REGISTERS
        .irp    r, 29, 28, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2
        pop     r\r
        .endr
.endm

/* Numbers of two bytes, low byte first: from and to memory beside Y, and from flash at Z, which moves on. */
.macro GC_LDD_WORD low, high, place
        ldd     \low, \place
        ldd     \high, \place+1
.endm

.macro GC_STD_WORD place, low, high
        std     \place, \low
        std     \place+1, \high
.endm

.macro GC_LPM_WORD low, high
        lpm     \low, Z+
        lpm     \high, Z+
.endm

/* The byte that goes on above a signed number whose highest byte is `of`: 0 or 255. */
.macro GC_SIGN sign, of
        mov     \sign, \of
        lsl     \sign
        sbc     \sign, \sign
.endm

#endif
