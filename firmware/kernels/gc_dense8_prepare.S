/* Before the multiplication: the sum of the input, and what else one pass over it can do.
 *
 *   entry  X the input, r5:r4 the layer's fields from `live` on (in flash), r10:r9:r8 = 0, r1 = 0
 *   exit   X where the rows' input begins, r10:r9:r8 the sum, r5:r4 and r1 as before
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#if defined __AVR__ && !defined GC_PORTABLE
#include "gc_dense8_runs.h"

/* Z = live + 1: the first run. r16: the number of runs. r12: room, r13: flip. */
.macro LIVE
        movw    ZL, r4
        GC_LPM_WORD r24, r25
        lpm     r12, Z+
        lpm     r13, Z+
        movw    ZL, r24
        lpm     r16, Z+
.endm

/* The sum alone; the input stays as it is. All of it is one run. Constant time: 4.75 cycles a byte and a little. */
GC_FUNCTION gc_k_dense8_sum
        LIVE
        adiw    ZL, 1
        GC_LPM_WORD r24, r25            ; the number of inputs
        movw    r14, XL
        tst     r24
        breq    2f
1:      ld      r0, X+                  ; first what is not a multiple of 256: 7 cycles each, no carry out of 16 bits
        add     r8, r0
        adc     r9, r1
        dec     r24
        brne    1b
2:      tst     r25
        breq    5f
3:      clr     r18                     ; then 256 at a time: their sum fits 16 bits
        clr     r19
        ldi     r24, 64
4:      .rept   4
        ld      r0, X+                  ; 2
        add     r18, r0                 ; 1
        adc     r19, r1                 ; 1
        .endr
        dec     r24                     ; 1
        brne    4b                      ; 2
        add     r8, r18
        adc     r9, r19
        adc     r10, r1
        dec     r25
        brne    3b
5:      movw    XL, r14
        ret
GC_END gc_k_dense8_sum

/* The live inputs moved together, over the input itself, and their signs flipped. Constant time: 11 cycles a byte. */
GC_FUNCTION gc_k_dense8_copy
        LIVE
        movw    YL, XL                  ; Y: where they go
        movw    r14, XL
1:      lpm     r24, Z+                 ; dead inputs
        add     XL, r24
        adc     XH, r1
        GC_LPM_WORD r24, r25            ; live ones
2:      ld      r0, X+                  ; 2
        eor     r0, r13                 ; 1
        st      Y+, r0                  ; 1
        add     r8, r0                  ; 1
        adc     r9, r1                  ; 1
        adc     r10, r1                 ; 1
        sbiw    r24, 1                  ; 2
        brne    2b                      ; 2
        dec     r16
        brne    1b
        movw    XL, r14
        ret
GC_END gc_k_dense8_copy

/* The input rewritten, in place, as runs of values between zeros:
 *
 *     rows to pass over, number of values, values;  …  rows to pass over, 0
 *
 * A single zero stays as a value: multiplying it costs less than a run. Each gap of two zeros or more pays for its run's two
 * bytes, and so does not move the writing position nearer to the reading position. What nothing pays for is the first run and
 * a new one after every 255 values: `room` bytes before the input are for them. 3.5 cycles a zero, 11 a value, about 40 a run.
 *
 * Neither loop counts: behind each live run of the input two sentinels are written, a zero that ends a run of values and a
 * one that ends the gap. They lie on dead inputs, of which there are at least two, or behind the input.
 *
 *   X  read position          r15:r14  X after the first zero of this gap    T        a run is open
 *   Y  write position         r19:r18  X after the sentinels                 r20      the input byte
 *   Z  the run's number of values      r21  values that the run still takes  r16      live runs left
 *   r13:r12  next live run, in flash   r7:r6  where the result begins */
GC_FUNCTION gc_k_dense8_skip
        LIVE
        movw    YL, XL
        sub     YL, r12
        sbc     YH, r1
        movw    r6, YL
        adiw    XL, 1                   ; as if a gap were under way in which no zero has been read, and
        movw    r14, XL
        adiw    XL, 1                   ; the sentinels before the first live run had been reached
        clt

.Llive: lpm     r24, Z+                 ; dead inputs: neither read nor counted
        add     r14, r24
        adc     r15, r1
        sbiw    XL, 2                   ; back over the sentinels
        add     XL, r24
        adc     XH, r1
        GC_LPM_WORD r24, r25            ; the run's length
        movw    r12, ZL
        movw    ZL, XL
        add     ZL, r24
        adc     ZH, r25
        st      Z+, r1                  ; the sentinels
        ldi     r24, 1
        st      Z+, r24
        movw    r18, ZL
        movw    ZL, r22                 ; the open run, if there is one

.Lgap:  ld      r20, X+                 ; 2  two at a time; what lies behind the sentinels may be read, but no more
        ld      r21, X+                 ; 2
        or      r20, r21                ; 1
        breq    .Lgap                   ; 2
        sbiw    XL, 2
        ld      r20, X+
        tst     r20
        brne    .Lfound
        ld      r20, X+
.Lfound:
        cp      XL, r18
        cpc     XH, r19
        breq    .Lend
        movw    r24, XL                 ; r25:r24: how many zeros
        sub     r24, r14
        sbc     r25, r15
        brtc    .Lopen

.Lclose:
        GC_RUN_CLOSE
.Lopen: set
1:      tst     r25
        breq    2f
        dec     r25
        GC_RUN_FAR r21
        rjmp    1b
2:      st      Y+, r24
        movw    ZL, YL
        movw    r22, ZL
        st      Y+, r1                  ; no values yet
        tst     r16
        breq    .Ldone
        ldi     r21, 255

.Lvalue:
        GC_RUN_VALUE .Lvalue, .Lfull
        movw    r14, XL
        ld      r20, X+
        tst     r20
        breq    .Lgap
        cp      XL, r18
        cpc     XH, r19
        breq    .Lend
        st      Y+, r1                  ; a single zero: a value
        dec     r21
        brne    .Lvalue
        ldi     r24, 0                  ; and the last that this run takes
        ldi     r25, 0
        rjmp    .Lclose

.Lfull: ldi     r24, 255
        st      Z, r24
        clt
        movw    r14, XL                 ; a new gap, no zero read
        sec
        adc     r14, r1
        adc     r15, r1
        rjmp    .Lgap

.Lend:  dec     r16                     ; sentinels, one of which was counted as a zero
        breq    .Llast
        movw    ZL, r12
        rjmp    .Llive
.Llast: movw    r24, XL
        sub     r24, r14
        sbc     r25, r15
        sbiw    r24, 1
        brts    .Lclose
        rjmp    .Lopen
.Ldone: movw    XL, r6
        ret
GC_END gc_k_dense8_skip
#endif
