#include "../shared/exact.h"

#include "../include/alora_convert.h"

#include <string.h>

// The block formats of 32 elements with one scale, as ggml's quantize_row_*_ref computes them without contraction, and as
// the `gguf` package does: a product and a sum, each rounded.

enum { ELEMENTS = 32, HALF = 16 };

static uint8_t *put_f16(uint8_t *out, float value) {
  uint16_t half;
  alora_narrow_f16(&value, &half, 1);
  out[0] = (uint8_t)half;
  out[1] = (uint8_t)(half >> 8);
  return out + 2;
}

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
  put_levels(levels, bits == 5, put_f16(out, scale));
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
  put_levels(levels, bits == 5, put_f16(put_f16(out, scale), lowest));
}

int alora_narrows_block(unsigned type) { return type == 2 || type == 3 || type == 6 || type == 7; }

void alora_narrow_block(unsigned type, const float *restrict x, uint8_t *restrict block) {
  switch (type) {
    case 2: signed_block(x, 4, block); break;
    case 3: offset_block(x, 4, block); break;
    case 6: signed_block(x, 5, block); break;
    case 7: offset_block(x, 5, block); break;
    default: break;
  }
}
