/* Convolution as a dense layer over each window: the walk over the windows. SPDX-License-Identifier: Apache-2.0 */
#include "gc_patches.h"

/* How many of a window's rows or columns lie before, inside and behind the picture. */
struct span {
    uint16_t before, inside, after;
};

static struct span span(int16_t first, uint16_t kernel, uint16_t dilation, uint16_t extent)
{
    struct span found = {0, 0, 0};
    for (; kernel; kernel--, first += (int16_t)dilation) {
        if (first < 0)
            found.before++;
        else if ((uint16_t)first < extent)
            found.inside++;
        else
            found.after++;
    }
    return found;
}

/* The window that begins at (row, column), which may lie outside. */
static void locate(struct gc_patch *patch, const uint8_t *x, int16_t row, int16_t column, const struct span *down,
                   const GC_FLASH struct gc_windows *at)
{
    const struct span across = span(column, at->kernel_columns, at->dilation_right, at->columns);
    const uint16_t channels = at->channels, pitch = at->columns * channels, whole = at->kernel_columns * channels;
    row += (int16_t)(down->before * at->dilation_down);
    column += (int16_t)(across.before * at->dilation_right);
    patch->rows = across.inside ? down->inside : 0;
    if (patch->rows)
        patch->pixels = x + (uint16_t)((uint16_t)row * pitch + (uint16_t)column * channels);
    patch->inside = across.inside * channels;
    patch->outside = whole - patch->inside;
    patch->step = (int16_t)(pitch * at->dilation_down - patch->inside * at->dilation_right);
    patch->before = patch->rows ? down->before * whole + across.before * channels : at->kernel_rows * whole;
    patch->after = patch->rows ? down->after * whole + across.after * channels : 0;
}

/* The greater of two output pixels, channel by channel. */
static void larger(uint8_t *y, const uint8_t *other, uint16_t count, uint8_t order)
{
    for (; count; count--, y++, other++)
        if ((uint8_t)(*other ^ order) > (uint8_t)(*y ^ order))
            *y = *other;
}

static uint8_t *filled(uint8_t *to, uint16_t count, uint8_t pad)
{
    for (; count; count--)
        *to++ = pad;
    return to;
}

/* Copies a window; returns where it begins. */
static uint8_t *copied(const struct gc_patch *patch, const GC_FLASH struct gc_windows *at)
{
    const uint16_t run = at->dilation_right > 1 ? at->channels : patch->inside;
    const uint16_t gap = (at->dilation_right - 1) * at->channels;
    const uint8_t *pixel = patch->pixels, pad = at->pad;
    uint8_t *to = filled(patch->values, patch->before, pad);
    for (uint16_t rows = patch->rows; rows; rows--) {
        const uint8_t *end = to + patch->inside;
        while (to != end) {
            const uint8_t *stop = to + run;
            do
                *to++ = *pixel++;
            while (to != stop);
            pixel += gap;
        }
        pixel += patch->step;
        if (rows > 1)
            to = filled(to, patch->outside, pad);
    }
    filled(to, patch->after, pad);
    return patch->values;
}

/* Defines gc_k_<name>: taken(patch, at) are what the dense layer takes for a window. */
#define GC_WALK(name, taken, dense, ...)                                                                               \
    void gc_k_##name(const uint8_t *x, uint8_t *y, uint8_t *free, const GC_FLASH struct gc_patches *layer __VA_ARGS__) \
    {                                                                                                                  \
        const GC_FLASH struct gc_windows *at = &layer->windows;                                                        \
        const uint16_t pool = at->pool, count = at->pitch, kernel_rows = at->kernel_rows;                              \
        struct gc_patch patch = {.pixels = x};                                                                         \
        patch.values = free + layer->before + (pool > 1 ? count : 0);                                                  \
        int16_t row = (int16_t)-at->top;                                                                               \
        for (uint16_t i = at->output_rows; i; i--) {                                                                   \
            for (uint16_t k = 0; k < pool; k++, row += (int16_t)at->stride_down) {                                     \
                const struct span down = span(row, kernel_rows, at->dilation_down, at->rows);                          \
                int16_t column = (int16_t)-at->left;                                                                   \
                uint8_t *to = y;                                                                                       \
                for (uint16_t j = at->output_columns; j; j--, to += count) {                                           \
                    for (uint16_t l = 0; l < pool; l++, column += (int16_t)at->stride_right) {                         \
                        locate(&patch, x, row, column, &down, at);                                                     \
                        if ((k | l) == 0) {                                                                            \
                            dense(taken(&patch, at), to, layer->layer);                                                \
                        } else {                                                                                       \
                            dense(taken(&patch, at), free, layer->layer);                                              \
                            larger(to, free, count, layer->order);                                                     \
                        }                                                                                              \
                    }                                                                                                  \
                }                                                                                                      \
            }                                                                                                          \
            y += count * at->output_columns;                                                                           \
        }                                                                                                              \
    }

#if defined __AVR__ && !defined GC_PORTABLE
#define ITSELF(patch, at) ((uint8_t *)(patch)) /* for gc_k_dense8_window */
GC_WALK(patches, copied, gc_k_dense8)
GC_WALK(patches_runs, ITSELF, gc_k_dense8)
#else
GC_WALK(patches, copied, kernel, , gc_patch_kernel_t *kernel)
#endif
