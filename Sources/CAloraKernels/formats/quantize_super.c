// Q2_K to Q6_K: 256 elements in 8 or 16 groups, each with a scale that a search finds. All groups are searched side by side, so that they
// fill a vector: element i of group g is at [i * groups + g], and each group sees its operations in the order of its elements.
#include "quantize.h"

enum { SUPER = 256, MOST_GROUPS = 16 };

// From one group after the other to side by side.
ALWAYS_INLINE void interleave(const float *restrict x, size_t groups, float *restrict to) {
  const size_t count = SUPER / groups;
  for (size_t g = 0; g < groups; g++)
    for (size_t i = 0; i < count; i++) to[i * groups + g] = x[g * count + i];
}

// And back, as bytes.
ALWAYS_INLINE void in_order(const int32_t *restrict levels, size_t groups, uint8_t *restrict to) {
  const size_t count = SUPER / groups;
  for (size_t g = 0; g < groups; g++)
    for (size_t i = 0; i < count; i++) to[g * count + i] = (uint8_t)levels[i * groups + g];
}

// ------------------------------------------------------------------------------------ levels above a minimum

// The scale and the minimum of each group that have the least weighted error: squares, or magnitudes. Minima are at most 0, and returned
// without their sign.
ALWAYS_INLINE void search_with_minimum(
    const float *restrict x, const float *restrict weights, size_t groups, int top, float first_step, int steps, int is_absolute,
    float *restrict scales, float *restrict minima, int32_t *restrict levels) {
  const size_t count = SUPER / groups;
  float low[MOST_GROUPS], high[MOST_GROUPS], sum_w[MOST_GROUPS], sum_x[MOST_GROUPS];
  float inverse[MOST_GROUPS], error[MOST_GROUPS];
  int is_flat[MOST_GROUPS];
  for (size_t g = 0; g < groups; g++) {
    low[g] = high[g] = x[g];
    sum_w[g] = weights[g];
    sum_x[g] = weights[g] * x[g];
  }
  for (size_t i = 1; i < count; i++)
    for (size_t g = 0; g < groups; g++) {
      const float v = x[i * groups + g], w = weights[i * groups + g], product = w * v;
      low[g] = v < low[g] ? v : low[g];
      high[g] = v > high[g] ? v : high[g];
      sum_w[g] = sum_w[g] + w;
      sum_x[g] = sum_x[g] + product;
    }
  for (size_t g = 0; g < groups; g++) {
    low[g] = low[g] > 0 ? 0 : low[g];
    is_flat[g] = high[g] == low[g];
    minima[g] = low[g];
    inverse[g] = (float)top / (high[g] - low[g]);
    scales[g] = 1 / inverse[g];
    error[g] = 0;
  }
  for (size_t i = 0; i < count; i++)
    for (size_t g = 0; g < groups; g++) {
      const size_t at = i * groups + g;
      const int32_t level = clamped(nearest(inverse[g] * (x[at] - low[g])), 0, top);
      levels[at] = level;
      const float scaled = scales[g] * (float)level, difference = scaled + low[g] - x[at];
      const float size = is_absolute ? __builtin_fabsf(difference) : difference * difference;
      const float weighted = weights[at] * size;
      error[g] = error[g] + weighted;
    }
  for (int step = 0; step <= steps; step++) {
    int32_t tried[SUPER];
    float sum_l[MOST_GROUPS], sum_l2[MOST_GROUPS], sum_xl[MOST_GROUPS], scale[MOST_GROUPS], minimum[MOST_GROUPS], new_error[MOST_GROUPS];
    int is_better[MOST_GROUPS], is_any_better = 0;
    const float offset = 0.1f * (float)step, numerator = first_step + offset + (float)top;
    for (size_t g = 0; g < groups; g++) {
      inverse[g] = numerator / (high[g] - minima[g]);
      sum_l[g] = sum_l2[g] = sum_xl[g] = new_error[g] = 0;
    }
    for (size_t i = 0; i < count; i++)
      for (size_t g = 0; g < groups; g++) {
        const size_t at = i * groups + g;
        const int32_t level = clamped(nearest(inverse[g] * (x[at] - minima[g])), 0, top);
        tried[at] = level;
        const float l = (float)level, wl = weights[at] * l, wl2 = wl * l, wlx = wl * x[at];
        sum_l[g] = sum_l[g] + wl;
        sum_l2[g] = sum_l2[g] + wl2;
        sum_xl[g] = sum_xl[g] + wlx;
      }
    for (size_t g = 0; g < groups; g++) {
      const float wl2 = sum_w[g] * sum_l2[g], ll = sum_l[g] * sum_l[g], determinant = wl2 - ll;
      const float wxl = sum_w[g] * sum_xl[g], xl = sum_x[g] * sum_l[g], l2x = sum_l2[g] * sum_x[g], lxl = sum_l[g] * sum_xl[g];
      const float below = (l2x - lxl) / determinant;
      is_better[g] = determinant > 0;
      scale[g] = below > 0 ? sum_xl[g] / sum_l2[g] : (wxl - xl) / determinant;
      minimum[g] = below > 0 ? 0 : below;
    }
    for (size_t i = 0; i < count; i++)
      for (size_t g = 0; g < groups; g++) {
        const size_t at = i * groups + g;
        const float scaled = scale[g] * (float)tried[at], difference = scaled + minimum[g] - x[at];
        const float size = is_absolute ? __builtin_fabsf(difference) : difference * difference;
        const float weighted = weights[at] * size;
        new_error[g] = new_error[g] + weighted;
      }
    for (size_t g = 0; g < groups; g++) {
      is_better[g] = is_better[g] & (new_error[g] < error[g]);
      is_any_better |= is_better[g];
      error[g] = is_better[g] ? new_error[g] : error[g];
      scales[g] = is_better[g] ? scale[g] : scales[g];
      minima[g] = is_better[g] ? minimum[g] : minima[g];
    }
    if (!is_any_better) continue;
    for (size_t i = 0; i < count; i++)
      for (size_t g = 0; g < groups; g++) {
        const size_t at = i * groups + g;
        levels[at] = is_better[g] ? tried[at] : levels[at];
      }
  }
  for (size_t g = 0; g < groups; g++) {
    scales[g] = is_flat[g] ? 0 : scales[g];
    minima[g] = is_flat[g] ? -low[g] : -minima[g];
  }
  for (size_t i = 0; i < count; i++)
    for (size_t g = 0; g < groups; g++) levels[i * groups + g] = is_flat[g] ? 0 : levels[i * groups + g];
}

static float largest(const float *values, size_t count) {
  float found = 0;
  for (size_t g = 0; g < count; g++) found = values[g] > found ? values[g] : found;
  return found;
}

// The levels for the scales and minima as they are stored. A group whose scale rounds to 0 keeps what the search found.
ALWAYS_INLINE void levels_above(
    const float *restrict x, size_t groups, int top, const float *restrict scales, const float *restrict minima, int32_t *restrict levels) {
  for (size_t i = 0; i < SUPER / groups; i++)
    for (size_t g = 0; g < groups; g++) {
      const size_t at = i * groups + g;
      const int32_t level = clamped(nearest((x[at] + minima[g]) / scales[g]), 0, top);
      levels[at] = scales[g] == 0 ? levels[at] : level;
    }
}

// Four times two bits in each byte.
static void put_pairs(const uint8_t *levels, uint8_t *out) {
  for (size_t half = 0; half < 2; half++)
    for (size_t i = 0; i < 32; i++) {
      const uint8_t *l = levels + 128 * half + i;
      out[32 * half + i] = (uint8_t)((l[0] & 3) | (l[32] & 3) << 2 | (l[64] & 3) << 4 | (l[96] & 3) << 6);
    }
}

void alora_quantize_q2_k(const float *restrict source, uint8_t *restrict block) {
  enum { GROUPS = 16 };
  float x[SUPER], weights[SUPER], scales[GROUPS], minima[GROUPS];
  int32_t levels[SUPER];
  uint8_t ordered[SUPER];
  interleave(source, GROUPS, x);
  for (size_t i = 0; i < SUPER; i++) weights[i] = __builtin_fabsf(x[i]);
  search_with_minimum(x, weights, GROUPS, 3, -0.5f, 15, 1, scales, minima, levels);

  const float most = largest(scales, GROUPS), most_below = largest(minima, GROUPS);
  const float inverse = most > 0 ? 15.0f / most : 0, inverse_below = most_below > 0 ? 15.0f / most_below : 0;
  const float d = put_f16(block + 80, most > 0 ? most / 15.0f : 0);
  const float below = put_f16(block + 82, most_below > 0 ? most_below / 15.0f : 0);
  for (size_t g = 0; g < GROUPS; g++) {
    const int32_t scale = most > 0 ? nearest(inverse * scales[g]) : 0;
    const int32_t minimum = most_below > 0 ? nearest(inverse_below * minima[g]) : 0;
    block[g] = (uint8_t)((uint32_t)scale | (uint32_t)minimum << 4);
    scales[g] = d * (float)(block[g] & 15);
    minima[g] = below * (float)(block[g] >> 4);
  }
  levels_above(x, GROUPS, 3, scales, minima, levels);
  in_order(levels, GROUPS, ordered);
  put_pairs(ordered, block + 16);
}

// Q4_K and Q5_K.
ALWAYS_INLINE void quantize_with_six_bit_scales(
    const float *restrict source, int top, float first_step, int steps, uint8_t *restrict block, uint8_t *restrict ordered) {
  enum { GROUPS = 8 };
  float x[SUPER], weights[SUPER], scales[GROUPS], minima[GROUPS], mean[GROUPS] = {0};
  int32_t levels[SUPER];
  interleave(source, GROUPS, x);
  for (size_t i = 0; i < SUPER; i++) {
    const float square = x[i] * x[i];
    mean[i % GROUPS] = mean[i % GROUPS] + square;
  }
  for (size_t g = 0; g < GROUPS; g++) mean[g] = __builtin_sqrtf(mean[g] / 32);
  for (size_t i = 0; i < SUPER; i++) weights[i] = mean[i % GROUPS] + __builtin_fabsf(x[i]);
  search_with_minimum(x, weights, GROUPS, top, first_step, steps, 0, scales, minima, levels);

  const float most = largest(scales, GROUPS), most_below = largest(minima, GROUPS);
  const float inverse = most > 0 ? 63.0f / most : 0, inverse_below = most_below > 0 ? 63.0f / most_below : 0;
  const float d = put_f16(block, most / 63.0f), below = put_f16(block + 2, most_below / 63.0f);
  uint8_t *packed = block + 4;
  for (size_t g = 0; g < GROUPS; g++) {
    uint8_t scale = (uint8_t)nearest(inverse * scales[g]), minimum = (uint8_t)nearest(inverse_below * minima[g]);
    scale = scale < 63 ? scale : 63;
    minimum = minimum < 63 ? minimum : 63;
    if (g < 4) {
      packed[g] = scale;
      packed[g + 4] = minimum;
    } else {
      packed[g + 4] = (uint8_t)((scale & 15) | (minimum & 15) << 4);
      packed[g - 4] |= (uint8_t)(scale >> 4 << 6);
      packed[g] |= (uint8_t)(minimum >> 4 << 6);
    }
    scales[g] = d * (float)scale;
    minima[g] = below * (float)minimum;
  }
  levels_above(x, GROUPS, top, scales, minima, levels);
  in_order(levels, GROUPS, ordered);
}

static void put_nibbles(const uint8_t *levels, uint8_t *out) {
  for (size_t pair = 0; pair < 4; pair++)
    for (size_t i = 0; i < 32; i++) out[32 * pair + i] = (uint8_t)((levels[64 * pair + i] & 15) | (levels[64 * pair + 32 + i] & 15) << 4);
}

void alora_quantize_q4_k(const float *restrict x, uint8_t *restrict block) {
  uint8_t levels[SUPER];
  quantize_with_six_bit_scales(x, 15, -1.0f, 20, block, levels);
  put_nibbles(levels, block + 16);
}

void alora_quantize_q5_k(const float *restrict x, uint8_t *restrict block) {
  uint8_t levels[SUPER];
  quantize_with_six_bit_scales(x, 31, -0.5f, 15, block, levels);
  for (size_t i = 0; i < 32; i++) {
    uint8_t bits = 0;
    for (size_t g = 0; g < 8; g++) bits |= (uint8_t)(levels[32 * g + i] >> 4 << g);
    block[16 + i] = bits;
  }
  put_nibbles(levels, block + 48);
}

// ------------------------------------------------------------------------------------ levels around zero

// The element of largest magnitude in each group, with its sign. Returns its magnitude in `magnitudes`.
ALWAYS_INLINE void extremes(const float *restrict x, size_t groups, float *restrict magnitudes, float *restrict values) {
  for (size_t g = 0; g < groups; g++) magnitudes[g] = values[g] = 0;
  for (size_t i = 0; i < SUPER / groups; i++)
    for (size_t g = 0; g < groups; g++) {
      const float v = x[i * groups + g], magnitude = __builtin_fabsf(v);
      const int is_more = magnitude > magnitudes[g];
      magnitudes[g] = is_more ? magnitude : magnitudes[g];
      values[g] = is_more ? v : values[g];
    }
}

// The scale of largest magnitude, with its sign.
static float extreme(const float *scales, size_t count) {
  float magnitude = 0, found = 0;
  for (size_t g = 0; g < count; g++)
    if (__builtin_fabsf(scales[g]) > magnitude) {
      magnitude = __builtin_fabsf(scales[g]);
      found = scales[g];
    }
  return found;
}

// The levels for the scales as they are stored, from -half to half - 1, plus `half`.
ALWAYS_INLINE void levels_around(const float *restrict x, size_t groups, int half, const float *restrict scales, int32_t *restrict levels) {
  for (size_t i = 0; i < SUPER / groups; i++)
    for (size_t g = 0; g < groups; g++) {
      const size_t at = i * groups + g;
      const int32_t level = clamped(nearest(x[at] / scales[g]), -half, half - 1) + half;
      levels[at] = scales[g] == 0 ? levels[at] : level;
    }
}

void alora_quantize_q3_k(const float *restrict source, uint8_t *restrict block) {
  enum { GROUPS = 16, COUNT = SUPER / GROUPS, HALF = 4, ROUNDS = 5 };
  float x[SUPER], magnitudes[GROUPS], values[GROUPS], scales[GROUPS], sum_lx[GROUPS] = {0}, sum_l2[GROUPS] = {0};
  int32_t levels[SUPER];
  uint8_t ordered[SUPER];
  interleave(source, GROUPS, x);
  extremes(x, GROUPS, magnitudes, values);
  for (size_t g = 0; g < GROUPS; g++) values[g] = -(float)HALF / values[g];
  for (size_t at = 0; at < SUPER; at++) {
    const size_t g = at % GROUPS;
    const int32_t level = clamped(nearest(values[g] * x[at]), -HALF, HALF - 1);
    levels[at] = level;
    const float l = (float)level, w = x[at] * x[at], wx = w * x[at], wxl = wx * l, wl = w * l, wl2 = wl * l;
    sum_lx[g] = sum_lx[g] + wxl;
    sum_l2[g] = sum_l2[g] + wl2;
  }
  // Each element in turn gets the level that is best for the others', as often as that improves the fit.
  for (int round = 0; round < ROUNDS; round++) {
    int is_changed = 0;
    for (size_t i = 0; i < COUNT; i++)
      for (size_t g = 0; g < GROUPS; g++) {
        const size_t at = i * GROUPS + g;
        const float l = (float)levels[at], w = x[at] * x[at], wx = w * x[at], wxl = wx * l, wl = w * l, wl2 = wl * l;
        const float other_lx = sum_lx[g] - wxl, other_l2 = sum_l2[g] - wl2, numerator = x[at] * other_l2;
        const int32_t level = clamped(nearest(numerator / other_lx), -HALF, HALF - 1);
        const float n = (float)level, wxn = wx * n, wn = w * n, wn2 = wn * n, new_lx = other_lx + wxn, new_l2 = other_l2 + wn2;
        const float new_square = new_lx * new_lx, square = sum_lx[g] * sum_lx[g];
        const float gained = new_square * sum_l2[g], had = square * new_l2;
        const int is_better = (other_lx > 0) & (level != levels[at]) & (new_l2 > 0) & (gained > had);
        levels[at] = is_better ? level : levels[at];
        sum_lx[g] = is_better ? new_lx : sum_lx[g];
        sum_l2[g] = is_better ? new_l2 : sum_l2[g];
        is_changed |= is_better;
      }
    if (!is_changed) break;
  }
  for (size_t at = 0; at < SUPER; at++) levels[at] = magnitudes[at % GROUPS] < LEAST_MAGNITUDE ? 0 : levels[at] + HALF;
  for (size_t g = 0; g < GROUPS; g++)
    scales[g] = magnitudes[g] < LEAST_MAGNITUDE || !(sum_l2[g] > 0) ? 0 : sum_lx[g] / sum_l2[g];

  const float most = extreme(scales, GROUPS), inverse = most != 0 ? -32.0f / most : 0;
  const float d = put_f16(block + 108, most != 0 ? 1 / inverse : 0);
  uint8_t *packed = block + 96;
  memset(packed, 0, 12);
  for (size_t g = 0; g < GROUPS; g++) {
    const int32_t scale = most != 0 ? clamped((int8_t)nearest(inverse * scales[g]), -32, 31) + 32 : 0;
    packed[g % 8] |= (uint8_t)((scale & 15) << 4 * (g / 8));
    packed[8 + g % 4] |= (uint8_t)(scale >> 4 << 2 * (g / 4));
    scales[g] = d * (float)(scale - 32);
  }
  levels_around(x, GROUPS, HALF, scales, levels);
  in_order(levels, GROUPS, ordered);
  for (size_t i = 0; i < 32; i++) {
    uint8_t bits = 0;
    for (size_t row = 0; row < 8; row++) bits |= (uint8_t)((ordered[32 * row + i] > 3) << row);
    block[i] = bits;
  }
  put_pairs(ordered, block + 32);
}

void alora_quantize_q6_k(const float *restrict source, uint8_t *restrict block) {
  enum { GROUPS = 16, HALF = 32 };
  float x[SUPER], magnitudes[GROUPS], values[GROUPS], scales[GROUPS] = {0}, best[GROUPS] = {0};
  int32_t levels[SUPER];
  uint8_t ordered[SUPER];
  interleave(source, GROUPS, x);
  extremes(x, GROUPS, magnitudes, values);
  // The first try maps the extreme to the lowest level, the others to up to 0.9 more or less.
  for (int step = -10; step <= 9; step++) {
    if (step == 0) continue;
    int32_t tried[SUPER];
    float inverse[GROUPS], sum_lx[GROUPS] = {0}, sum_l2[GROUPS] = {0};
    int is_better[GROUPS], is_any_better = 0;
    const int is_first = step == -10;
    const float offset = 0.1f * (float)step, target = is_first ? -(float)HALF : -((float)HALF + offset);
    for (size_t g = 0; g < GROUPS; g++) inverse[g] = target / values[g];
    for (size_t i = 0; i < SUPER / GROUPS; i++)
      for (size_t g = 0; g < GROUPS; g++) {
        const size_t at = i * GROUPS + g;
        const int32_t level = clamped(nearest(inverse[g] * x[at]), -HALF, HALF - 1);
        tried[at] = level + HALF;
        const float l = (float)level, w = x[at] * x[at], wx = w * x[at], wxl = wx * l, wl = w * l, wl2 = wl * l;
        sum_lx[g] = sum_lx[g] + wxl;
        sum_l2[g] = sum_l2[g] + wl2;
      }
    for (size_t g = 0; g < GROUPS; g++) {
      const float square = sum_lx[g] * sum_lx[g], had = best[g] * sum_l2[g], scale = sum_lx[g] / sum_l2[g];
      is_better[g] = is_first | ((sum_l2[g] > 0) & (square > had));
      is_any_better |= is_better[g];
      scales[g] = !is_better[g] ? scales[g] : sum_l2[g] != 0 ? scale : 0;
      best[g] = is_better[g] ? scales[g] * sum_lx[g] : best[g];
    }
    if (!is_any_better) continue;
    for (size_t at = 0; at < SUPER; at++) levels[at] = is_better[at % GROUPS] ? tried[at] : levels[at];
  }
  for (size_t at = 0; at < SUPER; at++) levels[at] = magnitudes[at % GROUPS] < LEAST_MAGNITUDE ? 0 : levels[at];
  for (size_t g = 0; g < GROUPS; g++) scales[g] = magnitudes[g] < LEAST_MAGNITUDE ? 0 : scales[g];

  const float most = extreme(scales, GROUPS);
  if (__builtin_fabsf(most) < LEAST_MAGNITUDE) {
    memset(block, 0, 210);
    return;
  }
  const float inverse = -128.0f / most, d = put_f16(block + 208, 1 / inverse);
  for (size_t g = 0; g < GROUPS; g++) {
    const int32_t scale = nearest(inverse * scales[g]);
    block[192 + g] = (uint8_t)(scale < 127 ? scale : 127);
    scales[g] = d * (float)(int8_t)block[192 + g];
  }
  levels_around(x, GROUPS, HALF, scales, levels);
  in_order(levels, GROUPS, ordered);
  for (size_t half = 0; half < 2; half++)
    for (size_t i = 0; i < 32; i++) {
      const uint8_t *l = ordered + 128 * half + i;
      block[64 * half + i] = (uint8_t)((l[0] & 15) | (l[64] & 15) << 4);
      block[64 * half + 32 + i] = (uint8_t)((l[32] & 15) | (l[96] & 15) << 4);
      block[128 + 32 * half + i] = (uint8_t)(l[0] >> 4 | l[32] >> 4 << 2 | l[64] >> 4 << 4 | l[96] >> 4 << 6);
    }
}
