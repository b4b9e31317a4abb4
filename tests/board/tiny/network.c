/* Not a network: ten sums over the input, which toolchain code can repeat. The input's memory is overwritten, as a
   network does. */
#include "network.h"

static uint8_t gc_arena[GC_INPUT_BYTES + GC_OUTPUT_BYTES];

uint8_t *gc_input(void) {
    return gc_arena;
}

const uint8_t *gc_output(void) {
    return gc_arena + GC_INPUT_BYTES;
}

__attribute__((noinline)) uint8_t gc_infer(void) {
    uint8_t *output = gc_arena + GC_INPUT_BYTES;
    uint8_t best = 0;
    for (uint8_t k = 0; k < GC_OUTPUT_BYTES; k++) {
        uint8_t sum = k;
        for (uint16_t i = k; i < GC_INPUT_BYTES; i += GC_OUTPUT_BYTES) {
            sum = (uint8_t)(sum * 3u + gc_arena[i]);
        }
        output[k] = sum;
        if (output[k] > output[best]) {
            best = k;
        }
    }
    for (uint16_t i = 0; i < GC_INPUT_BYTES; i++) {
        gc_arena[i] ^= 0xa5;
    }
    return best;
}
