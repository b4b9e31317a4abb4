#include "port.h"

#include <avr/interrupt.h>

/* Cycles of one overflow interrupt: 4 to enter, 3 for the vector's jmp (2 for rjmp), 24 in the handler below, its reti included. */
#ifdef __AVR_HAVE_JMP_CALL__
#define INTERRUPT_CYCLES 34u
#else
#define INTERRUPT_CYCLES 33u
#endif
#define TIMER_OVERHEAD 2u /* the write that stops the timer */

volatile uint16_t gc_port_overflows;

/* Written out so that its length is known: counting must not be counted. */
ISR(TIMER1_OVF_vect, ISR_NAKED) {
    __asm__ volatile(
        "push r24\n\t"
        "in r24,__SREG__\n\t"
        "push r24\n\t"
        "push r25\n\t"
        "lds r24,gc_port_overflows\n\t"
        "lds r25,gc_port_overflows+1\n\t"
        "adiw r24,1\n\t"
        "sts gc_port_overflows+1,r25\n\t"
        "sts gc_port_overflows,r24\n\t"
        "pop r25\n\t"
        "pop r24\n\t"
        "out __SREG__,r24\n\t"
        "pop r24\n\t"
        "reti\n\t");
}

void gc_port_init(void) {
    UBRR0 = (uint16_t)((F_CPU + 4UL * GC_BAUD) / (8UL * GC_BAUD) - 1UL);
    UCSR0A = _BV(U2X0);
    UCSR0B = _BV(RXEN0) | _BV(TXEN0);
    TCCR1A = 0;
    TIMSK1 = _BV(TOIE1);
    sei();
}

uint32_t gc_port_timer_cycles(void) {
    uint16_t overflows = gc_port_overflows;
    uint32_t counted = (uint32_t)overflows << 16 | TCNT1;
    return counted - (uint32_t)overflows * INTERRUPT_CYCLES - TIMER_OVERHEAD;
}
