/* Writing runs of values between zeros, as gc_k_dense8_skip describes them.
 *
 *   X  read position      Y  write position      Z  the run's number of values
 *   r10:r9:r8  the sum    r20  the byte          r21  how many values may follow
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_DENSE8_RUNS_H
#define GC_DENSE8_RUNS_H

#include "gc_asm.h"

/* A value into the run. On to `value` for the next one, behind this macro at a zero, to `full` if none may follow. */
.macro GC_RUN_VALUE value, full
        st      Y+, r20                 ; 1
        add     r8, r20                 ; 1
        adc     r9, r1                  ; 1
        adc     r10, r1                 ; 1
        dec     r21                     ; 1
        breq    \full                   ; 1
        ld      r20, X+                 ; 2
        tst     r20                     ; 1
        brne    \value                  ; 2
.endm

/* The end of a run: the number of its values is known at last. */
.macro GC_RUN_CLOSE
        mov     r0, YL
        sub     r0, ZL
        dec     r0
        st      Z, r0
.endm

/* More than 255 rows to pass over: 255, and a value of 0 for one more. */
.macro GC_RUN_FAR scratch
        ldi     \scratch, 255
        st      Y+, \scratch
        ldi     \scratch, 1
        st      Y+, \scratch
        st      Y+, r1
.endm

#endif
