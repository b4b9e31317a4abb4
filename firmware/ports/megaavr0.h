/* megaAVR 0-series. USART n on its default pins: 3 (PB0 out, PB1 in) is the Curiosity Nano's USB bridge, 1 (PC0,
   PC1) the Xplained Pro's. */
#ifndef GC_PORT_MEGAAVR0_H
#define GC_PORT_MEGAAVR0_H

#include <avr/io.h>

#ifndef F_CPU
#error "F_CPU: the clock in Hz is needed"
#endif
#ifndef GC_USART
#define GC_USART 3
#endif

#define GC_JOIN_(a, b) a##b
#define GC_JOIN(a, b) GC_JOIN_(a, b)
#define GC_UART GC_JOIN(USART, GC_USART)

static inline uint8_t gc_port_get(void) {
    while (!(GC_UART.STATUS & USART_RXCIF_bm)) {
    }
    return GC_UART.RXDATAL;
}

static inline void gc_port_put(uint8_t byte) {
    while (!(GC_UART.STATUS & USART_DREIF_bm)) {
    }
    GC_UART.TXDATAL = byte;
}

static inline uint8_t gc_port_flash(uint16_t address) {
    return *(const volatile uint8_t *)(address + MAPPED_PROGMEM_START);
}

/* TCB0 counts every cycle and wraps at 65,536; TCA0 counts every 1,024th, its overflows are counted by an interrupt
   (one in 67 million cycles). Together they give 32 bits without an interrupt in an ordinary inference. TCB0 is
   started last and stopped first. */
static inline void gc_port_timer_start(void) {
    extern volatile uint8_t gc_port_overflows;
    gc_port_overflows = 0;
    TCB0.CNT = 0;
    TCA0.SINGLE.CNT = 0;
    TCA0.SINGLE.CTRLA = TCA_SINGLE_CLKSEL_DIV1024_gc | TCA_SINGLE_ENABLE_bm;
    TCB0.CTRLA = TCB_CLKSEL_CLKDIV1_gc | TCB_ENABLE_bm;
}

static inline void gc_port_timer_stop(void) {
    TCB0.CTRLA = 0;
    TCA0.SINGLE.CTRLA = 0;
}

#endif
