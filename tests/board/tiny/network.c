/* Not a network: ten sums over the input, which toolchain code can repeat. The input's memory is overwritten, as a
   network does. */
#include "network.h"

#ifdef GC_INPUT_PIECE
#define HELD GC_INPUT_PIECE
#else
#define HELD GC_INPUT_BYTES
#endif

static uint8_t gc_arena[HELD + GC_OUTPUT_BYTES];

uint8_t *gc_input(void) {
    return gc_arena;
}

const uint8_t *gc_output(void) {
    return gc_arena + HELD;
}

static void take(uint16_t first, uint16_t count) {
    uint8_t *output = gc_arena + HELD;
    uint8_t k = (uint8_t)(first % GC_OUTPUT_BYTES);
    for (uint16_t i = 0; i < count; i++) {
        uint8_t sum = first + i < GC_OUTPUT_BYTES ? k : output[k];
        output[k] = (uint8_t)(sum * 3u + gc_arena[i]);
        gc_arena[i] ^= 0xa5;
        k = k + 1u == GC_OUTPUT_BYTES ? 0 : (uint8_t)(k + 1u);
    }
}

#ifdef GC_INPUT_PIECE
static uint16_t gc_taken;

void gc_begin(void) {
    gc_taken = 0;
}

void gc_feed(void) {
    uint16_t left = GC_INPUT_BYTES - gc_taken;
    uint16_t count = left < GC_INPUT_PIECE ? left : GC_INPUT_PIECE;
    take(gc_taken, count);
    gc_taken += count;
}
#endif

__attribute__((noinline)) uint8_t gc_infer(void) {
    uint8_t *output = gc_arena + HELD;
    uint8_t best = 0;
#ifdef GC_INPUT_PIECE
    gc_taken = 0;
#else
    take(0, GC_INPUT_BYTES);
#endif
    for (uint8_t k = 1; k < GC_OUTPUT_BYTES; k++) {
        if (output[k] > output[best]) {
            best = k;
        }
    }
    return best;
}
