/* A program as people write them for NNoM on an AVR: pixels from the serial line, an inference, the digit back. Only the
 * serial line is ours (gc_port_…); everything else is NNoM's interface. */
#include "nnom.h"
#include "weights.h"

#include "port.h"

int main(void)
{
    nnom_model_t *model;

    gc_port_init();
    model = nnom_model_create();
    while (1) {
        for (uint16_t i = 0; i < sizeof(nnom_input_data); i++)
            nnom_input_data[i] = (int8_t)gc_port_get();

        model_run(model);

        uint8_t digit = 0;
        for (uint8_t i = 1; i < sizeof(nnom_output_data); i++) {
            if (nnom_output_data[i] > nnom_output_data[digit])
                digit = i;
        }
        gc_port_put(digit);
    }
}
