// A prototype: exact integer sums within blocks of 32 columns, for quantized weights. docs/performance.md has the results; run.sh
// repeats them. Nothing that ships uses this.
//
// Activations. In each block of 32, scale is the least power of two for which every q = round_to_even(x / scale) has
// |q| <= 4177855, and q = 2^15 high + 2^7 middle + low, digits with 8, 8 and 7 bits and a sign among them. Non-finite x: NaN.
// Block sums. S = sum of q * w is exact in int32 for weights of 4 bits, in any order. With 8 bits, H = sum of high * w and
// L = sum of (2^7 middle + low) * w are exact. All sums over blocks are f32, blocks ascending, from +0:
//   Q4_0   y = fma(d, fma(f32(S), scale, -8 * f32(sum q) * scale), y), w from 0 to 15
//   Q4_K   y = fma(d, f32(S) * scale, y), then y = fma(-m, f32(sum q) * scale, y)
//   Q8_0   y = fma(d, fma(f32(H), 2^15, f32(L)) * scale, y)
#ifndef INTEGER_H
#define INTEGER_H

#include "alora_kernels.h"

// Tokens come in the tiles of alora_tile_count. A tile holds, for each block, rows of one number per token: `digit_words` words
// of digits, high ones first, then scale, the scaled sum of q, and two integers that correct unsigned weights.
#define ROWS_AFTER_DIGITS 4
#define MOST_DIGIT_WORDS 32

#define DECLARE(isa)                                                                                                       \
  void integer_quantize_##isa(alora_type type, const float *x, size_t tokens, size_t columns, int32_t *packed);            \
  void integer_matmul_##isa(alora_type type, const void *weights, size_t rows, size_t columns, size_t first_panel,         \
                            size_t panel_count, const int32_t *x, size_t tokens, float *y, size_t y_stride);
DECLARE(scalar)
DECLARE(avx2)
DECLARE(avx512)
DECLARE(neon)

#endif
