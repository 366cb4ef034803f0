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
