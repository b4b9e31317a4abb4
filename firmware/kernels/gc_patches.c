/* Convolution as a dense layer over each window: the walk over the windows. SPDX-License-Identifier: Apache-2.0 */
#include "gc_patches.h"

static uint8_t *filled(uint8_t *to, uint16_t count, uint8_t pad)
{
    for (; count; count--)
        *to++ = pad;
    return to;
}

/* Copies a window; returns where it begins. */
static uint8_t *copied(const struct gc_patch *patch, uint8_t pad)
{
    const uint8_t *pixel = patch->pixels;
    uint8_t *to = filled(patch->values, patch->before, pad);
    for (uint16_t rows = patch->rows;;) {
        const uint8_t *end = to + patch->inside;
        do
            *to++ = *pixel++;
        while (to != end);
        if (--rows == 0)
            break;
        pixel += patch->step;
        to = filled(to, patch->outside, pad);
    }
    filled(to, patch->after, pad);
    return patch->values;
}

/* The greater of two output pixels, channel by channel. */
static void larger(uint8_t *y, const uint8_t *other, uint16_t count, uint8_t order)
{
    for (; count; count--, y++, other++)
        if ((uint8_t)(*other ^ order) > (uint8_t)(*y ^ order))
            *y = *other;
}

/* Defines gc_k_<name>: taken(patch, pad) is what the dense layer takes for a window. */
#define GC_WALK(name, taken, dense, ...)                                                                               \
    void gc_k_##name(const uint8_t *x, uint8_t *y, uint8_t *free, const GC_FLASH struct gc_patches *at __VA_ARGS__)    \
    {                                                                                                                  \
        struct gc_patch patch;                                                                                         \
        const uint16_t pixel = at->pixel, whole = at->whole;                                                           \
        int16_t row = -(int16_t)at->top;                                                                               \
        patch.values = free + at->before + (at->pool > 1 ? at->filters : 0);                                           \
        for (uint16_t i = at->output_rows; i; i--) {                                                                   \
            uint8_t *first = y;                                                                                        \
            for (uint8_t k = 0; k < at->pool; k++, row += at->stride_down) {                                           \
                const uint8_t *line = x;                                                                               \
                uint16_t before = 0, after = 0;                                                                        \
                int16_t over = row + (int16_t)(at->kernel_rows - at->rows), column = -(int16_t)at->left;               \
                patch.rows = at->kernel_rows;                                                                          \
                if (row < 0) {                                                                                         \
                    patch.rows -= (uint16_t)-row;                                                                      \
                    before = (uint16_t)-row * whole;                                                                   \
                } else {                                                                                               \
                    line += (uint16_t)row * at->pitch;                                                                 \
                }                                                                                                      \
                if (over > 0) {                                                                                        \
                    patch.rows -= (uint16_t)over;                                                                      \
                    after = (uint16_t)over * whole;                                                                    \
                }                                                                                                      \
                y = first;                                                                                             \
                for (uint16_t j = at->output_columns; j; j--, y += at->filters) {                                      \
                    for (uint8_t l = 0; l < at->pool; l++, column += at->stride_right) {                               \
                        patch.pixels = line;                                                                           \
                        patch.before = before;                                                                         \
                        patch.after = after;                                                                           \
                        patch.outside = 0;                                                                             \
                        over = column + (int16_t)(at->kernel_columns - at->columns);                                   \
                        if (column < 0) {                                                                              \
                            patch.outside = (uint16_t)-column * pixel;                                                 \
                            patch.before += patch.outside;                                                             \
                        } else {                                                                                       \
                            patch.pixels += (uint16_t)column * pixel;                                                  \
                        }                                                                                              \
                        if (over > 0) {                                                                                \
                            patch.after += (uint16_t)over * pixel;                                                     \
                            patch.outside += (uint16_t)over * pixel;                                                   \
                        }                                                                                              \
                        patch.inside = whole - patch.outside;                                                          \
                        patch.step = at->pitch - patch.inside;                                                         \
                        if ((k | l) == 0) {                                                                            \
                            dense(taken(&patch, at->pad), y, at->layer);                                               \
                        } else {                                                                                       \
                            dense(taken(&patch, at->pad), free, at->layer);                                            \
                            larger(y, free, at->filters, at->order);                                                   \
                        }                                                                                              \
                    }                                                                                                  \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

#if defined __AVR__ && !defined GC_PORTABLE
#define ITSELF(patch, pad) ((uint8_t *)(patch)) /* for gc_k_dense8_window */
GC_WALK(patches, copied, gc_k_dense8)
GC_WALK(patches_runs, ITSELF, gc_k_dense8)
#else
GC_WALK(patches, copied, kernel, , gc_patch_kernel_t *kernel)
#endif
