// Sixteen lanes in one AVX-512 register.
#ifndef ALORA_AVX512_VECTOR_H
#define ALORA_AVX512_VECTOR_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KERNEL(name) name##_avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define INLINE static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define TILE_VECTORS 2
#define MICRO_TOKENS 12
#define MICRO_PANELS 2
#define WIDEN_VECTORS 2
#define TOKEN_PANELS 2
#define TOKEN_VECTORS 2
#define SCAN_VECTORS 4
#define FEW_GROUP 8
// For all but codebooks, whose lookups take longer than a strip.
#define TWO_GROUPS_PAY(type, tokens) \
  ((type) < ALORA_TYPE_IQ2_XXS || (type) == ALORA_TYPE_IQ4_NL || (type) == ALORA_TYPE_IQ4_XS || (type) >= ALORA_TYPE_BF16)
#define FEW_TOKENS_VECTORS 2
#define WIDENS_BY_EXPONENT 1

static const float nibble_values[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

typedef __m512 v16f;
typedef __m512 v16f_part;  // what one register holds
typedef __m512i v16i;

INLINE v16f v_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void v_store(float *p, v16f a) { _mm512_storeu_ps(p, a); }
INLINE v16f v_load_part(const float *p, size_t n) { return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
INLINE void v_store_part(float *p, v16f a, size_t n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), a); }
INLINE v16f v_set(float x) { return _mm512_set1_ps(x); }
INLINE v16f v_add(v16f a, v16f b) { return _mm512_add_ps(a, b); }
INLINE v16f v_sub(v16f a, v16f b) { return _mm512_sub_ps(a, b); }
INLINE v16f v_mul(v16f a, v16f b) { return _mm512_mul_ps(a, b); }
INLINE v16f v_div(v16f a, v16f b) { return _mm512_div_ps(a, b); }
INLINE v16f v_fma(v16f a, v16f b, v16f c) { return _mm512_fmadd_ps(a, b, c); }
INLINE v16f v_max(v16f a, v16f b) { return _mm512_max_ps(a, b); }
INLINE v16f v_min(v16f a, v16f b) { return _mm512_min_ps(a, b); }
#define HAS_TIMES_POWER_OF_TWO
// What becomes 0 is masked: scaling would take hundreds of cycles for it. A NaN in n isn't.
INLINE v16f v_times_power_of_two(v16f y, v16f n, v16f shifted) {
  return (void)shifted, _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(n, v_set(-150.5f), _CMP_NLE_UQ), y, n);
}
INLINE v16f v_if_less(v16f a, v16f b, v16f x, v16f y) { return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x); }
INLINE v16i v_bits(v16f a) { return _mm512_castps_si512(a); }
INLINE v16f i_as_float(v16i a) { return _mm512_castsi512_ps(a); }
INLINE v16f i_to_float(v16i a) { return _mm512_cvtepi32_ps(a); }
INLINE v16i i_load(const void *p) { return _mm512_loadu_si512(p); }
INLINE void i_store(void *p, v16i a) { _mm512_storeu_si512(p, a); }
INLINE v16i i_load_u16(const void *p) { return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)); }
INLINE v16i i_load_u8(const void *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)); }
INLINE v16i i_gather(const uint32_t *table, v16i i) { return _mm512_i32gather_epi32(i, table, 4); }
INLINE v16i i_set(uint32_t x) { return _mm512_set1_epi32((int)x); }
INLINE v16i i_add(v16i a, v16i b) { return _mm512_add_epi32(a, b); }
INLINE v16i i_sub(v16i a, v16i b) { return _mm512_sub_epi32(a, b); }
INLINE v16i i_and(v16i a, v16i b) { return _mm512_and_si512(a, b); }
INLINE v16i i_or(v16i a, v16i b) { return _mm512_or_si512(a, b); }
INLINE v16i i_left(v16i a, int n) { return _mm512_sllv_epi32(a, _mm512_set1_epi32(n)); }
INLINE v16i i_right(v16i a, int n) { return _mm512_srlv_epi32(a, _mm512_set1_epi32(n)); }
INLINE v16i i_right_signed(v16i a, int n) { return _mm512_srav_epi32(a, _mm512_set1_epi32(n)); }
INLINE v16f i_lookup(v16i a, const float *table) { return _mm512_permutexvar_ps(a, _mm512_loadu_ps(table)); }
// A lookup of half a byte costs as much as a shift; of the lowest five bits too.
#define IS_LOOKUP_FAST 1
INLINE v16f i_lookup_32(v16i a, const float *table) {
  return _mm512_permutex2var_ps(_mm512_loadu_ps(table), a, _mm512_loadu_ps(table + 16));
}
INLINE v16f i_nibble(v16i a, int n) { return i_lookup(_mm512_srli_epi32(a, (unsigned)n), nibble_values); }
// A lookup takes the lowest four bits of a lane, so a byte's low nibble needs no shift if the vector is loaded from that byte on.
INLINE v16f i_lookup_at(const uint8_t *place, v16i a, int n, const float *table) {
  return i_lookup(n % 8 == 0 ? i_load(place + n / 8) : _mm512_srli_epi32(a, (unsigned)n), table);
}
#define i_nibble_at(place, a, n) i_lookup_at(place, a, n, nibble_values)
INLINE v16f i_high_byte(v16i a, int b) {
  const int zero = (int)0x80808080u;  // a shuffle's byte with its top bit set gives 0
  return _mm512_cvtepi32_ps(_mm512_shuffle_epi8(a, _mm512_set4_epi32(
    (12 + b) << 24 | (zero & 0xffffff), (8 + b) << 24 | (zero & 0xffffff), (4 + b) << 24 | (zero & 0xffffff), b << 24 | (zero & 0xffffff))));
}
INLINE v16i i_select(uint32_t mask, v16i a, v16i b) { return _mm512_ternarylogic_epi32(i_set(mask), a, b, 0xca); }
// A permutation of two registers takes the lowest five bits of a lane.
static const float five_values[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                      16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
INLINE v16f i_five(v16i w, int b) { return i_lookup_32(_mm512_srli_epi32(w, 8 * (unsigned)b), five_values); }
#define i_five_at(place, w, b) i_lookup_32(i_load((place) + (b)), five_values)
// Two bits from bit 2 * f of the lowest byte. A lookup takes four bits; in these tables the other two don't matter.
#define PAIR_UNIT(f) 1.0f
#define PAIR_HIGH(w) _mm512_srli_epi32(w, 4)
static const float pair_values[2][16] = {{0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3}, {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3}};
INLINE v16f i_pair(v16i w, int f) { return i_lookup(w, pair_values[f % 2]); }
INLINE v16f v_load_f16(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }

#endif
