/* Classic megaAVR (ATmega328P, 168P, 1284P, 2560): USART0, 16-bit timer 1. */
#ifndef GC_PORT_CLASSIC_H
#define GC_PORT_CLASSIC_H

#include <avr/io.h>
#include <avr/pgmspace.h>

#ifndef F_CPU
#error "F_CPU: the clock in Hz is needed"
#endif

static inline uint8_t gc_port_get(void) {
    while (!(UCSR0A & _BV(RXC0))) {
    }
    return UDR0;
}

static inline void gc_port_put(uint8_t byte) {
    while (!(UCSR0A & _BV(UDRE0))) {
    }
    UDR0 = byte;
}

static inline uint8_t gc_port_flash(uint16_t address) {
    return pgm_read_byte(address);
}

/* Timer 1 counts every cycle; an interrupt counts its overflows, and its own cycles are taken off again. */
static inline void gc_port_timer_start(void) {
    extern volatile uint16_t gc_port_overflows;
    gc_port_overflows = 0;
    TCNT1 = 0;
    TIFR1 = _BV(TOV1);
    TCCR1B = _BV(CS10);
}

static inline void gc_port_timer_stop(void) {
    TCCR1B = 0;
}

#endif
