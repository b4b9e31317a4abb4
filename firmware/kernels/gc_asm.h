/* What the assembly kernels share: names of registers, long jumps, the stack pointer.
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

#endif
