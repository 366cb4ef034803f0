// Plain widening of ggml's codebook types (IQ1, IQ2, IQ3), its ternary types and NVFP4. Written apart from coded.c, as its yardstick. Every product here is exact: a scale has at most 16 significant bits, an element six.
#include "../shared/exact.h"

#include <string.h>

#include "alora_convert.h"
#include "codebooks.h"

// Numbered as ggml's `enum ggml_type`.
enum {
  IQ2_XXS = 16, IQ2_XS = 17, IQ3_XXS = 18, IQ1_S = 19, IQ3_S = 21, IQ2_S = 22, IQ1_M = 29,
  TQ1_0 = 34, TQ2_0 = 35, NVFP4 = 40,
};

static const float iq2_values[4] = {8, 25, 43, 0};
static const float iq3_xxs_values[8] = {4, 12, 20, 28, 36, 44, 52, 62};
static const float fp4_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

static inline uint16_t half_bits(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static inline float half_of(uint16_t half) {
  float value;
  alora_widen_f16(&half, &value, 1);
  return value;
}

static inline uint32_t word_at(const uint8_t *p) { return half_bits(p) | (uint32_t)half_bits(p + 2) << 16; }

// Seven sign bits; the eighth makes their number even.
static inline uint8_t signs_of(uint32_t seven) {
  uint32_t parity = seven ^ seven >> 4;
  parity ^= parity >> 2;
  return (uint8_t)(seven | ((parity ^ parity >> 1) & 1) << 7);
}

// Element i of a codebook's word.
static inline unsigned element(uint32_t entry, size_t i) { return entry >> (8 * (i % 4) + 4 * (i / 4)) & 15; }

// Eight elements of two bits.
static void write_eight(float scale, uint32_t entry, uint8_t signs, float *y) {
  for (size_t i = 0; i < 8; i++) {
    const float value = scale * iq2_values[element(entry, i)];
    y[i] = signs >> i & 1 ? -value : value;
  }
}

// Four elements of three bits.
static void write_four(float scale, uint32_t entry, int is_xxs, uint8_t signs, float *y) {
  for (size_t i = 0; i < 4; i++) {
    const unsigned bits = element(entry, i);
    const float value = scale * (is_xxs ? iq3_xxs_values[bits] : (float)(2 * bits + 1));
    y[i] = signs >> i & 1 ? -value : value;
  }
}

// Eight elements -1, 0 or 1, moved by an eighth.
static void write_ternary(float scale, uint32_t entry, int is_negative, float *y) {
  const float delta = is_negative ? -0.125f : 0.125f;
  for (size_t i = 0; i < 8; i++) y[i] = scale * ((float)element(entry, i) - 1 + delta);
}

static void iq2_xxs_block(const uint8_t *b, float *y) {
  const float d = half_of(half_bits(b));
  for (size_t group = 0; group < 8; group++) {
    const uint8_t *q = b + 2 + 8 * group;
    const uint32_t high = word_at(q + 4);
    const float scale = d * (0.5f + (float)(high >> 28)) * 0.25f;
    for (size_t k = 0; k < 4; k++)
      write_eight(scale, alora_iq2_xxs_codebook[q[k]], signs_of(high >> 7 * k & 127), y + 32 * group + 8 * k);
  }
}

static void iq2_xs_block(const uint8_t *b, float *y) {
  const float d = half_of(half_bits(b));
  for (size_t k = 0; k < 32; k++) {
    const uint16_t q = half_bits(b + 2 + 2 * k);
    const float scale = d * (0.5f + (float)(b[66 + k / 4] >> 4 * (k / 2 % 2) & 15)) * 0.25f;
    write_eight(scale, alora_iq2_xs_codebook[q & 511], signs_of(q >> 9), y + 8 * k);
  }
}

static void iq2_s_block(const uint8_t *b, float *y) {
  const float d = half_of(half_bits(b));
  for (size_t k = 0; k < 32; k++) {
    const unsigned q = b[2 + k] | (unsigned)(b[66 + k / 4] >> 2 * (k % 4) & 3) << 8;
    const float scale = d * (0.5f + (float)(b[74 + k / 4] >> 4 * (k / 2 % 2) & 15)) * 0.25f;
    write_eight(scale, alora_iq2_s_codebook[q], b[34 + k], y + 8 * k);
  }
}

static void iq3_xxs_block(const uint8_t *b, float *y) {
  const float d = half_of(half_bits(b));
  for (size_t k = 0; k < 64; k++) {
    const uint32_t high = word_at(b + 66 + 4 * (k / 8));
    const float scale = d * (0.5f + (float)(high >> 28)) * 0.5f;
    const uint8_t signs = signs_of(high >> 7 * (k / 2 % 4) & 127);
    write_four(scale, alora_iq3_xxs_codebook[b[2 + k]], 1, signs >> 4 * (k % 2), y + 4 * k);
  }
}

static void iq3_s_block(const uint8_t *b, float *y) {
  const float d = half_of(half_bits(b));
  for (size_t k = 0; k < 64; k++) {
    const unsigned q = b[2 + k] | (unsigned)(b[66 + k / 8] >> k % 8 & 1) << 8;
    const float scale = d * (float)(1 + 2 * (b[106 + k / 16] >> 4 * (k / 8 % 2) & 15));
    write_four(scale, alora_iq3_s_codebook[q], 0, b[74 + k / 2] >> 4 * (k % 2), y + 4 * k);
  }
}

static void iq1_s_block(const uint8_t *b, float *y) {
  const float d = half_of(half_bits(b));
  for (size_t k = 0; k < 32; k++) {
    const uint16_t high = half_bits(b + 34 + 2 * (k / 4));
    const unsigned q = b[2 + k] | (unsigned)(high >> 3 * (k % 4) & 7) << 8;
    write_ternary(d * (float)(2 * (high >> 12 & 7) + 1), alora_iq1_s_codebook[q], high >> 15, y + 8 * k);
  }
}

static void iq1_m_block(const uint8_t *b, float *y) {
  uint16_t bits = 0;
  for (size_t i = 0; i < 4; i++) bits |= (uint16_t)((half_bits(b + 48 + 2 * i) >> 12) << 4 * i);
  const float d = half_of(bits);
  for (size_t k = 0; k < 32; k++) {
    const unsigned high = b[32 + k / 2] >> 4 * (k % 2) & 15, scale = half_bits(b + 48 + 2 * (k / 8)) >> 3 * (k / 2 % 4) & 7;
    write_ternary(d * (float)(2 * scale + 1), alora_iq1_s_codebook[b[k] | (high & 7) << 8], high >> 3 & 1, y + 8 * k);
  }
}

// Five digits to base 3 in a byte, as a fraction of 256.
static inline float ternary_digit(uint8_t byte, size_t digit) {
  static const uint8_t powers[5] = {1, 3, 9, 27, 81};
  return (float)((uint8_t)(byte * powers[digit]) * 3 >> 8) - 1;
}

static void tq1_0_block(const uint8_t *b, float *y) {
  const float d = half_of(half_bits(b + 52));
  for (size_t i = 0; i < 160; i++) y[i] = d * ternary_digit(b[i % 32], i / 32);
  for (size_t i = 0; i < 80; i++) y[160 + i] = d * ternary_digit(b[32 + i % 16], i / 16);
  for (size_t i = 0; i < 16; i++) y[240 + i] = d * ternary_digit(b[48 + i % 4], i / 4);
}

static void tq2_0_block(const uint8_t *b, float *y) {
  const float d = half_of(half_bits(b + 64));
  for (size_t i = 0; i < 256; i++) y[i] = d * (float)((b[32 * (i / 128) + i % 32] >> 2 * (i / 32 % 4) & 3) - 1);
}

// An unsigned E4M3 scale, halved because the elements are doubled.
static float nvfp4_scale(uint8_t bits) {
  const unsigned exponent = bits >> 3 & 15, mantissa = bits & 7;
  if (bits == 0 || bits == 0x7F) return 0;
  const uint32_t power = (uint32_t)(exponent == 0 ? 127 - 10 : 127 - 11 + exponent) << 23;
  float value;
  memcpy(&value, &power, sizeof value);
  return value * (float)(exponent == 0 ? mantissa : mantissa + 8);
}

static void nvfp4_block(const uint8_t *b, float *y) {
  for (size_t i = 0; i < 64; i++) {
    const uint8_t byte = b[4 + 8 * (i / 16) + i % 8];
    y[i] = nvfp4_scale(b[i / 16]) * fp4_values[i % 16 < 8 ? byte & 15 : byte >> 4];
  }
}

int alora_widens_block(unsigned type) {
  switch (type) {
    case IQ2_XXS: case IQ2_XS: case IQ2_S: case IQ3_XXS: case IQ3_S: case IQ1_S: case IQ1_M:
    case TQ1_0: case TQ2_0: case NVFP4: return 1;
    default: return 0;
  }
}

void alora_widen_block(unsigned type, const uint8_t *restrict block, float *restrict y) {
  switch (type) {
    case IQ2_XXS: iq2_xxs_block(block, y); break;
    case IQ2_XS: iq2_xs_block(block, y); break;
    case IQ2_S: iq2_s_block(block, y); break;
    case IQ3_XXS: iq3_xxs_block(block, y); break;
    case IQ3_S: iq3_s_block(block, y); break;
    case IQ1_S: iq1_s_block(block, y); break;
    case IQ1_M: iq1_m_block(block, y); break;
    case TQ1_0: tq1_0_block(block, y); break;
    case TQ2_0: tq2_0_block(block, y); break;
    case NVFP4: nvfp4_block(block, y); break;
    default: break;
  }
}
