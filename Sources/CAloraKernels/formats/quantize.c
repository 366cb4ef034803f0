#include "quantize.h"

// The block formats of 32 elements with one scale, as the `gguf` package computes them too, and the ternary ones. The others are in
// quantize_super.c and quantize_nonlinear.c.

enum { ELEMENTS = 32, HALF = 16 };

// Cuts off the fraction. Scales below 2^-126 have infinite inverses, so the value may be anything.
static uint8_t cut(float value, uint8_t limit) {
  if (!(value > 0.0f)) return 0;
  return value >= (float)limit ? limit : (uint8_t)value;
}

// A fifth bit goes to four bytes before the nibbles.
static void put_levels(const uint8_t *levels, int has_fifth_bit, uint8_t *out) {
  if (has_fifth_bit) {
    uint32_t bits = 0;
    for (int i = 0; i < ELEMENTS; i++) bits |= (uint32_t)(levels[i] >> 4) << i;
    for (int i = 0; i < 4; i++) *out++ = (uint8_t)(bits >> 8 * i);
  }
  for (int i = 0; i < HALF; i++) out[i] = (uint8_t)((levels[i] & 15) | (levels[i + HALF] & 15) << 4);
}

// The scale maps the element of largest magnitude, with its sign, to the lowest level.
static void signed_block(const float *x, int bits, uint8_t *out) {
  const float middle = (float)(1 << (bits - 1));
  float largest = 0.0f, magnitude = 0.0f;
  for (int i = 0; i < ELEMENTS; i++) {
    const float m = __builtin_fabsf(x[i]);
    if (m > magnitude) {
      magnitude = m;
      largest = x[i];
    }
  }
  const float scale = largest / -middle;
  const float inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
  uint8_t levels[ELEMENTS];
  for (int i = 0; i < ELEMENTS; i++) {
    const float scaled = x[i] * inverse;
    levels[i] = cut(scaled + (middle + 0.5f), (uint8_t)(2 * (1 << (bits - 1)) - 1));
  }
  put_f16(out, scale);
  put_levels(levels, bits == 5, out + 2);
}

// The scale and an offset map the smallest element to the lowest level and the largest to the highest.
static void offset_block(const float *x, int bits, uint8_t *out) {
  float lowest = x[0], highest = x[0];
  for (int i = 1; i < ELEMENTS; i++) {
    lowest = x[i] < lowest ? x[i] : lowest;
    highest = x[i] > highest ? x[i] : highest;
  }
  const float scale = (highest - lowest) / (float)((1 << bits) - 1);
  const float inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
  uint8_t levels[ELEMENTS];
  for (int i = 0; i < ELEMENTS; i++) {
    const float scaled = (x[i] - lowest) * inverse;
    levels[i] = cut(scaled + 0.5f, (uint8_t)((1 << bits) - 1));
  }
  put_f16(out, scale);
  put_f16(out + 2, lowest);
  put_levels(levels, bits == 5, out + 4);
}

// MXFP4's scale is the power of two below the largest magnitude, as floor(log2f(magnitude)) gives it: just below a power, the f32
// logarithm rounds to that of the power. Magnitudes below 2^-125 have the least scale; ggml's is undefined there, as C converts a negative
// number to an unsigned byte.
static uint8_t mxfp4_exponent(float magnitude) {
  uint32_t bits;
  memcpy(&bits, &magnitude, sizeof bits);
  const int exponent = (int)(bits >> 23);
  if (exponent < 2) return 0;
  // log2(1 - gap) is less than half of the distance to the logarithm's next f32; that is the smaller one on the side of zero.
  const double gap = (double)(0x800000 - (bits & 0x7fffff)) * 0x1p-24;
  const int power = exponent - 126, size = power > 0 ? power - 1 : -power;
  const double below = gap * (0x1.71547652b82fep+0 + gap * 0x1.71547652b82fep-1);
  const int octave = size > 0 ? 31 - __builtin_clz((unsigned)size) : 0;
  const int is_power = power != 0 && gap < 0x1p-10 && below <= (double)(1 << octave) * 0x1p-24;
  return (uint8_t)(exponent - 2 + is_power);
}

static uint8_t nearest_fp4(float x, float unit) {
  static const float doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  uint8_t found = 0;
  float least = __builtin_fabsf(doubled[0] * unit - x);
  for (uint8_t i = 1; i < 16; i++) {
    const float value = doubled[i] * unit, error = __builtin_fabsf(value - x);
    if (error < least) {
      found = i;
      least = error;
    }
  }
  return found;
}

static float largest_magnitude(const float *x, size_t count) {
  float largest = 0;
  for (size_t i = 0; i < count; i++) largest = __builtin_fabsf(x[i]) > largest ? __builtin_fabsf(x[i]) : largest;
  return largest;
}

static void mxfp4_block(const float *x, uint8_t *out) {
  out[0] = mxfp4_exponent(largest_magnitude(x, ELEMENTS));
  // Half of the scale, as the elements are doubled.
  const uint32_t bits = out[0] < 2 ? 0x00200000u << out[0] : (uint32_t)(out[0] - 1) << 23;
  float unit;
  memcpy(&unit, &bits, sizeof unit);
  for (int i = 0; i < HALF; i++) out[1 + i] = (uint8_t)(nearest_fp4(x[i], unit) | nearest_fp4(x[i + HALF], unit) << 4);
}

// -1, 0 or 1 as 0, 1 or 2; ties away from zero. The inverse of a scale below 2^-128 is infinite, and the f16 scale is 0.
static uint8_t ternary(float x, float inverse) {
  const float scaled = x * inverse;
  if (!(__builtin_fabsf(scaled) <= 2.0f)) return 1;
  return scaled >= 0.5f ? 2 : scaled <= -0.5f ? 0 : 1;
}

// Five digits of base 3, the first one highest, as a fraction of 256 rounded up.
static uint8_t ternary_byte(const float *x, size_t stride, size_t count, float inverse) {
  unsigned number = 0;
  for (size_t i = 0; i < 5; i++) number = number * 3 + (i < count ? ternary(x[i * stride], inverse) : 0);
  return (uint8_t)((number * 256 + 242) / 243);
}

static void tq1_0_block(const float *x, uint8_t *out) {
  const float scale = largest_magnitude(x, 256), inverse = scale != 0 ? 1.0f / scale : 0;
  for (size_t i = 0; i < 32; i++) out[i] = ternary_byte(x + i, 32, 5, inverse);
  for (size_t i = 0; i < 16; i++) out[32 + i] = ternary_byte(x + 160 + i, 16, 5, inverse);
  for (size_t i = 0; i < 4; i++) out[48 + i] = ternary_byte(x + 240 + i, 4, 4, inverse);
  put_f16(out + 52, scale);
}

static void tq2_0_block(const float *x, uint8_t *out) {
  const float scale = largest_magnitude(x, 256), inverse = scale != 0 ? 1.0f / scale : 0;
  for (size_t i = 0; i < 64; i++) {
    const float *four = x + 128 * (i / 32) + i % 32;
    out[i] = 0;
    for (size_t j = 0; j < 4; j++) out[i] |= (uint8_t)(ternary(four[32 * j], inverse) << 2 * j);
  }
  put_f16(out + 64, scale);
}

// Numbered as ggml's `enum ggml_type`.
enum {
  Q4_0 = 2, Q4_1 = 3, Q5_0 = 6, Q5_1 = 7, Q2_K = 10, Q3_K = 11, Q4_K = 12, Q5_K = 13, Q6_K = 14, IQ4_NL = 20, IQ4_XS = 23,
  TQ1_0 = 34, TQ2_0 = 35, MXFP4 = 39,
};

// A type's blocks: their elements and bytes, and where the f16 scales are that have to be finite.
typedef struct narrowing {
  size_t elements, bytes;
  int scale, other_scale;
} narrowing;

static narrowing narrowing_of(unsigned type) {
  switch (type) {
    case Q4_0: return (narrowing){32, 18, 0, 0};
    case Q4_1: return (narrowing){32, 20, 0, 2};
    case Q5_0: return (narrowing){32, 22, 0, 0};
    case Q5_1: return (narrowing){32, 24, 0, 2};
    case Q2_K: return (narrowing){256, 84, 80, 82};
    case Q3_K: return (narrowing){256, 110, 108, 108};
    case Q4_K: return (narrowing){256, 144, 0, 2};
    case Q5_K: return (narrowing){256, 176, 0, 2};
    case Q6_K: return (narrowing){256, 210, 208, 208};
    case IQ4_NL: return (narrowing){32, 18, 0, 0};
    case IQ4_XS: return (narrowing){256, 136, 0, 0};
    case TQ1_0: return (narrowing){256, 54, 52, 52};
    case TQ2_0: return (narrowing){256, 66, 64, 64};
    case MXFP4: return (narrowing){32, 17, -1, -1};
    default: return (narrowing){0, 0, -1, -1};
  }
}

static void narrow_block(unsigned type, const float *restrict x, uint8_t *restrict block) {
  switch (type) {
    case Q4_0: signed_block(x, 4, block); break;
    case Q4_1: offset_block(x, 4, block); break;
    case Q5_0: signed_block(x, 5, block); break;
    case Q5_1: offset_block(x, 5, block); break;
    case Q2_K: alora_quantize_q2_k(x, block); break;
    case Q3_K: alora_quantize_q3_k(x, block); break;
    case Q4_K: alora_quantize_q4_k(x, block); break;
    case Q5_K: alora_quantize_q5_k(x, block); break;
    case Q6_K: alora_quantize_q6_k(x, block); break;
    case IQ4_XS: alora_quantize_iq4_xs(x, block); break;
    case TQ1_0: tq1_0_block(x, block); break;
    case TQ2_0: tq2_0_block(x, block); break;
    case MXFP4: mxfp4_block(x, block); break;
    default: break;
  }
}

static int is_finite_half(const uint8_t *half) { return (half[1] & 0x7c) != 0x7c; }

int alora_narrows_blocks(unsigned type) { return narrowing_of(type).bytes != 0; }

int alora_narrow_blocks(unsigned type, const float *restrict x, uint8_t *restrict blocks, size_t count) {
  const narrowing narrowing = narrowing_of(type);
  if (type == IQ4_NL) alora_quantize_iq4_nl(x, blocks, count);
  else
    for (size_t i = 0; i < count; i++) narrow_block(type, x + i * narrowing.elements, blocks + i * narrowing.bytes);
  if (narrowing.scale < 0) return 1;
  for (size_t i = 0; i < count; i++) {
    const uint8_t *block = blocks + i * narrowing.bytes;
    if (!is_finite_half(block + narrowing.scale) || !is_finite_half(block + narrowing.other_scale)) return 0;
  }
  return 1;
}
