/* The serial link: frames in, answers out. See toolchain/board/protocol.py for what goes over the line. */
#ifndef GC_LINK_H
#define GC_LINK_H

#include <stdint.h>

#include "link_protocol.h"

/* Makes the link wait for a frame and a whole input. */
void gc_link_init(void);

/* Takes one byte of the line; after the last byte of a good frame does what the frame asks and sends the answer. */
void gc_link_take(uint8_t byte);

#endif
