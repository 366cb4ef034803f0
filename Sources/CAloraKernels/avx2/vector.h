// Sixteen lanes in two AVX registers: lanes 0 to 7 in `a`, 8 to 15 in `b`.
#ifndef ALORA_AVX2_VECTOR_H
#define ALORA_AVX2_VECTOR_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KERNEL(name) name##_avx2
#define TARGET __attribute__((target("avx2,fma,f16c")))
#define INLINE static inline __attribute__((always_inline, target("avx2,fma,f16c")))
#define TILE_VECTORS 1
#define MICRO_TOKENS 6
#define MICRO_PANELS 1
#define WIDEN_VECTORS 1
#define TOKEN_PANELS 1
#define TOKEN_VECTORS 2
#define SCAN_VECTORS 2
#define FEW_GROUP 4
#define TWO_GROUPS_PAY(type, tokens) ((tokens) >= 7 && (type) != ALORA_TYPE_Q5_K)
#define FEW_TOKENS_VECTORS 1
#define WIDENS_BY_EXPONENT 0
#define IS_LOOKUP_FAST 0

typedef struct { __m256 a, b; } v16f;
typedef __m256 v16f_part;  // what one register holds
typedef struct { __m256i a, b; } v16i;

INLINE v16f v_load(const float *p) { return (v16f){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
INLINE void v_store(float *p, v16f x) { _mm256_storeu_ps(p, x.a); _mm256_storeu_ps(p + 8, x.b); }
INLINE v16f v_load_part(const float *p, size_t n) { float t[16] = {0}; memcpy(t, p, 4 * n); return v_load(t); }
INLINE void v_store_part(float *p, v16f x, size_t n) { float t[16]; v_store(t, x); memcpy(p, t, 4 * n); }
INLINE v16f v_set(float x) { return (v16f){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
INLINE v16f v_add(v16f x, v16f y) { return (v16f){_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
INLINE v16f v_sub(v16f x, v16f y) { return (v16f){_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
INLINE v16f v_mul(v16f x, v16f y) { return (v16f){_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
INLINE v16f v_div(v16f x, v16f y) { return (v16f){_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
INLINE v16f v_fma(v16f x, v16f y, v16f z) { return (v16f){_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
INLINE v16f v_max(v16f x, v16f y) { return (v16f){_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
INLINE v16f v_min(v16f x, v16f y) { return (v16f){_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
INLINE v16f v_if_less(v16f p, v16f q, v16f x, v16f y) {
  return (v16f){_mm256_blendv_ps(y.a, x.a, _mm256_cmp_ps(p.a, q.a, _CMP_LT_OQ)),
                _mm256_blendv_ps(y.b, x.b, _mm256_cmp_ps(p.b, q.b, _CMP_LT_OQ))};
}
INLINE v16i v_bits(v16f x) { return (v16i){_mm256_castps_si256(x.a), _mm256_castps_si256(x.b)}; }
INLINE v16f i_as_float(v16i x) { return (v16f){_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)}; }
INLINE v16f i_to_float(v16i x) { return (v16f){_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
INLINE v16i i_load(const void *p) { return (v16i){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)p + 1)}; }
INLINE void i_store(void *p, v16i x) { _mm256_storeu_si256((__m256i *)p, x.a); _mm256_storeu_si256((__m256i *)p + 1, x.b); }
INLINE v16i i_load_u16(const void *p) {
  return (v16i){_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p + 1))};
}
INLINE v16i i_load_u8(const void *p) {
  const __m128i bytes = _mm_loadu_si128((const __m128i *)p);
  return (v16i){_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
}
INLINE v16i i_gather(const uint32_t *table, v16i i) {
  const int *t = (const int *)table;
  return (v16i){_mm256_i32gather_epi32(t, i.a, 4), _mm256_i32gather_epi32(t, i.b, 4)};
}
INLINE v16i i_set(uint32_t x) { return (v16i){_mm256_set1_epi32((int)x), _mm256_set1_epi32((int)x)}; }
INLINE v16i i_add(v16i x, v16i y) { return (v16i){_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)}; }
INLINE v16i i_sub(v16i x, v16i y) { return (v16i){_mm256_sub_epi32(x.a, y.a), _mm256_sub_epi32(x.b, y.b)}; }
INLINE v16i i_and(v16i x, v16i y) { return (v16i){_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)}; }
INLINE v16i i_or(v16i x, v16i y) { return (v16i){_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)}; }
INLINE v16i i_left(v16i x, int n) { const __m256i c = _mm256_set1_epi32(n); return (v16i){_mm256_sllv_epi32(x.a, c), _mm256_sllv_epi32(x.b, c)}; }
INLINE v16i i_right(v16i x, int n) { const __m256i c = _mm256_set1_epi32(n); return (v16i){_mm256_srlv_epi32(x.a, c), _mm256_srlv_epi32(x.b, c)}; }
INLINE v16i i_select(uint32_t mask, v16i a, v16i b) { return i_or(i_and(a, i_set(mask)), i_and(b, i_set(~mask))); }
INLINE v16i i_right_signed(v16i x, int n) { const __m256i c = _mm256_set1_epi32(n); return (v16i){_mm256_srav_epi32(x.a, c), _mm256_srav_epi32(x.b, c)}; }
INLINE __m256 lookup8(__m256i i, __m256 low, __m256 high) {
  const __m256 upper = _mm256_castsi256_ps(_mm256_slli_epi32(i, 28));  // bit 3 of the index becomes the sign
  return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, i), _mm256_permutevar8x32_ps(high, i), upper);
}
INLINE v16f i_lookup(v16i x, const float *table) {
  const v16f t = v_load(table);
  return (v16f){lookup8(x.a, t.a, t.b), lookup8(x.b, t.a, t.b)};
}
// Each byte, from 0 to 15, becomes one of sixteen.
INLINE v16i i_byte_values(v16i i, const int8_t *values) {
  const __m256i t = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)values));
  return (v16i){_mm256_shuffle_epi8(t, i.a), _mm256_shuffle_epi8(t, i.b)};
}
INLINE v16i i_bytes_minus(v16i a, uint8_t x) {
  const __m256i c = _mm256_set1_epi8((char)x);
  return (v16i){_mm256_sub_epi8(a.a, c), _mm256_sub_epi8(a.b, c)};
}
// Byte b of each element, shifted left by `place` bytes, and zeros: in one instruction, where a shift and a mask are two.
INLINE v16i i_byte(v16i a, int b, int place) {
  const int zero = (int)(0x80808080u & ~(0xffu << 8 * place));  // a shuffle's byte with its top bit set gives 0
  const __m256i from = _mm256_add_epi32(
    _mm256_set1_epi32(zero + (b << 8 * place)), _mm256_slli_epi32(_mm256_setr_epi32(0, 4, 8, 12, 0, 4, 8, 12), 8 * place));
  return (v16i){_mm256_shuffle_epi8(a.a, from), _mm256_shuffle_epi8(a.b, from)};
}
// 2^24 times byte b, which is signed.
INLINE v16f i_high_byte(v16i a, int b) { return i_to_float(i_byte(a, b, 3)); }
// Bits n ..< n + 4, n a multiple of 4. Four of them have the first step in common.
INLINE v16i i_low_halves(v16i a, int n) { return i_and(n % 8 ? i_right(a, 4) : a, i_set(0x0f0f0f0fu)); }
INLINE v16f i_nibble(v16i a, int n) { return i_to_float(i_byte(i_low_halves(a, n), n / 8, 0)); }
INLINE v16f i_five(v16i w, int b) { return i_to_float(i_byte(i_and(w, i_set(0x1f1f1f1fu)), b, 0)); }
INLINE v16f v_load_f16(const void *p) {
  return (v16f){_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)), _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p + 1))};
}

#endif
