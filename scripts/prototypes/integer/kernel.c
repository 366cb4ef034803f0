// The kernels, once per instruction set (-DAVX2, -DAVX512, -DNEON or none). Panels and vectors are those of CAloraKernels.
#include "shared/exact.h"
#if defined(AVX512)
#include "avx512/vector.h"
#elif defined(AVX2)
#include "avx2/vector.h"
#elif defined(NEON)
#include "neon/vector.h"
#else
#include "scalar/vector.h"
#endif
#include "integer.h"
#include "shared/table.h"
#include "formats/codebooks.h"
#include "shared/widen.inc.h"

// `dots` sums products of four bytes (or of two halves) in each lane of 32 bits. Digits go from high to low: opened with the sum so
// far shifted left, or joined to it at the end.
INLINE v16i zero(void) { return i_set(0); }
#if defined(AVX512)  // with VNNI; weights unsigned
INLINE v16i i_bytes_minus(v16i a, uint8_t x) { return _mm512_sub_epi8(a, _mm512_set1_epi8((char)x)); }
typedef v16i dots;
#define PRODUCT_TOKENS 12
#define PRODUCT_VECTORS 2
#define ROW_VECTORS 4
#define BIAS 128
INLINE dots dots_add(dots a, v16i w, int32_t x, int wide) {
  (void)wide;
  a = _mm512_dpbusd_epi32(a, w, _mm512_set1_epi32(x));
  __asm__("" : "+v"(a));  // keeps the order of the sums, and so the number of registers
  return a;
}
INLINE v16i shifted(v16i s, int n) { return _mm512_slli_epi32(s, (unsigned)n); }
INLINE dots dots_open(v16i s, int n) { return shifted(s, n); }
INLINE v16i dots_close(v16i s, int n, dots a, int wide) { return (void)s, (void)n, (void)wide, a; }
INLINE v16i dots_join(v16i s, int n, dots a, int wide) { return (void)wide, i_add(shifted(s, n), a); }
#elif defined(AVX2)  // weights of 4 bits: sums of 16 bits, at most 15 * 128 * 2 * 8 = 30720; of 8 bits: pairs of 16 bits
typedef v16i dots;
#define PRODUCT_TOKENS 3
#define PRODUCT_VECTORS 1
#define ROW_VECTORS 2
#define BIAS 0
#define HALVES 1
INLINE v16i shifted(v16i s, int n) { return (v16i){_mm256_slli_epi32(s.a, n), _mm256_slli_epi32(s.b, n)}; }
INLINE dots dots_add(dots a, v16i w, int32_t x, int wide) {
  const __m256i e = _mm256_set1_epi32(x);
  if (wide) return i_add(a, (v16i){_mm256_madd_epi16(w.a, e), _mm256_madd_epi16(w.b, e)});
  a = (v16i){_mm256_add_epi16(a.a, _mm256_maddubs_epi16(w.a, e)), _mm256_add_epi16(a.b, _mm256_maddubs_epi16(w.b, e))};
  __asm__("" : "+x"(a.a), "+x"(a.b));  // otherwise clang sums in a tree, which takes more registers than there are
  return a;
}
INLINE dots dots_open(v16i s, int n) { return (void)s, (void)n, zero(); }
INLINE v16i dots_join(v16i s, int n, dots a, int wide) {
  const __m256i ones = _mm256_set1_epi16(1);
  return i_add(shifted(s, n), wide ? a : (v16i){_mm256_madd_epi16(a.a, ones), _mm256_madd_epi16(a.b, ones)});
}
#define dots_close dots_join
#elif defined(NEON)
typedef v16i dots;
#define PRODUCT_TOKENS 4
#define PRODUCT_VECTORS 1
#define ROW_VECTORS 2
#define BIAS 0
INLINE dots dots_add(dots a, v16i w, int32_t x, int wide) {
  (void)wide;
  for (int i = 0; i < 4; i++)
    a.val[i] = vreinterpretq_u32_s32(vdotq_s32(vreinterpretq_s32_u32(a.val[i]), vreinterpretq_s8_u32(w.val[i]),
                                               vreinterpretq_s8_s32(vdupq_n_s32(x))));
  return a;
}
INLINE v16i shifted(v16i s, int n) { return i_left(s, n); }
INLINE dots dots_open(v16i s, int n) { return shifted(s, n); }
INLINE v16i dots_close(v16i s, int n, dots a, int wide) { return (void)s, (void)n, (void)wide, a; }
INLINE v16i dots_join(v16i s, int n, dots a, int wide) { return (void)wide, i_add(shifted(s, n), a); }
#else
typedef v16i dots;
#define PRODUCT_TOKENS 1
#define PRODUCT_VECTORS 1
#define ROW_VECTORS 1
#define BIAS 0
INLINE dots dots_add(dots a, v16i w, int32_t x, int wide) {
  (void)wide;
  for (int b = 0; b < 32; b += 8)
    EACH_LANE a.lane[l] += (uint32_t)((int8_t)(w.lane[l] >> b) * (int8_t)(x >> b));
  return a;
}
INLINE v16i shifted(v16i s, int n) { return i_left(s, n); }
INLINE dots dots_open(v16i s, int n) { return shifted(s, n); }
INLINE v16i dots_close(v16i s, int n, dots a, int wide) { return (void)s, (void)n, (void)wide, a; }
INLINE v16i dots_join(v16i s, int n, dots a, int wide) { return (void)wide, i_add(shifted(s, n), a); }
#endif
#ifndef HALVES
#define HALVES 0
#endif
// Words of one digit in a block, and digits, of weights with 8 bits ("wide") and with 4.
#define WORDS(wide) ((wide) && HALVES ? 16 : 8)
#define LOW_DIGITS(wide) ((wide) && HALVES ? 1 : 2)
#define RECORD(wide) (WORDS(wide) * (1 + LOW_DIGITS(wide)) + ROWS_AFTER_DIGITS)
#define FLAT _Pragma("GCC unroll 16")

INLINE void quantize_block(const float *x, int32_t q[32], float *scale) {
  uint32_t bits, most = 0;
  for (int i = 0; i < 32; i++) {
    memcpy(&bits, x + i, 4);
    bits &= 0x7fffffffu;
    most = bits > most ? bits : most;
  }
  memset(q, 0, 128);
  *scale = most >= 0x7f800000u ? __builtin_nanf("") : 0.0f;
  if (most == 0 || most >= 0x7f800000u) return;
  // A mantissa that would round to more than 4177855 = 2^22 - 16449 takes the next power of two.
  uint32_t exponent = (most >> 23) + ((most & 0x7fffffu) > 0x7efefdu);
  exponent = exponent < 30 ? 30 : exponent;
  const uint32_t up = (275 - exponent) << 23, down = (exponent - 21) << 23;
  float factor;
  memcpy(&factor, &up, 4);
  memcpy(scale, &down, 4);
  for (int i = 0; i < 32; i++) q[i] = (int32_t)__builtin_rintf(x[i] * factor);
}

// One tile.   x: [tokens][columns]
TARGET static void quantize_tile(alora_type type, const float *x, size_t tokens, size_t columns, int32_t *to) {
  const int wide = type == ALORA_TYPE_Q8_0;
  const size_t words = (size_t)WORDS(wide), record = (size_t)RECORD(wide);
  for (size_t b = 0; b < columns / 32; b++, to += record * tokens)
    for (size_t t = 0; t < tokens; t++) {
      int32_t q[32], sum = 0, sum_low = 0;
      int8_t bytes[3][32];
      int16_t halves[2][32];
      float scale;
      quantize_block(x + t * columns + 32 * b, q, &scale);
      for (int i = 0; i < 32; i++) {
        const int32_t low = (int32_t)((uint32_t)q[i] << 25) >> 25, rest = (q[i] - low) >> 7, middle = (int8_t)rest;
        bytes[0][i] = (int8_t)(halves[0][i] = (int16_t)((rest - middle) >> 8));
        bytes[1][i] = (int8_t)middle;
        bytes[2][i] = (int8_t)low;
        halves[1][i] = (int16_t)(128 * middle + low);
        sum += q[i];
        sum_low += halves[1][i];
      }
      for (size_t d = 0; d < record / words; d++)
        for (size_t i = 0; i < words; i++) {
          int32_t *word = to + (d * words + i) * tokens + t;
          const int16_t *pair = halves[d % 2] + 4 * (i / 2) + i % 2;
          if (words == 16) *word = (uint16_t)pair[0] | (int32_t)((uint32_t)(uint16_t)pair[2] << 16);
          else memcpy(word, bytes[d] + 4 * i, 4);
        }
      const float scaled = (float)sum * scale * (type == ALORA_TYPE_Q4_0 ? -8.0f : 1.0f);
      int32_t *after = to + (record - ROWS_AFTER_DIGITS) * tokens + t;
      memcpy(after, &scale, 4);
      memcpy(after + tokens, &scaled, 4);
      after[2 * tokens] = -BIAS * ((sum - sum_low) >> 15);
      after[3 * tokens] = -BIAS * sum_low;
    }
}

void KERNEL(integer_quantize)(alora_type type, const float *x, size_t tokens, size_t columns, int32_t *packed) {
  const size_t tiles = alora_tile_count(tokens), record = (size_t)RECORD(type == ALORA_TYPE_Q8_0);
  for (size_t tile = 0; tile < tiles; tile++) {
    const size_t start = alora_tile_start(tile, tiles, tokens), end = alora_tile_start(tile + 1, tiles, tokens);
    quantize_tile(type, x + start * columns, end - start, columns, packed + start * (columns / 32) * record);
  }
}

// Word i of the weights of block b, and its scale and negated minimum, for vector v from `h` on of panels `step` bytes apart.
#define BLOCKS const uint8_t *panel, size_t step, size_t h, size_t v, size_t b, alora_type type
INLINE v16i weight_word(BLOCKS, size_t i) {
  const v16i mask = i_set(0x0f0f0f0fu);
  const uint8_t *block = panel + b * (32 * 18);
  if (type == ALORA_TYPE_Q4_0) return i_and(i < 4 ? WORD(i, v) : i_right(WORD(i - 4, v), 4), mask);
  if (type == ALORA_TYPE_Q4_K) {
    block = panel + b / 8 * (32 * 144);
    const v16i w = WORD(3 + 8 * (b % 8 / 2) + i, v);
    return i_and(b % 2 ? i_right(w, 4) : w, mask);
  }
  block = panel + b * (32 * 34);
#if HALVES
  const v16i w = WORD(i / 2, v), even = {_mm256_slli_epi16(w.a, 8), _mm256_slli_epi16(w.b, 8)}, s = i % 2 ? w : even;
  return (v16i){_mm256_srai_epi16(s.a, 8), _mm256_srai_epi16(s.b, 8)};
#else
  const v16i w = WORD(i, v);
  return BIAS ? i_bytes_minus(w, BIAS) : w;
#endif
}
INLINE void weight_scale(BLOCKS, v16f *d, v16f *minus) {
  const uint8_t *block = panel + (type == ALORA_TYPE_Q4_K ? b / 8 * (32 * 144) : b * (type == ALORA_TYPE_Q4_0 ? 32 * 18 : 32 * 34));
  if (type == ALORA_TYPE_Q4_K)
    k_scales(WORD(0, v), WORD(1, v), WORD(2, v), (int)(b % 8), v_load_f16(HALF_FIELD(35, 0, v)),
             negative(v_load_f16(HALF_FIELD(35, 1, v))), d, minus);
  else *d = v_load_f16(HALF_FIELD(type == ALORA_TYPE_Q4_0 ? 4 : 8, 0, v));
}

// From a block's sums to its share of y. The integers are H and L, or S and nothing.   rows: one token's, `tokens` apart
INLINE v16f add_block(v16f y, v16i high, v16i low, v16f d, v16f minus, const int32_t *rows, size_t tokens, alora_type type) {
  float scale, sum;
  memcpy(&scale, rows, 4);
  memcpy(&sum, rows + tokens, 4);
  if (type == ALORA_TYPE_Q4_0) return v_fma(d, v_fma(i_to_float(high), v_set(scale), v_set(sum)), y);
  if (type == ALORA_TYPE_Q4_K) return v_fma(minus, v_set(sum), v_fma(d, v_mul(i_to_float(high), v_set(scale)), y));
  return v_fma(d, v_mul(v_fma(i_to_float(high), v_set(0x1p15f), i_to_float(low)), v_set(scale)), y);
}

// `blocks` blocks of a strip of weights times `tokens` tokens of a tile with `all`, which are constants at each call.
//   w: [block][word][32 rows]   d, minus: [block][32]   x: the tile, from the first token and block on   y: [token][y_stride]
#define DIGIT(s, shift, first)                                                                                             \
  {                                                                                                                        \
    dots a[PRODUCT_TOKENS][PRODUCT_VECTORS];                                                                               \
    FLAT for (int t = 0; t < tokens; t++) FLAT for (int v = 0; v < PRODUCT_VECTORS; v++) a[t][v] = dots_open(s[t][v], shift); \
    __asm__ volatile("" ::: "memory"); /* each digit loads the weights again, which takes fewer registers */               \
    FLAT for (size_t i = 0; i < words; i++) {                                                                              \
      v16i row[PRODUCT_VECTORS];                                                                                           \
      FLAT for (int v = 0; v < PRODUCT_VECTORS; v++) row[v] = i_load(w + 32 * i + 16 * v);                                 \
      FLAT for (int t = 0; t < tokens; t++)                                                                                \
        FLAT for (int v = 0; v < PRODUCT_VECTORS; v++) a[t][v] = dots_add(a[t][v], row[v], x[((first) + i) * all + (size_t)t], wide); \
    }                                                                                                                      \
    FLAT for (int t = 0; t < tokens; t++)                                                                                  \
      FLAT for (int v = 0; v < PRODUCT_VECTORS; v++) s[t][v] = dots_close(s[t][v], shift, a[t][v], wide);                  \
  }
INLINE void strip_times_tokens(alora_type type, const int32_t *w, const float *d, const float *minus, size_t blocks, const int32_t *x,
                               size_t all, const int tokens, float *restrict y, size_t y_stride) {
  const int wide = type == ALORA_TYPE_Q8_0;
  const size_t words = (size_t)WORDS(wide), record = (size_t)RECORD(wide);
  for (size_t b = 0; b < blocks; b++, x += record * all, w += 32 * words) {
    const int32_t *after = x + (record - ROWS_AFTER_DIGITS) * all;
    v16i high[PRODUCT_TOKENS][PRODUCT_VECTORS], low[PRODUCT_TOKENS][PRODUCT_VECTORS];
    FLAT for (int t = 0; t < tokens; t++) FLAT for (int v = 0; v < PRODUCT_VECTORS; v++) {
      high[t][v] = wide * BIAS ? i_set((uint32_t)after[2 * all + (size_t)t]) : zero();
      low[t][v] = zero();
    }
    DIGIT(high, 0, 0)
    if (!wide) {
      DIGIT(high, 8, words)
      DIGIT(high, 7, 2 * words)
    } else {
      // The high sums wait in memory: the registers are those of the low ones.
      DIGIT(low, 0, words)
      if (LOW_DIGITS(wide) > 1) DIGIT(low, 7, 2 * words)
    }
    FLAT for (int t = 0; t < tokens; t++) FLAT for (int v = 0; v < PRODUCT_VECTORS; v++) {
      float *to = y + (size_t)t * y_stride + 16 * v;
      if (wide * BIAS) low[t][v] = i_add(low[t][v], i_set((uint32_t)after[3 * all + (size_t)t]));
      v_store(to, add_block(v_load(to), high[t][v], low[t][v], v_load(d + 32 * b + 16 * (size_t)v),
                            v_load(minus + 32 * b + 16 * (size_t)v), after + t, all, type));
    }
  }
}

#define CASE(n) case n: strip_times_tokens(type, w + v, d + v, minus + v, blocks, x + i, tokens, n, sums + 32 * i + v, 32); break;
#define STRIP(type_name)                                                                                                   \
  TARGET static void strip_##type_name(const int32_t *w, const float *d, const float *minus, size_t blocks, const int32_t *x,  \
                                       size_t tokens, float *y, size_t y_stride) {                                         \
    const alora_type type = ALORA_TYPE_##type_name;                                                                        \
    _Alignas(64) float sums[12 * 32]; /* rows of y may lie a power of two apart, which few of a cache's ways serve */      \
    for (size_t t = 0; t < tokens; t++) memcpy(sums + 32 * t, y + t * y_stride, 128);                                      \
    for (size_t i = 0; i < tokens; i += PRODUCT_TOKENS)                                                                    \
      for (size_t v = 0; v < 32; v += 16 * PRODUCT_VECTORS)                                                                \
        switch (tokens - i < PRODUCT_TOKENS ? tokens - i : PRODUCT_TOKENS) { CASES }                                       \
    for (size_t t = 0; t < tokens; t++) memcpy(y + t * y_stride, sums + 32 * t, 128);                                      \
  }
#if PRODUCT_TOKENS == 12 || PRODUCT_TOKENS == 6 || PRODUCT_TOKENS == 6
#define CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
#elif PRODUCT_TOKENS == 4
#define CASES CASE(1) CASE(2) CASE(3) CASE(4)
#elif PRODUCT_TOKENS == 3
#define CASES CASE(1) CASE(2) CASE(3)
#else
#define CASES CASE(1)
#endif
STRIP(Q4_0) STRIP(Q4_K) STRIP(Q8_0)

// Many tokens: 256 columns of a panel are unpacked, then run against every tile; the same columns of the tiles serve a few panels.
#define MANY(type_name)                                                                                                    \
  TARGET static void many_##type_name(const uint8_t *panels, size_t step, size_t panel_count, size_t columns, const int32_t *x, \
                                      size_t tokens, float *y, size_t y_stride) {                                          \
    const alora_type type = ALORA_TYPE_##type_name;                                                                        \
    const int wide = type == ALORA_TYPE_Q8_0;                                                                              \
    _Alignas(64) int32_t w[8 * 16 * 32];                                                                                   \
    _Alignas(64) float d[8 * 32], minus[8 * 32];                                                                           \
    const size_t words = (size_t)WORDS(wide), record = (size_t)RECORD(wide), tiles = alora_tile_count(tokens);             \
    for (size_t t = 0; t < tokens; t++) memset(y + t * y_stride, 0, 128 * panel_count);                                    \
    for (size_t first = 0; first < columns / 32; first += 8) for (size_t p = 0; p < panel_count; p++) {                    \
      const uint8_t *panel = panels + p * step;                                                                            \
      for (size_t b = 0; b < 8; b++) for (size_t v = 0; v < 2; v++) {                                                      \
        v16f scale, offset = v_set(0.0f);                                                                                  \
        weight_scale(panel, 0, 0, v, first + b, type, &scale, &offset);                                                    \
        v_store(d + 32 * b + 16 * v, scale);                                                                               \
        v_store(minus + 32 * b + 16 * v, offset);                                                                          \
        FLAT for (size_t i = 0; i < words; i++) {                                                                          \
          const v16i word = weight_word(panel, 0, 0, v, first + b, type, i);                                               \
          memcpy(w + (b * words + i) * 32 + 16 * v, &word, 64);                                                            \
        }                                                                                                                  \
      }                                                                                                                    \
      for (size_t tile = 0; tile < tiles; tile++) {                                                                        \
        const size_t start = alora_tile_start(tile, tiles, tokens), here = alora_tile_start(tile + 1, tiles, tokens) - start; \
        strip_##type_name(w, d, minus, 8, x + record * (start * (columns / 32) + first * here), here,                      \
                          y + start * y_stride + 32 * p, y_stride);                                                        \
      }                                                                                                                    \
    }                                                                                                                      \
  }
MANY(Q4_0) MANY(Q4_K) MANY(Q8_0)

// One token: ROW_VECTORS vectors of neighbouring panels, straight from the packed weights.
INLINE void one_token(alora_type type, const uint8_t *panel, size_t step, size_t columns, const int32_t *x, float *sums, const int vectors) {
  const int wide = type == ALORA_TYPE_Q8_0, digits = 1 + LOW_DIGITS(wide);
  const size_t words = (size_t)WORDS(wide), record = (size_t)RECORD(wide);
  for (size_t h = 0; h < (vectors > 2 ? 1 : 2); h += (size_t)vectors) {
    v16f y[ROW_VECTORS];
    const int32_t *at = x;
    FLAT for (int v = 0; v < vectors; v++) y[v] = v_set(0.0f);
    for (size_t b = 0; b < columns / 32; b++, at += record) {
      const size_t bytes = wide ? 32 * 34 : 32 * 18;
      if (h == 0) prefetch_ahead(panel, step, b * bytes, bytes, vectors);
      dots a[3][ROW_VECTORS];
      FLAT for (int k = 0; k < digits; k++) FLAT for (int v = 0; v < vectors; v++) a[k][v] = dots_open(zero(), 0);
      FLAT for (size_t i = 0; i < words; i++) FLAT for (int v = 0; v < vectors; v++) {
        const v16i word = weight_word(panel, step, h, (size_t)v, b, type, i);
        FLAT for (int k = 0; k < digits; k++) a[k][v] = dots_add(a[k][v], word, at[(size_t)k * words + i], wide);
      }
      const int32_t *after = at + record - ROWS_AFTER_DIGITS;
      FLAT for (int v = 0; v < vectors; v++) {
        v16i high = dots_join(zero(), 0, a[0][v], wide), low = dots_join(zero(), 0, a[1][v], wide);
        v16f d, minus = v_set(0.0f);
        weight_scale(panel, step, h, (size_t)v, b, type, &d, &minus);
        if (!wide) high = dots_join(dots_join(high, 8, a[1][v], 0), 7, a[2][v], 0);
        else {
          if (digits > 2) low = dots_join(low, 7, a[2][v], 1);
          if (BIAS) high = i_add(high, i_set((uint32_t)after[2])), low = i_add(low, i_set((uint32_t)after[3]));
        }
        y[v] = add_block(y[v], high, low, d, minus, after, 1, type);
      }
    }
    FLAT for (int v = 0; v < vectors; v++) v_store(sums + 16 * (h + (size_t)v), y[v]);
  }
}
#define ONE(type_name)                                                                                                     \
  TARGET static void one_##type_name(const uint8_t *panel, size_t step, size_t columns, const int32_t *x, float *sums) {   \
    one_token(ALORA_TYPE_##type_name, panel, step, columns, x, sums, ROW_VECTORS);                                         \
  }
ONE(Q4_0) ONE(Q4_K) ONE(Q8_0)

// rows: a multiple of 32 and, for two panels at once, of 64   columns: a multiple of 256
void KERNEL(integer_matmul)(alora_type type, const void *weights, size_t rows, size_t columns, size_t first_panel, size_t panel_count,
                            const int32_t *x, size_t tokens, float *y, size_t y_stride) {
  const size_t bytes = alora_panel_byte_count(type, columns), end = first_panel + panel_count;
  const size_t most = tokens > 1 ? 8 : ROW_VECTORS > 2 ? 2 : 1;
  (void)rows;
  for (size_t p = first_panel; p < end; p += most) {
    const size_t count = end - p < most ? end - p : most;
    const uint8_t *panel = (const uint8_t *)weights + p * bytes;
    float *to = y + 32 * p;
    if (tokens == 1)
      (type == ALORA_TYPE_Q4_0 ? one_Q4_0 : type == ALORA_TYPE_Q4_K ? one_Q4_K : one_Q8_0)(panel, bytes, columns, x, to);
    else (type == ALORA_TYPE_Q4_0 ? many_Q4_0 : type == ALORA_TYPE_Q4_K ? many_Q4_K : many_Q8_0)(panel, bytes, count, columns, x, tokens, to, y_stride);
  }
}
