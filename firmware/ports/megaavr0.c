#include "port.h"

#include <avr/interrupt.h>

/* Cycles between the two writes that start and stop TCB0 which are not the call's: the second write itself. */
#define TIMER_OVERHEAD 2u

volatile uint8_t gc_port_overflows; /* of TCA0 */

ISR(TCA0_OVF_vect) {
    TCA0.SINGLE.INTFLAGS = TCA_SINGLE_OVF_bm;
    gc_port_overflows++;
}

void gc_port_init(void) {
    _PROTECTED_WRITE(CLKCTRL.MCLKCTRLB, 0); /* the main prescaler divides by 6 out of reset */
#if GC_USART == 3
    PORTB.DIRSET = PIN0_bm;
#elif GC_USART == 2
    PORTF.DIRSET = PIN0_bm;
#elif GC_USART == 1
    PORTC.DIRSET = PIN0_bm;
#else
    PORTA.DIRSET = PIN0_bm;
#endif
    GC_UART.BAUD = (uint16_t)((4UL * F_CPU + GC_BAUD / 2) / GC_BAUD);
    GC_UART.CTRLB = USART_RXEN_bm | USART_TXEN_bm;
    TCB0.CCMP = 0xffff;
    TCA0.SINGLE.INTCTRL = TCA_SINGLE_OVF_bm;
    sei();
}

uint32_t gc_port_timer_cycles(void) {
    uint16_t fine = TCB0.CNT - TIMER_OVERHEAD;
    uint32_t coarse = ((uint32_t)gc_port_overflows << 16 | TCA0.SINGLE.CNT) << 10;
    /* The prescaler's phase makes coarse wrong by up to 1,024 either way: take the value nearest to it that ends in
       fine. */
    return fine + ((coarse - fine + 0x8000UL) & 0xffff0000UL);
}
