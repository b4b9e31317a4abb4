/* The host as a board: the serial line is standard input and output. For tests of the link without a chip. */
#ifndef GC_PORT_HOST_H
#define GC_PORT_HOST_H

#include <stdio.h>
#include <stdlib.h>

#include "../app/link_protocol.h"

#ifndef F_CPU
#define F_CPU 0UL
#endif

static inline uint8_t gc_port_get(void) {
    int byte = getchar();
    if (byte == EOF) {
        exit(0);
    }
    return (uint8_t)byte;
}

static inline void gc_port_put(uint8_t byte) {
    putchar(byte);
    if (byte == GC_LINK_END) { /* the end of a frame */
        fflush(stdout);
    }
}

static inline uint8_t gc_port_flash(uint16_t address) {
    (void)address;
    return 0xff;
}

static inline void gc_port_timer_start(void) {}
static inline void gc_port_timer_stop(void) {}

#endif
