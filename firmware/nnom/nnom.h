/* The calls of NNoM that an application makes, for a network of Goldcrest: it stands where NNoM's own header of this name
 * would. The model itself is in the weights.h beside it; docs/nnom.md says what is alike and what is not.
 *
 * Nothing here allocates. A model is one static object, whatever nnom_model_create() is called how often.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NNOM_H
#define NNOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NNOM_MAJORVERSION 0 /* of the interface that this header follows */
#define NNOM_SUBVERSION 4
#define NNOM_REVISION 3
#define NNOM_VERSION (NNOM_MAJORVERSION * 10000 + NNOM_SUBVERSION * 100 + NNOM_REVISION)

typedef enum {
    NN_SUCCESS = 0,
    NN_ARGUMENT_ERROR = -1,
} nnom_status_t;

typedef int8_t q7_t;

typedef struct nnom_model nnom_model_t;

struct nnom_model {
    nnom_status_t (*run)(nnom_model_t *model); /* nnom_input_data to nnom_output_data */
};

/* One inference. */
static inline nnom_status_t model_run(nnom_model_t *model)
{
    return model == NULL ? NN_ARGUMENT_ERROR : model->run(model);
}

/* There is nothing to give back. */
static inline void model_delete(nnom_model_t *model)
{
    (void)model;
}

/* The greatest of the outputs: its index, and its share of the positive ones. */
static inline nnom_status_t nnom_greatest(const int8_t *output, uint16_t count, uint32_t *label, float *share)
{
    int32_t sum = 0;
    uint16_t best = 0;
    for (uint16_t i = 0; i < count; i++) {
        if (output[i] > output[best])
            best = i;
        if (output[i] > 0)
            sum += output[i];
    }
    *label = best;
    *share = sum != 0 && output[best] > 0 ? (float)output[best] / (float)sum : 0;
    return NN_SUCCESS;
}

#endif
