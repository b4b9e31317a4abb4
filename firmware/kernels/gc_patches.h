/* Convolution as a dense layer over each window: a kernel of gc_dense8.h computes all filters of a window, eight at once. So it
 * takes windows of any length, and weights as bytes, nibbles, ternary digits or lists, in no more flash than a dense layer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GC_PATCHES_H
#define GC_PATCHES_H

/* Where in a struct gc_patch the assembly finds things. */
#define GC_PATCH_PIXELS 0
#define GC_PATCH_VALUES 2
#define GC_PATCH_BEFORE 4
#define GC_PATCH_AFTER 6
#define GC_PATCH_STEP 8
#define GC_PATCH_INSIDE 10
#define GC_PATCH_OUTSIDE 12
#define GC_PATCH_ROWS 14
#define GC_PATCH_BYTES 16

#ifndef __ASSEMBLER__
#include "gc_dense8.h"

/* One window: `rows` of its rows have pixels inside of the picture, each `inside` bytes of them. */
struct gc_patch {
    const uint8_t *pixels;  /* the first inside */
    uint8_t *values;        /* where the window's values go */
    uint16_t before, after; /* bytes outside, before the first pixel and behind the last */
    uint16_t step;          /* from the last byte inside of one row to the first of the next */
    uint16_t inside;        /* bytes of one row */
    uint16_t outside;       /* bytes from there to the next row's first pixel that are outside */
    uint16_t rows;
};

/* A sequence is a picture of one row. At least one pixel of every window is inside. */
struct gc_patches {
    uint16_t rows, columns;           /* of the picture */
    uint16_t pitch, pixel;            /* bytes of its rows and of its pixels */
    uint16_t whole;                   /* bytes of a window's rows */
    uint8_t kernel_rows, kernel_columns, stride_down, stride_right;
    uint8_t top, left;                /* pixels of padding */
    uint16_t output_rows, output_columns;
    uint16_t filters;
    uint8_t pool;                     /* side of the square of windows of which the largest counts; 1: none */
    uint8_t order;                    /* 0x80 for signed outputs: flipped so, their order is that of unsigned bytes */
    uint8_t pad;                      /* what stands for a pixel outside */
    uint8_t before;                   /* bytes that the dense layer needs before the window */
    const GC_FLASH struct gc_dense8 *layer;
};

/* y[...] = for each window, or the largest over each square of windows, what the dense layer makes of it. gc_k_patches copies
 * the window first; gc_k_patches_runs leaves that to gc_k_dense8_window, which skips zeros. patch: one output pixel if windows
 * are pooled, `before` bytes, the window, and what the dense layer needs behind it. */
#if defined __AVR__ && !defined GC_PORTABLE
#define GC_PATCHES(kernel, x, y, patch, layer) gc_k_patches(x, y, patch, layer)
#define GC_PATCHES_RUNS(kernel, x, y, patch, layer) gc_k_patches_runs(x, y, patch, layer)
void gc_k_patches(const uint8_t *x, uint8_t *y, uint8_t *patch, const GC_FLASH struct gc_patches *layer);
void gc_k_patches_runs(const uint8_t *x, uint8_t *y, uint8_t *patch, const GC_FLASH struct gc_patches *layer);
#else
#define GC_PATCHES(kernel, x, y, patch, layer) gc_k_patches(x, y, patch, layer, kernel)
#define GC_PATCHES_RUNS(kernel, x, y, patch, layer) gc_k_patches(x, y, patch, layer, kernel)
typedef void gc_patch_kernel_t(uint8_t *x, uint8_t *y, const GC_FLASH struct gc_dense8 *layer);
void gc_k_patches(const uint8_t *x, uint8_t *y, uint8_t *patch, const GC_FLASH struct gc_patches *layer,
                  gc_patch_kernel_t *kernel);
#endif
#endif

#endif
