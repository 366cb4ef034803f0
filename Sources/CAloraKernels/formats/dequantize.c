// Plain widening from ggml's layout, one function per format. Written apart from the packed kernels, as their yardstick.
#include "../shared/exact.h"

#include <string.h>

#include "formats.h"

static const int8_t nonlinear_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
static const int8_t doubled_fp4_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

static inline float half_at(const uint8_t *p) {
  const uint16_t half = (uint16_t)(p[0] | p[1] << 8);
  float value;
  alora_widen_f16(&half, &value, 1);
  return value;
}

static inline float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint32_t word_at(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// 4-bit formats of 32: element i is the low nibble of byte i for i < 16, the high nibble of byte i - 16 otherwise.
static inline int nibble_of_32(const uint8_t *qs, size_t i) { return i < 16 ? qs[i] & 15 : qs[i - 16] >> 4; }

static void small_block(alora_type type, const uint8_t *b, float *y) {
  const float d = type == ALORA_TYPE_MXFP4 ? float_of(b[0] < 2 ? 0x00200000u << b[0] : (uint32_t)(b[0] - 1) << 23) : half_at(b);
  for (size_t i = 0; i < 32; i++) switch (type) {
      case ALORA_TYPE_Q4_0: y[i] = d * (float)(nibble_of_32(b + 2, i) - 8); break;
      case ALORA_TYPE_Q4_1: y[i] = d * (float)nibble_of_32(b + 4, i) + half_at(b + 2); break;
      case ALORA_TYPE_Q5_0:
        y[i] = d * (float)((nibble_of_32(b + 6, i) | (int)(word_at(b + 2) >> i & 1) << 4) - 16);
        break;
      case ALORA_TYPE_Q5_1:
        y[i] = d * (float)(nibble_of_32(b + 8, i) | (int)(word_at(b + 4) >> i & 1) << 4) + half_at(b + 2);
        break;
      case ALORA_TYPE_Q8_0: y[i] = d * (float)(int8_t)b[2 + i]; break;
      case ALORA_TYPE_IQ4_NL: y[i] = d * (float)nonlinear_values[nibble_of_32(b + 2, i)]; break;
      case ALORA_TYPE_MXFP4: y[i] = d * (float)doubled_fp4_values[nibble_of_32(b + 1, i)]; break;
      default: break;
    }
}

// Six-bit scales and minima of Q4_K and Q5_K, eight of each in twelve bytes.
static inline void scale_and_minimum(const uint8_t *s, size_t j, int *scale, int *minimum) {
  *scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
  *minimum = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | (s[j] >> 6) << 4;
}

static void q2_k_block(const uint8_t *b, float *y) {
  const float d = half_at(b + 80), dmin = half_at(b + 82);
  for (size_t i = 0; i < 256; i++) {
    const uint8_t s = b[i / 16];
    const int q = b[16 + 32 * (i / 128) + i % 32] >> 2 * (i / 32 % 4) & 3;
    const float scaled = d * (float)(s & 15) * (float)q, minimum = dmin * (float)(s >> 4);
    y[i] = scaled - minimum;
  }
}

static void q3_k_block(const uint8_t *b, float *y) {
  const float d = half_at(b + 108);
  for (size_t i = 0; i < 256; i++) {
    const size_t s = i / 16;
    const int low = s < 8 ? b[96 + s] & 15 : b[96 + s - 8] >> 4, high = b[104 + s % 4] >> 2 * (s / 4) & 3;
    const int q = b[32 + 32 * (i / 128) + i % 32] >> 2 * (i / 32 % 4) & 3, bit = b[i % 32] >> i / 32 & 1;
    y[i] = d * (float)((low | high << 4) - 32) * (float)(q - (bit ? 0 : 4));
  }
}

static void q4_or_q5_k_block(int five, const uint8_t *b, float *y) {
  const float d = half_at(b), dmin = half_at(b + 2);
  const uint8_t *qs = b + (five ? 48 : 16);
  for (size_t i = 0; i < 256; i++) {
    const size_t j = i / 32;
    int scale, minimum;
    scale_and_minimum(b + 4, j, &scale, &minimum);
    int q = qs[32 * (j / 2) + i % 32] >> 4 * (j % 2) & 15;
    if (five) q |= (b[16 + i % 32] >> j & 1) << 4;
    const float scaled = d * (float)scale * (float)q, offset = dmin * (float)minimum;
    y[i] = scaled - offset;
  }
}

static void q6_k_block(const uint8_t *b, float *y) {
  const float d = half_at(b + 208);
  for (size_t i = 0; i < 256; i++) {
    const size_t half = i / 128, group = i / 32 % 4;
    const int low = b[64 * half + 32 * (group % 2) + i % 32] >> 4 * (group / 2) & 15;
    const int high = b[128 + 32 * half + i % 32] >> 2 * group & 3;
    y[i] = d * (float)(int8_t)b[192 + i / 16] * (float)((low | high << 4) - 32);
  }
}

static void iq4_xs_block(const uint8_t *b, float *y) {
  const float d = half_at(b);
  const int scales_h = b[2] | b[3] << 8;
  for (size_t i = 0; i < 256; i++) {
    const size_t j = i / 32;
    const int scale = ((b[4 + j / 2] >> 4 * (j % 2) & 15) | (scales_h >> 2 * j & 3) << 4) - 32;
    y[i] = d * (float)scale * (float)nonlinear_values[nibble_of_32(b + 8 + 16 * j, i % 32)];
  }
}

static void block_of(alora_type type, const uint8_t *b, float *y) {
  switch (type) {
    case ALORA_TYPE_F32: memcpy(y, b, 4); break;
    case ALORA_TYPE_F16: y[0] = half_at(b); break;
    case ALORA_TYPE_BF16: y[0] = float_of((uint32_t)b[0] << 16 | (uint32_t)b[1] << 24); break;
    case ALORA_TYPE_Q2_K: q2_k_block(b, y); break;
    case ALORA_TYPE_Q3_K: q3_k_block(b, y); break;
    case ALORA_TYPE_Q4_K: q4_or_q5_k_block(0, b, y); break;
    case ALORA_TYPE_Q5_K: q4_or_q5_k_block(1, b, y); break;
    case ALORA_TYPE_Q6_K: q6_k_block(b, y); break;
    case ALORA_TYPE_IQ4_XS: iq4_xs_block(b, y); break;
    default:
      if (alora_widens_block((unsigned)type)) alora_widen_block((unsigned)type, b, y);
      else small_block(type, b, y);
      break;
  }
}

void alora_dequantize(alora_type type, const void *restrict source, float *restrict destination, size_t count) {
  const alora_format format = alora_format_of(type);
  if (format.columns == 0) return;
  const uint8_t *bytes = source;
  for (size_t i = 0; i < count / format.columns; i++)
    block_of(type, bytes + i * format.bytes, destination + i * format.columns);
}
