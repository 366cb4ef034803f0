#include "alora_factors.h"

#include <string.h>

#pragma STDC FP_CONTRACT OFF

uint32_t alora_largest_magnitude_bits(const float *values, size_t count) {
  uint32_t largest = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, &values[i], sizeof bits);
    bits &= 0x7fffffffu;
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

uint32_t alora_largest_magnitude_bits_16(const uint16_t *values, size_t count) {
  uint16_t largest = 0;
  for (size_t i = 0; i < count; i++) {
    const uint16_t bits = values[i] & 0x7fffu;
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

float alora_norm(const float *values, size_t count) {
  float sums[8] = {0};
  size_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (size_t lane = 0; lane < 8; lane++) {
      const float square = values[i + lane] * values[i + lane];
      sums[lane] += square;
    }
  float sum = sums[0];
  for (size_t lane = 1; lane < 8; lane++) sum += sums[lane];
  for (; i < count; i++) {
    const float square = values[i] * values[i];
    sum += square;
  }
  return __builtin_sqrtf(sum);
}

void alora_add_squares(const float *x, float *sums, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const float square = x[i] * x[i];
    sums[i] += square;
  }
}

void alora_squares(const float *x, const float *y, size_t count, double *difference, double *size) {
  double d = 0.0, s = 0.0;
  for (size_t i = 0; i < count; i++) {
    const double delta = (double)y[i] - (double)x[i];
    d += delta * delta;
    s += (double)x[i] * (double)x[i];
  }
  *difference = d;
  *size = s;
}

void alora_fit_sums(
    const float *sum, const float *base, const float *expected, const float *found, size_t count, alora_fit *fit) {
  for (size_t i = 0; i < count; i++) {
    const double s = sum[i], update = s - (double)base[i], difference = (double)found[i] - (double)expected[i];
    fit->sum_sum += s * s;
    fit->sum_update += s * update;
    fit->update_update += update * update;
    fit->difference_sum += difference * s;
    fit->difference_update += difference * update;
    fit->difference_difference += difference * difference;
  }
}

size_t alora_scale(float *values, size_t count, double factor) {
  size_t inexact = 0;
  for (size_t i = 0; i < count; i++) {
    const double product = (double)values[i] * factor;
    const float rounded = (float)product;
    inexact += (double)rounded != product;
    values[i] = rounded;
  }
  return inexact;
}
