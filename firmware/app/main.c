/* The evaluation firmware: inferences over the serial line, for as long as there is power. */
#include "../ports/port.h"
#include "link.h"

int main(void) {
    gc_port_init();
    gc_link_init();
    for (;;) {
        gc_link_take(gc_port_get());
    }
}
