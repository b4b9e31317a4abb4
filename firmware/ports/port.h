/* What the application needs of a chip. One pair of files a family; the compiler's target picks it. */
#ifndef GC_PORT_H
#define GC_PORT_H

#include <stdint.h>

/* Clock, serial line, timers; called once, before anything else. */
void gc_port_init(void);

/* Waits for the next byte of the serial line. */
static inline uint8_t gc_port_get(void);

/* Waits until the serial line takes one more byte. */
static inline void gc_port_put(uint8_t byte);

/* Starts the cycle counter at nought. */
static inline void gc_port_timer_start(void);

/* Stops it. What lies between the two is counted exactly, and up to 2^32 - 1 cycles; gc_port_timer_cycles() tells. */
static inline void gc_port_timer_stop(void);

/* Clock cycles between start and stop, less those of starting and stopping. */
uint32_t gc_port_timer_cycles(void);

/* One byte of program memory. */
static inline uint8_t gc_port_flash(uint16_t address);

#ifndef GC_BAUD
#include "../app/link_protocol.h"
#define GC_BAUD GC_LINK_BAUD
#endif

#if !defined(__AVR__)
#include "host.h"
#elif __AVR_ARCH__ == 103
#include "megaavr0.h"
#else
#include "classic.h"
#endif

#endif
