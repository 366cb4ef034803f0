// What the quantizers of block formats share. They compute what ggml computes without importance matrix (`ggml_quantize_chunk`), when it is
// compiled without contraction: its formulas and its order of operations, each rounded to f32.
#ifndef ALORA_QUANTIZE_H
#define ALORA_QUANTIZE_H

#include "../shared/exact.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../include/alora_convert.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

// Blocks below this magnitude are zero for the searches of ggml (`GROUP_MAX_EPS`).
#define LEAST_MAGNITUDE 1e-15f

// The nearest integer, ties to even, for magnitudes up to 2^22; of others, what ggml's `nearest_int` makes of their bits, as the result gets
// into the files. NaN gives 0, and infinity -2^22.
ALWAYS_INLINE int32_t nearest(float value) {
  const float moved = value + 12582912.0f;
  int32_t bits;
  memcpy(&bits, &moved, sizeof bits);
  return (bits & 0x007fffff) - 0x00400000;
}

ALWAYS_INLINE int32_t clamped(int32_t value, int32_t low, int32_t high) {
  value = value > low ? value : low;
  return value < high ? value : high;
}

// Writes an f16 and returns its value.
static inline float put_f16(uint8_t *out, float value) {
  uint16_t half;
  alora_narrow_f16(&value, &half, 1);
  out[0] = (uint8_t)half;
  out[1] = (uint8_t)(half >> 8);
  alora_widen_f16(&half, &value, 1);
  return value;
}

// One block each: 256 elements.
void alora_quantize_q2_k(const float *restrict x, uint8_t *restrict block);
void alora_quantize_q3_k(const float *restrict x, uint8_t *restrict block);
void alora_quantize_q4_k(const float *restrict x, uint8_t *restrict block);
void alora_quantize_q5_k(const float *restrict x, uint8_t *restrict block);
void alora_quantize_q6_k(const float *restrict x, uint8_t *restrict block);
void alora_quantize_iq4_xs(const float *restrict x, uint8_t *restrict block);
// Any number of blocks of 32 elements.
void alora_quantize_iq4_nl(const float *restrict x, uint8_t *restrict blocks, size_t count);

#endif
