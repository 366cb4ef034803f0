#include "shared/exact.h"

#include "alora_convert.h"

#include <string.h>

static inline uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// An f16 is moved into the f32's exponent range by an exact multiplication with 2^112, which normalises subnormals too.
// Infinity and NaN get the full exponent instead.
static inline float widened_f16(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
  const uint32_t magnitude = (uint32_t)(half & 0x7fffu) << 13;
  const uint32_t finite = bits_of(float_of(magnitude) * 0x1p112f);
  const uint32_t special = magnitude | 0x7f800000u;
  return float_of(sign | (magnitude >= 0x0f800000u ? special : finite));
}

// Normal results: add half of the last kept bit (minus one where that bit is even), then shift. Subnormal results:
// adding 0.5 aligns the last kept bit with the f32's last bit, so that the addition itself rounds to even.
static inline uint16_t narrowed_f16(float value) {
  const uint32_t bits = bits_of(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  const uint32_t odd = (magnitude >> 13) & 1u;
  const uint32_t normal = (magnitude - 0x38000000u + 0xfffu + odd) >> 13;
  const uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - 0x3f000000u;
  const uint32_t nan = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  uint32_t half = magnitude < 0x38800000u ? subnormal : normal;
  half = magnitude >= 0x477ff000u ? 0x7c00u : half;
  half = magnitude > 0x7f800000u ? nan : half;
  return (uint16_t)(sign | half);
}

static inline uint16_t narrowed_bf16(float value) {
  const uint32_t bits = bits_of(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t quiet_nan = (bits >> 16) | 64u;
  return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? quiet_nan : rounded);
}

void alora_widen_f16(const uint16_t *restrict source, float *restrict destination, size_t count) {
  for (size_t i = 0; i < count; i++) destination[i] = widened_f16(source[i]);
}

void alora_widen_bf16(const uint16_t *restrict source, float *restrict destination, size_t count) {
  for (size_t i = 0; i < count; i++) destination[i] = float_of((uint32_t)source[i] << 16);
}

void alora_narrow_f16(const float *restrict source, uint16_t *restrict destination, size_t count) {
  for (size_t i = 0; i < count; i++) destination[i] = narrowed_f16(source[i]);
}

void alora_narrow_bf16(const float *restrict source, uint16_t *restrict destination, size_t count) {
  for (size_t i = 0; i < count; i++) destination[i] = narrowed_bf16(source[i]);
}

// Rounds to the nearest integer, ties away from zero; |value| < 2^23. The fraction x - trunc(x) is exact.
static inline int32_t rounded_away(float value) {
  const int32_t truncated = (int32_t)value;
  const float fraction = value - (float)truncated;
  return truncated + (fraction >= 0.5f) - (fraction <= -0.5f);
}

void alora_narrow_q8_0(const float *restrict source, uint8_t *restrict destination, size_t block_count) {
  for (size_t block = 0; block < block_count; block++) {
    const float *x = source + 32 * block;
    uint8_t *out = destination + 34 * block;
    float largest = 0.0f;
    for (size_t i = 0; i < 32; i++) {
      const float magnitude = float_of(bits_of(x[i]) & 0x7fffffffu);
      largest = magnitude > largest ? magnitude : largest;
    }
    const float scale = largest / 127.0f;
    const float inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
    const uint16_t half = narrowed_f16(scale);
    out[0] = (uint8_t)half;
    out[1] = (uint8_t)(half >> 8);
    for (size_t i = 0; i < 32; i++) {
      const float scaled = x[i] * inverse;
      const float bounded = scaled > 127.0f ? 127.0f : (scaled >= -127.0f ? scaled : -127.0f);
      out[2 + i] = (uint8_t)(int8_t)rounded_away(bounded);
    }
  }
}

void alora_mxfp4_block(uint8_t exponent, const uint8_t *restrict nibbles, uint8_t *restrict destination) {
  destination[0] = exponent;
  for (size_t i = 0; i < 8; i++) {  // elements 2i, 2i + 1 and, 16 later, those of byte i + 8
    const uint8_t low = nibbles[i], high = nibbles[i + 8];
    destination[1 + 2 * i] = (uint8_t)((low & 0x0fu) | (uint8_t)(high << 4));
    destination[2 + 2 * i] = (uint8_t)((low >> 4) | (high & 0xf0u));
  }
}
