/* The network on the host: inputs of GC_INPUT_BYTES on standard input, for each GC_OUTPUT_BYTES and the class on
   standard output. Exit status 1: the last input was cut short, or the output could not be written. */
#include <stdio.h>

#include "network.h"

int main(void) {
    for (;;) {
#ifdef GC_INPUT_PIECE
        size_t got = 0, read = 1;
        while (read != 0 && got != GC_INPUT_BYTES) {
            size_t left = GC_INPUT_BYTES - got;
            read = fread(gc_input(), 1, left < GC_INPUT_PIECE ? left : GC_INPUT_PIECE, stdin);
            got += read;
            if (read != 0) {
                gc_feed();
            }
        }
#else
        size_t got = fread(gc_input(), 1, GC_INPUT_BYTES, stdin);
#endif
        if (got == 0 && !ferror(stdin)) {
            return fflush(stdout) == 0 ? 0 : 1;
        }
        if (got != GC_INPUT_BYTES) {
            fputs("the last input is cut short\n", stderr);
            return 1;
        }
        uint8_t class_ = gc_infer();
        if (fwrite(gc_output(), 1, GC_OUTPUT_BYTES, stdout) != GC_OUTPUT_BYTES || putchar(class_) == EOF) {
            return 1;
        }
    }
}
