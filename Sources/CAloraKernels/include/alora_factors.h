// What conversion does to the factors of an adapter besides changing their element type.
#ifndef ALORA_FACTORS_H
#define ALORA_FACTORS_H

#include <stddef.h>
#include <stdint.h>

// The bits of the largest magnitude among `count` values: 0 for none, 0x7f800000 or more where one is infinite or NaN.
uint32_t alora_largest_magnitude_bits(const float *values, size_t count);
// The same for elements of 16 bits (f16, bf16), as those 16 bits without the sign.
uint32_t alora_largest_magnitude_bits_16(const uint16_t *values, size_t count);

// values[i] = values[i] * factor, computed in double precision and rounded once to f32 (for a factor with at most 29
// significant bits the double product is exact). Returns how many results are not the exact double product.
size_t alora_scale(float *values, size_t count, double factor);

// The square root of the sum of squares. Eight sums, of every eighth element each, take turns: a square and a sum, each
// rounded; then the eight in order, then the elements after the last whole group. torch's `linalg.norm` has this order on
// CPUs with AVX2 (measured with 2.13.0).
float alora_norm(const float *values, size_t count);
// The same of each column, whose squares are added row by row: sums[j] += x[j] * x[j], a square and a sum, each rounded.
void alora_add_squares(const float *x, float *sums, size_t count);
// In double precision, the sum of (y[i] - x[i])^2 and that of x[i]^2.
void alora_squares(const float *x, const float *y, size_t count, double *difference, double *size);

// Sums of products, for a fit of found - expected to a * sum + b * (sum - base). In double precision, in order.
typedef struct alora_fit {
  double sum_sum, sum_update, update_update, difference_sum, difference_update, difference_difference;
} alora_fit;
void alora_fit_sums(
    const float *sum, const float *base, const float *expected, const float *found, size_t count, alora_fit *fit);

#endif
