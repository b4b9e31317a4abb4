#include "port.h"

void gc_port_init(void) {}

uint32_t gc_port_timer_cycles(void) {
    return 0; /* a host has no cycles worth telling */
}
