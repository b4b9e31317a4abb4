#ifndef GC_NETWORK_H
#define GC_NETWORK_H
#include <stdint.h>
#define GC_MODEL_NAME "tiny"
#ifndef GC_MODEL_HASH
#define GC_MODEL_HASH 0x1234abcdUL
#endif
#ifndef GC_INPUT_BYTES
#define GC_INPUT_BYTES 784u
#endif
#define GC_OUTPUT_BYTES 10u
#define GC_CLASSES 10u
uint8_t *gc_input(void);
#ifdef GC_INPUT_PIECE
void gc_feed(void);
void gc_begin(void);
#endif
const uint8_t *gc_output(void);
uint8_t gc_infer(void);
#endif
