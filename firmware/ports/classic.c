#include "port.h"

#include <avr/interrupt.h>

/* Cycles of one overflow interrupt: 4 to enter, 2 for the vector's rjmp (the linker relaxes it), 28 in the handler
   below with its reti; where return addresses have three bytes, 5 to enter and one more to return. */
#ifdef __AVR_3_BYTE_PC__
#define INTERRUPT_CYCLES 36u
#else
#define INTERRUPT_CYCLES 34u
#endif
#define TIMER_OVERHEAD 2u /* the write that stops the timer */

volatile uint16_t gc_port_overflows;

/* Written out so that its length is known: counting must not be counted. (A naked function would do as well, but the
   compiler refuses to tell its stack.) */
#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)
#define VECTOR TEXT(TIMER1_OVF_vect)
__asm__(".section .text.gc_port_overflow,\"ax\",@progbits\n"
        ".global " VECTOR "\n"
        ".type " VECTOR ",@function\n" VECTOR ":\n\t"
        "push r24\n\t"
        "in r24,0x3f\n\t" /* SREG */
        "push r24\n\t"
        "push r25\n\t"
        "lds r24,gc_port_overflows\n\t"
        "lds r25,gc_port_overflows+1\n\t"
        "adiw r24,1\n\t"
        "sts gc_port_overflows+1,r25\n\t"
        "sts gc_port_overflows,r24\n\t"
        "pop r25\n\t"
        "pop r24\n\t"
        "out 0x3f,r24\n\t"
        "pop r24\n\t"
        "reti\n\t"
        ".size " VECTOR ",.-" VECTOR "\n\t"
        ".text\n");

void gc_port_init(void) {
    UBRR0 = (uint16_t)((F_CPU + 4UL * GC_BAUD) / (8UL * GC_BAUD) - 1UL);
    UCSR0A = _BV(U2X0);
    UCSR0B = _BV(RXEN0) | _BV(TXEN0);
    TCCR1A = 0;
    TIMSK1 = _BV(TOIE1);
    sei();
}

uint32_t gc_port_timer_cycles(void) {
    uint16_t interrupts = gc_port_overflows, count = TCNT1;
    uint32_t counted = (uint32_t)interrupts << 16 | count;
    if (interrupts != 0 && count < INTERRUPT_CYCLES / 2) {
        interrupts--; /* it came with the write that stopped the timer, and was served with the timer standing */
    }
    return counted - (uint32_t)interrupts * INTERRUPT_CYCLES - TIMER_OVERHEAD;
}
