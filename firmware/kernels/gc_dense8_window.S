/* In place of gc_k_dense8_skip: the values between zeros of a window of a picture, which stays as it is.
 *
 *   entry  X a struct gc_patch, r10:r9:r8 = 0, r1 = 0
 *   exit   X the runs, as gc_k_dense8_skip describes them, r10:r9:r8 the sum, r5:r4 and r1 as before
 *
 * Bytes outside are zeros that nobody reads. A run ends with its row at the latest, so that a row of at most 255 bytes never
 * overfills it. Of n values in a row with n zeros none needs more than 3 bytes: a window of rows of n bytes takes at most
 * 3 * (n + 1) / 2 bytes a row, and two at the end. 7 cycles a zero, 11 a value, about 30 a run and 30 a row.
 *
 *   X  read position         r15:r14  where X would be if there were no zeros since the last value
 *   Y  write position        r25:r24  zeros
 *   Z  the run's number of values        r20  the byte       r21  bytes left in this row
 *   r7:r6 step   r12 inside   r13 outside   r16 rows left    r19:r18 after   r23:r22 the runs
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#if defined __AVR__ && !defined GC_PORTABLE
#include "gc_dense8_runs.h"
#include "gc_patches.h"

GC_FUNCTION gc_k_dense8_window
        movw    YL, XL
        GC_LDD_WORD r14, r15, Y+GC_PATCH_BEFORE
        GC_LDD_WORD r18, r19, Y+GC_PATCH_AFTER
        GC_LDD_WORD r6, r7, Y+GC_PATCH_STEP
        ldd     r12, Y+GC_PATCH_INSIDE
        ldd     r13, Y+GC_PATCH_OUTSIDE
        ldd     r16, Y+GC_PATCH_ROWS
        GC_LDD_WORD XL, XH, Y+GC_PATCH_PIXELS
        GC_LDD_WORD r0, YH, Y+GC_PATCH_VALUES
        mov     YL, r0
        movw    r22, YL
        movw    r24, XL                 ; r15:r14 = X - before
        sub     r24, r14
        sbc     r25, r15
        movw    r14, r24
        tst     r16
        breq    .Lend

.Lrow:  mov     r21, r12
.Lgap:  ld      r20, X+                 ; 2
        tst     r20                     ; 1
        brne    .Lopen                  ; 1
        dec     r21                     ; 1
        brne    .Lgap                   ; 2
        rjmp    .Lnext

.Lopen: movw    r24, XL                 ; X is one further
        sub     r24, r14
        sbc     r25, r15
        sbiw    r24, 1
        tst     r25
        brne    .Lfar
1:      st      Y+, r24
        movw    ZL, YL
        adiw    YL, 1
.Lvalue:
        GC_RUN_VALUE .Lvalue, .Lfull
        movw    r14, XL                 ; one zero has been read
        sec
        sbc     r14, r1
        sbc     r15, r1
        GC_RUN_CLOSE
        dec     r21
        brne    .Lgap
        rjmp    .Lnext

.Lfull: movw    r14, XL
        GC_RUN_CLOSE
.Lnext: dec     r16
        breq    .Lend
        add     XL, r6
        adc     XH, r7
        add     r14, r6                 ; the step is no gap, but what lies outside is
        adc     r15, r7
        sub     r14, r13
        sbc     r15, r1
        rjmp    .Lrow

.Lfar:  ldi     r17, 255                ; more than 255 rows to pass over: 255, and a value of 0 for one more
2:      st      Y+, r17
        ldi     r17, 1
        st      Y+, r17
        st      Y+, r1
        ldi     r17, 255
        dec     r25
        brne    2b
        rjmp    1b

.Lend:  movw    r24, XL                 ; what is left of the window
        sub     r24, r14
        sbc     r25, r15
        add     r24, r18
        adc     r25, r19
3:      tst     r25
        breq    4f
        GC_RUN_FAR r17
        dec     r25
        rjmp    3b
4:      st      Y+, r24
        st      Y+, r1
        movw    XL, r22
        ret
GC_END gc_k_dense8_window
#endif
