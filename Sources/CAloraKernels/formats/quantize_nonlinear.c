// IQ4_NL and IQ4_XS: sixteen levels at uneven distances. Several groups of 32 elements are searched side by side, as in quantize_super.c.
#include "quantize.h"

enum { COUNT = 32, GROUPS = 8, LEVELS = 16, STEPS = 7 };

static const float level_values[LEVELS] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// The nearest of the levels, as a number from 0.
ALWAYS_INLINE uint8_t nearest_level(float value) {
  int upper = 1;
  for (int i = 1; i < LEVELS - 1; i++) upper += !(value < level_values[i]);
  return (uint8_t)(value - level_values[upper - 1] < level_values[upper] - value ? upper - 1 : upper);
}

// The scale of each group that leaves the least error, weighted with the squares of the elements.
//   x: element i of group g at [i * GROUPS + g]
static void search(const float *restrict x, float *restrict scales) {
  float magnitudes[GROUPS], values[GROUPS], best[GROUPS];
  for (size_t g = 0; g < GROUPS; g++) magnitudes[g] = values[g] = best[g] = scales[g] = 0;
  for (size_t i = 0; i < COUNT; i++)
    for (size_t g = 0; g < GROUPS; g++) {
      const float v = x[i * GROUPS + g], magnitude = __builtin_fabsf(v);
      const int is_more = magnitude > magnitudes[g];
      magnitudes[g] = is_more ? magnitude : magnitudes[g];
      values[g] = is_more ? v : values[g];
    }
  // The first try maps the extreme to the lowest level, the others to up to seven more or less.
  for (int step = -STEPS - 1; step <= STEPS; step++) {
    const int is_first = step < -STEPS;
    float inverse[GROUPS], sum_qx[GROUPS], sum_q2[GROUPS];
    for (size_t g = 0; g < GROUPS; g++) {
      const float lowest = level_values[0];
      inverse[g] = is_first ? 1 / (-values[g] / lowest) : ((float)step + lowest) / values[g];
      sum_qx[g] = sum_q2[g] = 0;
    }
    for (size_t i = 0; i < COUNT; i++) {
      const float *v = x + i * GROUPS;
      float scaled[GROUPS], below[GROUPS], above[GROUPS];
      for (size_t g = 0; g < GROUPS; g++) {
        scaled[g] = inverse[g] * v[g];
        below[g] = level_values[0];
        above[g] = level_values[1];
      }
      for (size_t k = 1; k < LEVELS - 1; k++)
        for (size_t g = 0; g < GROUPS; g++) {
          below[g] = scaled[g] < level_values[k] ? below[g] : level_values[k];
          above[g] = scaled[g] < level_values[k] ? above[g] : level_values[k + 1];
        }
      for (size_t g = 0; g < GROUPS; g++) {
        const float q = scaled[g] - below[g] < above[g] - scaled[g] ? below[g] : above[g];
        const float w = v[g] * v[g], wq = w * q, wqx = wq * v[g], wq2 = wq * q;
        sum_qx[g] = sum_qx[g] + wqx;
        sum_q2[g] = sum_q2[g] + wq2;
      }
    }
    for (size_t g = 0; g < GROUPS; g++) {
      const float scale = sum_qx[g] / sum_q2[g], square = sum_qx[g] * sum_qx[g], had = best[g] * sum_q2[g];
      const int is_fit = sum_q2[g] > 0, is_better = is_first | (is_fit & (square > had));
      scales[g] = !is_better ? scales[g] : is_fit ? scale : 0;
      best[g] = is_better ? scales[g] * sum_qx[g] : best[g];
    }
  }
  for (size_t g = 0; g < GROUPS; g++) scales[g] = magnitudes[g] < LEAST_MAGNITUDE ? 0 : scales[g];
}

// Elements 0 to 15 in the low nibbles, 16 to 31 in the high ones.
static void put_levels(const float *x, float inverse, uint8_t *out) {
  for (size_t i = 0; i < COUNT / 2; i++)
    out[i] = (uint8_t)(nearest_level(inverse * x[i]) | nearest_level(inverse * x[i + COUNT / 2]) << 4);
}

static void interleave(const float *restrict x, float *restrict to) {
  for (size_t g = 0; g < GROUPS; g++)
    for (size_t i = 0; i < COUNT; i++) to[i * GROUPS + g] = x[g * COUNT + i];
}

void alora_quantize_iq4_xs(const float *restrict source, uint8_t *restrict block) {
  float x[COUNT * GROUPS], scales[GROUPS], magnitude = 0, extreme = 0;
  interleave(source, x);
  search(x, scales);
  for (size_t g = 0; g < GROUPS; g++)
    if (__builtin_fabsf(scales[g]) > magnitude) {
      magnitude = __builtin_fabsf(scales[g]);
      extreme = scales[g];
    }
  const float d = -extreme / 32, inverse = d != 0 ? 1 / d : 0;
  put_f16(block, d);
  uint16_t high = 0;
  for (size_t g = 0; g < GROUPS; g++) {
    const int32_t scale = clamped(nearest(inverse * scales[g]), -32, 31);
    const float unrounded = d * (float)scale;
    put_levels(source + COUNT * g, unrounded != 0 ? 1 / unrounded : 0, block + 8 + 16 * g);
    const uint8_t bits = (uint8_t)(scale + 32);
    block[4 + g / 2] = (uint8_t)(g % 2 == 0 ? bits & 15 : block[4 + g / 2] | (bits & 15) << 4);
    high |= (uint16_t)(bits >> 4 << 2 * g);
  }
  block[2] = (uint8_t)high;
  block[3] = (uint8_t)(high >> 8);
}

void alora_quantize_iq4_nl(const float *restrict source, uint8_t *restrict blocks, size_t count) {
  while (count > 0) {
    const size_t groups = count < GROUPS ? count : GROUPS;
    float x[COUNT * GROUPS] = {0}, side_by_side[COUNT * GROUPS], scales[GROUPS];
    memcpy(x, source, sizeof(float) * COUNT * groups);
    interleave(x, side_by_side);
    search(side_by_side, scales);
    for (size_t g = 0; g < groups; g++) {
      put_f16(blocks + 18 * g, scales[g]);
      put_levels(source + COUNT * g, scales[g] != 0 ? 1 / scales[g] : 0, blocks + 18 * g + 2);
    }
    source += COUNT * groups;
    blocks += 18 * groups;
    count -= groups;
  }
}
