#include "coded.h"

#include <string.h>

#include "codebooks.h"
#include "formats.h"

// 32 columns of one row.
typedef struct coded_row {
  uint32_t words[4];
  uint8_t multipliers[2];
  uint16_t half;
} coded_row;

static inline uint16_t half_at(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static inline uint32_t word_at(const uint8_t *p) { return half_at(p) | (uint32_t)half_at(p + 2) << 16; }

// Bit 3 of all halves.
static inline uint32_t less(uint32_t bit) { return bit ? 0x88888888u : 0; }

// Source of the layouts: block structures in ggml-common.h; of the values, the `gguf` package's quants.py. `j` names 32 columns.

static inline coded_row iq2_xxs(const uint8_t *b, size_t j) {
  const uint8_t *q = b + 2 + 8 * j;
  const uint32_t high = word_at(q + 4);
  const uint8_t scale = (uint8_t)(2 * (high >> 28) + 1);
  coded_row row = {.multipliers = {scale, scale}, .half = half_at(b)};
  for (size_t k = 0; k < 4; k++) row.words[k] = alora_iq2_xxs_codebook[q[k]] | alora_even_sign_halves[high >> 7 * k & 127];
  return row;
}

static inline coded_row iq2_xs(const uint8_t *b, size_t j) {
  coded_row row = {.half = half_at(b)};
  for (size_t k = 0; k < 4; k++) {
    const uint16_t q = half_at(b + 2 + 8 * j + 2 * k);
    row.words[k] = alora_iq2_xs_codebook[q & 511] | alora_even_sign_halves[q >> 9];
  }
  for (size_t g = 0; g < 2; g++) row.multipliers[g] = (uint8_t)(2 * (b[66 + j] >> 4 * g & 15) + 1);
  return row;
}

static inline coded_row iq2_s(const uint8_t *b, size_t j) {
  coded_row row = {.half = half_at(b)};
  for (size_t k = 0; k < 4; k++) {
    const unsigned q = b[2 + 4 * j + k] | (unsigned)(b[66 + j] >> 2 * k & 3) << 8;
    row.words[k] = alora_iq2_s_codebook[q] | alora_sign_halves[b[34 + 4 * j + k]];
  }
  for (size_t g = 0; g < 2; g++) row.multipliers[g] = (uint8_t)(2 * (b[74 + j] >> 4 * g & 15) + 1);
  return row;
}

static inline coded_row iq3_xxs(const uint8_t *b, size_t j) {
  const uint8_t *q = b + 2 + 8 * j;
  const uint32_t high = word_at(b + 66 + 4 * j);
  const uint8_t scale = (uint8_t)(2 * (high >> 28) + 1);
  coded_row row = {.multipliers = {scale, scale}, .half = half_at(b)};
  for (size_t k = 0; k < 4; k++) {
    const uint32_t word = alora_iq3_xxs_codebook[q[2 * k]] | alora_iq3_xxs_codebook[q[2 * k + 1]] << 4;
    row.words[k] = word | alora_even_sign_halves[high >> 7 * k & 127];
  }
  return row;
}

static inline coded_row iq3_s(const uint8_t *b, size_t j) {
  const uint8_t *q = b + 2 + 8 * j, high = b[66 + j];
  const uint8_t scale = (uint8_t)(2 * (b[106 + j / 2] >> 4 * (j % 2) & 15) + 1);
  coded_row row = {.multipliers = {scale, scale}, .half = half_at(b)};
  for (size_t k = 0; k < 4; k++) {
    const unsigned first = q[2 * k] | (unsigned)(high >> 2 * k & 1) << 8;
    const unsigned second = q[2 * k + 1] | (unsigned)(high >> (2 * k + 1) & 1) << 8;
    row.words[k] = alora_iq3_s_codebook[first] | alora_iq3_s_codebook[second] << 4 | alora_sign_halves[b[74 + 4 * j + k]];
  }
  return row;
}

static inline coded_row iq1_s(const uint8_t *b, size_t j) {
  const uint16_t high = half_at(b + 34 + 2 * j);
  const uint8_t scale = (uint8_t)(2 * (high >> 12 & 7) + 1);
  coded_row row = {.multipliers = {scale, scale}, .half = half_at(b)};
  for (size_t k = 0; k < 4; k++)
    row.words[k] = alora_iq1_s_codebook[b[2 + 4 * j + k] | (unsigned)(high >> 3 * k & 7) << 8] | less(high >> 15);
  return row;
}

static inline coded_row iq1_m(const uint8_t *b, size_t j) {
  coded_row row = {.half = 0};
  for (size_t i = 0; i < 4; i++) row.half |= (uint16_t)((half_at(b + 48 + 2 * i) >> 12) << 4 * i);
  for (size_t k = 0; k < 4; k++) {
    const unsigned high = b[32 + 2 * j + k / 2] >> 4 * (k % 2) & 15;
    row.words[k] = alora_iq1_s_codebook[b[4 * j + k] | (high & 7) << 8] | less(high >> 3);
  }
  for (size_t g = 0; g < 2; g++) {
    const size_t s = 2 * j + g;
    row.multipliers[g] = (uint8_t)(2 * (half_at(b + 48 + 2 * (s / 4)) >> 3 * (s % 4) & 7) + 1);
  }
  return row;
}

// Digit `digit` of five to base 3 in each of four bytes, which are fractions of 256.
static inline uint32_t ternary_digits(uint32_t bytes, size_t digit) {
  static const uint8_t powers[5] = {1, 3, 9, 27, 81};
  const uint32_t half = 0x00ff00ffu;
  const uint32_t even = ((bytes & half) * powers[digit] & half) * 3 >> 8 & half;
  const uint32_t odd = ((bytes >> 8 & half) * powers[digit] & half) * 3 >> 8 & half;
  return even | odd << 8;
}

static inline coded_row tq1_0(const uint8_t *b, size_t j) {
  coded_row row = {.multipliers = {1, 1}, .half = half_at(b + 52)};
  for (size_t k = 0; k < 4; k++) {
    uint32_t four[2];
    for (size_t i = 0; i < 2; i++) {
      if (j < 5) four[i] = ternary_digits(word_at(b + 8 * k + 4 * i), j);
      else if (j < 7 || k < 2) four[i] = ternary_digits(word_at(b + 32 + 8 * (k % 2) + 4 * i), 2 * (j - 5) + k / 2);
      else four[i] = ternary_digits(word_at(b + 48), 2 * (k - 2) + i);
    }
    row.words[k] = four[0] | four[1] << 4;
  }
  return row;
}

static inline coded_row tq2_0(const uint8_t *b, size_t j) {
  coded_row row = {.multipliers = {1, 1}, .half = half_at(b + 64)};
  for (size_t k = 0; k < 4; k++) {
    const uint8_t *q = b + 32 * (j / 4) + 8 * k;
    const uint32_t two_bits = 0x03030303u;
    row.words[k] = (word_at(q) >> 2 * (j % 4) & two_bits) | (word_at(q + 4) >> 2 * (j % 4) & two_bits) << 4;
  }
  return row;
}

// Elements 0 to 7 of sixteen are low halves, the others high ones.
static inline coded_row nvfp4(const uint8_t *b, size_t j) {
  coded_row row = {.multipliers = {b[2 * j], b[2 * j + 1]}};
  for (size_t k = 0; k < 4; k++) {
    const uint8_t *q = b + 4 + 8 * (2 * j + k / 2);
    const uint32_t first = word_at(q) >> 4 * (k % 2), second = word_at(q + 4) >> 4 * (k % 2), low = 0x0f0f0f0fu;
    row.words[k] = (first & low) | (second & low) << 4;
  }
  return row;
}

// NVFP4's scales are E4M3 without a sign. The elements are doubled, so the unit is half.
static float multiplier_of(alora_type type, uint8_t bits) {
  if (type != ALORA_TYPE_NVFP4) return (float)bits;
  const unsigned exponent = bits >> 3 & 15, mantissa = bits & 7;
  if (bits == 0 || bits == 0x7F) return 0;
  const uint32_t power = (uint32_t)(exponent == 0 ? 127 - 9 : 127 - 10 + exponent) << 23;
  float value;
  memcpy(&value, &power, sizeof value);
  return value * (float)(exponent == 0 ? mantissa : mantissa + 8);
}

const alora_code *alora_code_of(alora_type type) {
  static const alora_code iq2 = {{8, 25, 43, 0, 0, 0, 0, 0, -8, -25, -43}, 0.125f};
  static const alora_code iq3_xxs_code = {{4, 12, 20, 28, 36, 44, 52, 62, -4, -12, -20, -28, -36, -44, -52, -62}, 0.25f};
  static const alora_code iq3_s_code = {{1, 3, 5, 7, 9, 11, 13, 15, -1, -3, -5, -7, -9, -11, -13, -15}, 1};
  static const alora_code iq1 = {{-7, 1, 9, 0, 0, 0, 0, 0, -9, -1, 7}, 0.125f};  // eight times -1, 0 or 1, and 1 more or less
  static const alora_code ternary = {{-1, 0, 1, 2}, 1};
  static const alora_code fp4 = {{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}, 0.5f};
  switch (type) {
    case ALORA_TYPE_IQ2_XXS:
    case ALORA_TYPE_IQ2_XS:
    case ALORA_TYPE_IQ2_S: return &iq2;
    case ALORA_TYPE_IQ3_XXS: return &iq3_xxs_code;
    case ALORA_TYPE_IQ3_S: return &iq3_s_code;
    case ALORA_TYPE_IQ1_S:
    case ALORA_TYPE_IQ1_M: return &iq1;
    case ALORA_TYPE_TQ1_0:
    case ALORA_TYPE_TQ2_0: return &ternary;
    case ALORA_TYPE_NVFP4: return &fp4;
    default: return 0;
  }
}

#define DECODE(name)                                                                                        \
  for (size_t r = 0; r < 32; r++) {                                                                         \
    const coded_row row = name(block + r * format.bytes, j);                                                \
    for (size_t k = 0; k < 4; k++) to->words[k][r] = row.words[k];                                          \
    for (size_t g = 0; g < 2; g++) to->multipliers[g][r] = multiplier_of(type, row.multipliers[g]);         \
    to->halves[r] = type == ALORA_TYPE_NVFP4 ? 0x3c00 : row.half;                                           \
  }                                                                                                         \
  break

void alora_decode_columns(alora_type type, const uint8_t *restrict panel, size_t column, alora_coded *restrict to) {
  const alora_format format = alora_format_of(type);
  const uint8_t *block = panel + column / format.columns * 32 * format.bytes;
  const size_t j = column % format.columns / 32;
  switch (type) {
    case ALORA_TYPE_IQ2_XXS: DECODE(iq2_xxs);
    case ALORA_TYPE_IQ2_XS: DECODE(iq2_xs);
    case ALORA_TYPE_IQ2_S: DECODE(iq2_s);
    case ALORA_TYPE_IQ3_XXS: DECODE(iq3_xxs);
    case ALORA_TYPE_IQ3_S: DECODE(iq3_s);
    case ALORA_TYPE_IQ1_S: DECODE(iq1_s);
    case ALORA_TYPE_IQ1_M: DECODE(iq1_m);
    case ALORA_TYPE_TQ1_0: DECODE(tq1_0);
    case ALORA_TYPE_TQ2_0: DECODE(tq2_0);
    case ALORA_TYPE_NVFP4: DECODE(nvfp4);
    default: break;
  }
}
